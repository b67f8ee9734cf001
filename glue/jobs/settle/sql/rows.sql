-- The rows among which the newest change of each touched item is looked for: all its settled changes for a hard item,
-- else those of its newest time among the stored row and the fresh rows.
SELECT ${columns}
FROM history
LEFT SEMI JOIN hard
  ON hard.change_table = history.change_table
  AND hard.change_key = history.change_key
UNION ALL
SELECT ${columns}
FROM (
  SELECT *, max(change_time) OVER (PARTITION BY change_table, change_key) AS `#latest`
  FROM known
  LEFT ANTI JOIN hard
    ON hard.change_table = known.change_table
    AND hard.change_key = known.change_key
) AS easy
WHERE change_time <=> `#latest`
