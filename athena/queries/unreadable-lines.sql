-- Objects with lines that are not rows of this lake (half-written or foreign files), and the number of such lines.
-- Takes no parameter. Reads only the last thirty days (dt): change the 30 to look further back.
SELECT
  "$path" AS object,
  count(*) AS lines
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND (change_type IS NULL OR NOT change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT'))
GROUP BY "$path"
ORDER BY lines DESC, object
LIMIT 100
