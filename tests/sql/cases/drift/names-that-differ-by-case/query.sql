SELECT change_id, state, total, a__b, change_type, change_rescued
FROM changes
ORDER BY change_id
