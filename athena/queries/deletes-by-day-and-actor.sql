-- Number of items deleted per day (UTC) by DynamoDB's time to live and by users, newest day first.
-- Takes no parameter. Reads only the last thirty days (dt): change the 30 to look further back.
SELECT
  substr(change_time, 1, 10) AS day,
  count(DISTINCT IF(change_actor = 'ttl', change_id)) AS deleted_by_ttl,
  count(DISTINCT IF(change_actor = 'user', change_id)) AS deleted_by_user
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND change_type = 'REMOVE'
GROUP BY substr(change_time, 1, 10)
ORDER BY day DESC
