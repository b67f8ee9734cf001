-- Changes that were delivered more than once (delivery is at least once), and the objects that contain them.
-- Takes no parameter. Reads only the last thirty days (dt): change the 30 to look further back.
SELECT
  change_id,
  change_time,
  change_key,
  count(*) AS deliveries,
  array_join(array_sort(array_agg(DISTINCT "$path")), ' ') AS objects
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
GROUP BY change_id, change_time, change_key
HAVING count(*) > 1
ORDER BY deliveries DESC, change_time DESC, change_id
LIMIT 100
