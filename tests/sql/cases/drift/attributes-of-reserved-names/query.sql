SELECT change_id, attribute_dt, attribute_change_id, change_names, change_rescued
FROM changes
ORDER BY change_id
