-- Seconds from a change in DynamoDB to the object in S3 that holds it, by the day the row lies under (dt, which
-- is the day of delivery, or the change's own with PartitionBy event): median, 90th and 99th percentile and the
-- longest. Most of it is Firehose's buffering; every delivery counts, repeated ones too.
-- Takes no parameter. Rows under a dt older than thirty days are not read: change the 30 to look further back.
SELECT
  dt,
  count(*) AS deliveries,
  round(approx_percentile(seconds, 0.5), 3) AS median_seconds,
  round(approx_percentile(seconds, 0.9), 3) AS p90_seconds,
  round(approx_percentile(seconds, 0.99), 3) AS p99_seconds,
  round(max(seconds), 3) AS longest_seconds
FROM (
  SELECT
    dt,
    to_unixtime("$file_modified_time") - to_unixtime(
      -- what is not the function's own spelling is not read: a year of eight digits would fail the query
      IF(regexp_like(change_time, '^[0-9]{4}-.*Z$'), try(from_iso8601_timestamp(change_time)))
    ) AS seconds
  FROM changes
  WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
    AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
) AS deliveries
GROUP BY dt
ORDER BY dt DESC
