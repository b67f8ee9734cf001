-- The newest change of each item among `rows`: the rule of athena/views/current.sql, in Spark's dialect, where NULL is the
-- smallest value unless the order says otherwise. A deletion stays, as the item's last state.
-- settled_ties: how many distinct changes the item has at that time. settled_leans: whether these lead round in a circle (or
-- share the last sequence), so that the state held before them decided.
WITH delivered AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY
        change_table,
        change_key,
        change_time,
        change_type,
        change_before,
        change_after,
        IF(length(change_sequence) = 40, change_id, NULL)
      ORDER BY change_sequence ASC NULLS LAST, change_id ASC NULLS LAST, dt ASC NULLS LAST
    ) AS `#delivery`
  FROM rows
),
tied AS (
  SELECT
    *,
    count(*) OVER (PARTITION BY change_table, change_key, change_time) AS settled_ties,
    collect_list(IF(change_type <> 'SNAPSHOT', coalesce(change_before, ''), NULL))
      OVER (PARTITION BY change_table, change_key, change_time) AS `#states_left`,
    collect_list(coalesce(change_after, ''))
      OVER (PARTITION BY change_table, change_key, change_time) AS `#states_reached`,
    collect_list(IF(length(change_sequence) = 40, change_sequence, NULL))
      OVER (PARTITION BY change_table, change_key, change_time) AS `#sequences`,
    bool_and(change_type = 'SNAPSHOT' OR coalesce(length(change_sequence) = 40, false))
      OVER (PARTITION BY change_table, change_key, change_time) AS `#in_sequence`
  FROM delivered
  WHERE `#delivery` = 1
),
linked AS (
  SELECT
    *,
    size(filter(`#states_reached`, state -> state = coalesce(change_after, '')))
    > size(filter(`#states_left`, state -> state = coalesce(change_after, ''))) AS `#ends`
  FROM tied
),
placed AS (
  SELECT
    *,
    coalesce(
      last_value(IF(`#ends`, coalesce(change_after, ''), NULL)) IGNORE NULLS OVER (
        PARTITION BY change_table, change_key
        ORDER BY change_time ASC NULLS LAST, change_sequence ASC NULLS LAST, change_id ASC NULLS LAST
      ),
      ''
    ) AS `#state_held`
  FROM linked
),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY change_table, change_key
      ORDER BY
        change_time DESC NULLS LAST,
        IF(`#in_sequence` AND length(change_sequence) = 40, change_sequence, NULL) DESC NULLS LAST,
        IF(`#ends`, 1, 0) DESC,
        IF(coalesce(change_after, '') = `#state_held`, 1, 0) DESC,
        change_sequence DESC NULLS LAST,
        change_id DESC NULLS LAST
    ) AS `#age`
  FROM placed
)
SELECT
  ${columns},
  settled_ties,
  settled_ties > 1
    AND (
      (
        sort_array(`#states_left`) = sort_array(`#states_reached`)
        AND size(`#sequences`) < settled_ties
      )
      OR (`#in_sequence` AND size(array_distinct(`#sequences`)) < size(`#sequences`))
    ) AS settled_leans
FROM ranked
WHERE `#age` = 1
