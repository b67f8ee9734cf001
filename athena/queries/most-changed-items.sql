-- The hundred items with the most changes: changes by type, and the time of the first and last change.
-- Takes no parameter. Reads only the last thirty days (dt): change the 30 to look further back.
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
  AND change_type IN ('INSERT', 'MODIFY', 'REMOVE')
GROUP BY change_key
ORDER BY changes DESC, change_key
LIMIT 100
