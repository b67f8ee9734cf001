SELECT change_id, n, length(big) AS characters, substr(big, 1, 12) AS beginning
FROM changes
ORDER BY change_id
