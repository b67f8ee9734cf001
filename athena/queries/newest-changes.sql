-- The hundred newest changes of the last week, newest first, with the columns of the items.
-- Takes no parameter. Deliveries older than seven days are not read: change the 7 to look further back.
SELECT DISTINCT *
FROM changes
WHERE dt >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
  AND change_id IS NOT NULL
ORDER BY change_time DESC, change_sequence DESC
LIMIT 100
