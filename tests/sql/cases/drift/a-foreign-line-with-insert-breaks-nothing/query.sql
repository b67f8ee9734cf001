SELECT change_id, change_time, n
FROM changes
WHERE change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
ORDER BY change_id
