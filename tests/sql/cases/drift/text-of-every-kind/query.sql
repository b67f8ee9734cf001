SELECT change_id, n, length(n) AS characters
FROM changes
ORDER BY change_id
