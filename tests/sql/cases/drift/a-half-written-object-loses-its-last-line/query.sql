SELECT change_id, change_type, n
FROM changes
ORDER BY change_id, "$path"
