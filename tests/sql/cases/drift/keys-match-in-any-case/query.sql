SELECT change_id, n
FROM changes
ORDER BY change_id
