SELECT change_id, age, change_delivery, change_number, valid_from, state
FROM changes
ORDER BY change_id
