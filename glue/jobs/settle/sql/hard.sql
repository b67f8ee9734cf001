-- The touched items whose newest state the stored row and the fresh rows do not decide: they are ranked again
-- among all their settled changes.
-- First part: the rows of the newest time lead round in a circle, so the state held before them decides. They do not if one
-- of them is a SNAPSHOT, or if all have a sequence of DynamoDB Streams. A sequence that two of them share decides nothing.
-- Second part: of the changes of the stored time, only one is stored; or an older row may alter the state on which the
-- stored one leans.
WITH timed AS (
  SELECT *, max(change_time) OVER (PARTITION BY change_table, change_key) AS latest
  FROM known
),
tied AS (
  SELECT
    change_table,
    change_key,
    change_type,
    coalesce(change_before, '') AS left_state,
    coalesce(change_after, '') AS reached_state,
    min(change_sequence) AS sequence
  FROM timed
  WHERE change_time <=> latest
  GROUP BY
    change_table,
    change_key,
    change_type,
    change_before,
    change_after,
    IF(length(change_sequence) = 40, change_id, NULL)
)
SELECT change_table, change_key
FROM tied
GROUP BY change_table, change_key
HAVING count(*) > 1
  AND (
    (
      NOT bool_or(change_type = 'SNAPSHOT')
      AND sort_array(collect_list(left_state)) = sort_array(collect_list(reached_state))
      AND NOT bool_and(coalesce(length(sequence) = 40, false))
    )
    OR (
      bool_and(change_type = 'SNAPSHOT' OR coalesce(length(sequence) = 40, false))
      -- collected, because count(DISTINCT) makes the plan twice as large
      AND size(array_distinct(collect_list(IF(length(sequence) = 40, sequence, NULL))))
      < count_if(length(sequence) = 40)
    )
  )
UNION
SELECT fresh.change_table, fresh.change_key
FROM fresh
JOIN touched
  ON touched.change_table = fresh.change_table
  AND touched.change_key = fresh.change_key
WHERE (fresh.change_time <=> touched.stored_time AND touched.stored_ties > 1)
  OR (fresh.change_time < touched.stored_time AND touched.stored_leans)
