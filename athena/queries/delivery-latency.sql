-- Seconds from a change in DynamoDB to its object in S3, per day (dt): median, 90th and 99th percentile, and longest.
-- dt is the day of delivery, or with PartitionBy event the day of the change. Firehose's buffering is most of the time.
-- Every delivery counts, repeated ones too. Rows that a command wrote (redrive, backfill) are left out: they came late.
-- Takes no parameter. Reads only the last thirty days (dt): change the 30 to look further back.
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
      -- only times in the function's own format: a year of eight digits would fail the query
      IF(regexp_like(change_time, '^[0-9]{4}-.*Z$'), try(from_iso8601_timestamp(change_time)))
    ) AS seconds
  FROM changes
  WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
    AND change_type IN ('INSERT', 'MODIFY', 'REMOVE')
    AND "$path" NOT LIKE '%/repair-%'
) AS deliveries
GROUP BY dt
ORDER BY dt DESC
