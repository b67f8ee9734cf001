-- The hundred newest changes of the last week, newest first, with the columns of the items.
-- A change that was delivered twice is shown once: #delivery, the last column, is 1.
-- Takes no parameter. Reads only the last seven days (dt): change the 7 to look further back.
SELECT *
FROM (
  SELECT
    *,
    row_number() OVER (PARTITION BY change_id ORDER BY dt, change_sequence) AS "#delivery"
  FROM changes
  WHERE dt >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
    AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
)
WHERE "#delivery" = 1
ORDER BY change_time DESC, change_sequence DESC, change_id DESC
LIMIT 100
