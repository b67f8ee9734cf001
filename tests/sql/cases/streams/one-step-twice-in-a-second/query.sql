SELECT change_id, pk, n, length(change_sequence) AS digits
FROM changes
ORDER BY change_id, digits
