-- How long each order had each status. A status that an order returned to counts once, with the sum of its times.
-- `seconds` counts the finished times only; `is_current` marks the status that the order has now.
WITH states AS (
  SELECT
    pk AS order_id,
    status,
    CAST(from_iso8601_timestamp(valid_from) AS timestamp) AS began,
    CAST(from_iso8601_timestamp(valid_to) AS timestamp) AS ended
  FROM {{ source('lake', 'history_orders') }}
  WHERE change_type <> 'REMOVE'
)
SELECT
  order_id,
  status,
  CAST(sum(coalesce(date_diff('millisecond', began, ended), 0)) AS double) / 1000 AS seconds,
  min(began) AS first_time,
  bool_or(ended IS NULL) AS is_current
FROM states
GROUP BY order_id, status
