SELECT change_id, change_sequence, n
FROM changes
ORDER BY change_sequence
