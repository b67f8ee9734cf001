-- Every change of one item, oldest first, with the item's columns after each change. A REMOVE shows the last state.
-- A change that was delivered twice is shown once: #delivery, the last column, is 1.
-- Parameter 1: the item's key in the format of change_key, canonical DynamoDB JSON, e.g. '{"pk":{"S":"order-1"}}'.
-- Reads the whole lake. Add AND dt >= '2026-11-01' to read less.
SELECT *
FROM (
  SELECT
    *,
    row_number() OVER (PARTITION BY change_id ORDER BY dt, change_sequence) AS "#delivery"
  FROM changes
  WHERE change_key = ?
    AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
)
WHERE "#delivery" = 1
ORDER BY change_time, change_sequence, change_id
