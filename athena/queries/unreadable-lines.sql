-- Objects with lines that are no row of this lake (half-written or foreign files), and how many such lines.
-- Takes no parameter. Rows under a dt older than thirty days are not read: change the 30 to look further back.
SELECT
  "$path" AS object,
  count(*) AS lines
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND (change_type IS NULL OR NOT change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT'))
GROUP BY "$path"
ORDER BY lines DESC, object
LIMIT 100
