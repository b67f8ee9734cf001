SELECT change_id, change_time, length(change_sequence) AS digits
FROM changes
ORDER BY change_id, digits
