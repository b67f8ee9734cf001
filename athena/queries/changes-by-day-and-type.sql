-- Number of changes per day (UTC) and type, newest day first.
-- A change that was delivered twice counts once.
-- Takes no parameter. Reads only the last thirty days (dt): change the 30 to look further back.
SELECT
  substr(change_time, 1, 10) AS day,
  change_type,
  count(DISTINCT change_id) AS changes
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
GROUP BY substr(change_time, 1, 10), change_type
ORDER BY day DESC, change_type
