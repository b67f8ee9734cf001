SELECT change_id, fresh, count(fresh) OVER () AS known
FROM changes
ORDER BY change_id
