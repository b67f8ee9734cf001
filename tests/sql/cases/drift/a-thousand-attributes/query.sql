SELECT change_id, attribute_0000, attribute_0001, attribute_0998, attribute_0999
FROM changes
ORDER BY change_id
