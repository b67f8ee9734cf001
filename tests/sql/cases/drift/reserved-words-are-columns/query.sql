SELECT change_id, "order", "select", "user", "values", "from", "where", "group", "table", "end", "current_date", "null", "true", "row"
FROM changes
ORDER BY change_id, "order"
