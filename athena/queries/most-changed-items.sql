-- The hundred items that changed most: changes by type, and when the first and the last one were made.
-- Takes no parameter. Rows under a dt older than thirty days are not read: change the 30 to look further back.
SELECT
  change_key,
  count(DISTINCT change_id) AS changes,
  count(DISTINCT IF(change_type = 'INSERT', change_id)) AS inserts,
  count(DISTINCT IF(change_type = 'MODIFY', change_id)) AS modifies,
  count(DISTINCT IF(change_type = 'REMOVE', change_id)) AS removes,
  min(change_time) AS first_change,
  max(change_time) AS last_change
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
GROUP BY change_key
ORDER BY changes DESC, change_key
LIMIT 100
