-- The items that the fresh rows can change, each with its stored time, ties and leaning (null for a new item).
-- Rows that are all older than the stored state change nothing, unless that state leans on the state before it. A row without
-- a time counts as older than all others, and never as that state.
SELECT
  fresh.change_table,
  fresh.change_key,
  first(stored.change_time) AS stored_time,
  first(stored.settled_ties) AS stored_ties,
  first(stored.settled_leans) AS stored_leans
FROM fresh
LEFT JOIN stored
  ON stored.change_table = fresh.change_table
  AND stored.change_key = fresh.change_key
GROUP BY fresh.change_table, fresh.change_key
HAVING max(fresh.change_time) >= first(stored.change_time)
  OR first(stored.change_time) IS NULL -- also for a new item
  OR (first(stored.settled_leans) AND min(fresh.change_time) IS NOT NULL)
