SELECT change_id, "order", "select", "user", "values"
FROM changes
ORDER BY "order"
