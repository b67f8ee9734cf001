SELECT "$path" AS object, count(*) AS lines, count(change_id) AS rows
FROM changes
GROUP BY "$path"
ORDER BY object
