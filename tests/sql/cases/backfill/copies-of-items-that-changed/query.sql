SELECT change_key, change_type, change_time, n
FROM changes
ORDER BY change_key, change_time, change_type
