-- Values without their own column, because two attributes map to the same column name; newest first.
-- A change that was delivered twice is shown once.
-- Takes no parameter. Reads only the last thirty days (dt): change the 30 to look further back.
SELECT
  min(change_time) AS change_time,
  min(change_sequence) AS change_sequence,
  change_type,
  change_key,
  change_rescued
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
  AND change_rescued IS NOT NULL
GROUP BY change_id, change_type, change_key, change_rescued
ORDER BY change_time DESC, change_sequence DESC, change_key
LIMIT 100
