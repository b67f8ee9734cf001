SELECT change_id, count(*) AS rows
FROM changes
GROUP BY change_id
ORDER BY change_id
