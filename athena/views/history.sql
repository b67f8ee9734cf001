-- Every change of the items of one table, once and in order, with a number and the time its state was valid.
-- To fill in: the name of the view, the source table, the cut between two roads (nothing if there is none), the metadata
-- columns that are not listed here, and the columns of the items (each after a comma), cast to the wanted types.
-- The rows are those of `changes`, or come from settled tables (settled/changes.sql).
-- A change delivered again, even with another eventID, has the same content for the same item at the same time and
-- counts once. Changes of the same time are in the order of their chain: first the one that leaves the state before
-- them, last the one whose state is reached more often than left, and those in between by sequence.
-- A row of DynamoDB Streams (sequence of 40 digits; Kinesis has 129) has its time in whole seconds, so an item can make
-- the same step twice at one time. There, the eventID distinguishes a repeated delivery from another change, and the
-- sequence gives the order, unless a change without a sequence is among them.
-- Names with # belong to the view: no attribute has a column with such a name.
CREATE OR REPLACE VIEW history_${name} AS
WITH ${before}delivered AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY
        change_key,
        change_time,
        change_type,
        change_before,
        change_after,
        IF(length(change_sequence) = 40, change_id)
      ORDER BY change_sequence, change_id, dt
    ) AS "#delivery"
  FROM ${rows}
  WHERE change_table = '${source}'
    AND change_key IS NOT NULL
    AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')${roads}
),
tied AS (
  SELECT
    *,
    coalesce(change_before = change_after, false) AS "#stays",
    array_agg(IF(change_before = change_after OR change_type = 'SNAPSHOT', '-', coalesce(change_before, '')))
      OVER (PARTITION BY change_key, change_time) AS "#states_left",
    array_agg(IF(change_before = change_after, '-', coalesce(change_after, '')))
      OVER (PARTITION BY change_key, change_time) AS "#states_reached",
    bool_and(change_type = 'SNAPSHOT' OR coalesce(length(change_sequence) = 40, false))
      OVER (PARTITION BY change_key, change_time) AS "#in_sequence"
  FROM delivered
  WHERE "#delivery" = 1
),
linked AS (
  SELECT
    *,
    cardinality(filter("#states_left", state -> state = coalesce(change_before, '')))
    > cardinality(filter("#states_reached", state -> state = coalesce(change_before, ''))) AS "#begins",
    cardinality(filter("#states_reached", state -> state = coalesce(change_after, '')))
    > cardinality(filter("#states_left", state -> state = coalesce(change_after, ''))) AS "#ends"
  FROM tied
),
held AS (
  SELECT
    *,
    bool_or("#ends") OVER (PARTITION BY change_key, change_time) AS "#leads_on",
    coalesce(
      last_value(IF("#ends", coalesce(change_after, ''))) IGNORE NULLS
        OVER (PARTITION BY change_key ORDER BY change_time, change_sequence, change_id),
      ''
    ) AS "#state_held"
  FROM linked
),
placed AS (
  SELECT
    *,
    IF("#leads_on", "#begins", coalesce(change_before, '') = "#state_held") AS "#at_start",
    IF("#leads_on", "#ends", coalesce(change_after, '') = "#state_held") AS "#at_end"
  FROM held
),
numbered AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY change_key
      ORDER BY
        change_time,
        IF("#in_sequence" AND length(change_sequence) = 40, change_sequence) NULLS FIRST,
        CASE
          WHEN "#stays" THEN IF("#at_end", 2, IF("#at_start", -2, 0))
          ELSE
            IF(contains("#states_left", coalesce(change_after, '')), 0, 1)
            - IF(contains("#states_reached", coalesce(change_before, '')), 0, 1)
        END,
        IF("#at_end", 2, 0) - IF("#at_start", 1, 0),
        change_sequence,
        change_id
    ) AS "#number"
  FROM placed
)
SELECT
  change_key,
  "#number" AS change_number,
  change_time AS valid_from,
  lead(change_time) OVER (PARTITION BY change_key ORDER BY "#number") AS valid_to,
  change_type,
  change_actor,
  change_id,
  change_sequence,
  change_before,
  change_after,
  ${metadata}${columns}
FROM numbered
