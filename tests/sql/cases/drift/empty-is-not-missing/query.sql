SELECT change_id, n, length(n) AS characters, coalesce(n, 'missing') AS shown
FROM changes
ORDER BY change_id
