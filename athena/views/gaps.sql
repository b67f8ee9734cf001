-- Places where the chain of changes of an item is broken, so that changes are missing. No rows means no gap was found.
-- To fill in: the name of the view, the source table, the cut between two roads (nothing if there is none).
-- The rows are those of `changes`, or come from settled tables (settled/changes.sql).
-- The changes of one time must form a path, in some order, from the state before them to another state, through all of
-- them. A row means that something is missing after a state was last reached, or before a state was left.
-- An item that existed before streaming was enabled is listed with its first state, unless a backfill (SNAPSHOT) wrote
-- it: its changes begin at the copied state, or they reach it until a minute after the copy. (A scan gives a copy the time
-- of the answer before it.) The view cannot show two losses: changes after the last delivered change of an item (compare
-- the current view with the table), and a complete loop back to the same state (A to B to A, or inserted and removed).
-- A row of DynamoDB Streams (sequence of 40 digits; Kinesis has 129) has its time in whole seconds, so an item can make
-- the same step twice at one time. There, the eventID distinguishes a repeated delivery from another change.
CREATE OR REPLACE VIEW gaps_${name} AS
WITH ${before}steps AS (
  SELECT
    change_key,
    change_time,
    IF(change_type = 'SNAPSHOT', NULL, ARRAY[coalesce(change_before, ''), coalesce(change_after, '')]) AS step,
    IF(change_type = 'SNAPSHOT', change_after) AS state_copied,
    min(change_sequence) AS change_sequence
  FROM ${rows}
  WHERE change_table = '${source}'
    AND change_key IS NOT NULL
    AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')${roads}
  GROUP BY
    change_key,
    change_time,
    change_type,
    change_before,
    change_after,
    IF(length(change_sequence) = 40, change_id)
),
moments AS (
  SELECT
    change_key,
    change_time,
    array_agg(step ORDER BY change_sequence DESC, step) FILTER (WHERE step IS NOT NULL) AS steps,
    min(state_copied) AS state_copied
  FROM steps
  GROUP BY change_key, change_time
),
visits AS (
  SELECT
    *,
    transform(steps, step -> step[1]) AS states_left,
    transform(steps, step -> step[2]) AS states_reached,
    first_value(state_copied) IGNORE NULLS OVER (
      PARTITION BY change_key ORDER BY change_time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_copied,
    min(IF(state_copied IS NOT NULL, change_time)) OVER (PARTITION BY change_key) AS first_copied_at
  FROM moments
),
linked AS (
  SELECT
    *,
    flatten(transform(
      array_distinct(states_left),
      state -> repeat(
        state,
        CAST(
          greatest(
            cardinality(filter(states_left, other -> other = state))
              - cardinality(filter(states_reached, other -> other = state)),
            0
          ) AS integer
        )
      )
    )) AS begins,
    flatten(transform(
      array_distinct(states_reached),
      state -> repeat(
        state,
        CAST(
          greatest(
            cardinality(filter(states_reached, other -> other = state))
              - cardinality(filter(states_left, other -> other = state)),
            0
          ) AS integer
        )
      )
    )) AS ends
  FROM visits
  WHERE steps IS NOT NULL
),
ordered AS (
  SELECT
    *,
    IF(cardinality(begins) = 0, states_left, begins) AS possible_begins,
    lag(change_time) OVER (PARTITION BY change_key ORDER BY change_time) AS time_before,
    lag(IF(cardinality(begins) = 0, states_left)) OVER (PARTITION BY change_key ORDER BY change_time) AS circle_before,
    bool_or(
      contains(states_reached, first_copied)
      -- a year of five digits or more would fail the query
      AND try(from_iso8601_timestamp(regexp_extract(change_time, '^[0-9]{4}-.*')))
      <= try(from_iso8601_timestamp(regexp_extract(first_copied_at, '^[0-9]{4}-.*'))) + INTERVAL '1' MINUTE
    ) OVER (PARTITION BY change_key) AS reaches_copied,
    coalesce(
      last_value(element_at(ends, 1)) IGNORE NULLS OVER (
        PARTITION BY change_key ORDER BY change_time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ),
      ''
    ) AS last_end
  FROM linked
),
placed AS (
  SELECT
    *,
    CASE
      WHEN NOT contains(circle_before, last_end)
        THEN coalesce(element_at(array_intersect(circle_before, possible_begins), 1), circle_before[1])
      WHEN last_end = '' AND time_before IS NULL AND contains(possible_begins, first_copied) THEN first_copied
      WHEN last_end = '' AND time_before IS NULL AND reaches_copied THEN possible_begins[1]
      ELSE last_end
    END AS state_held
  FROM ordered
),
walked AS (
  SELECT
    *,
    reduce(
      flatten(repeat(steps, CAST(cardinality(steps) AS integer))),
      ARRAY[IF(cardinality(begins) = 1, begins[1], state_held)],
      (seen, step) -> IF(contains(seen, step[1]) OR contains(seen, step[2]), array_union(seen, step), seen),
      seen -> seen
    ) AS connected
  FROM placed
),
breaks AS (
  SELECT
    change_key,
    transform(
      slice(begins, 1, greatest(array_position(begins, state_held) - 1, 0))
      || slice(begins, array_position(begins, state_held) + 1, cardinality(begins))
      || filter(
        ARRAY[IF(cardinality(begins) < 2, array_max(array_except(states_left, connected)))],
        state -> state IS NOT NULL
      ),
      state -> CAST(ROW(state, 'before', change_time) AS ROW(state varchar, missing varchar, change_time varchar))
    )
    || transform(
      filter(ARRAY[state_held], state -> NOT contains(possible_begins, state)),
      state -> CAST(ROW(state, 'after', time_before) AS ROW(state varchar, missing varchar, change_time varchar))
    )
    || transform(
      slice(ends, 2, cardinality(ends)),
      state -> CAST(ROW(state, 'after', change_time) AS ROW(state varchar, missing varchar, change_time varchar))
    ) AS found
  FROM walked
)
SELECT change_key, broken.state AS broken_state, broken.missing, broken.change_time
FROM breaks
CROSS JOIN UNNEST(found) AS broken (state, missing, change_time)
WHERE broken.state <> ''
