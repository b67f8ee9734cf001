-- The items of one table as they are now: the newest state of each item, without deleted items.
-- To fill in: the name of the view, the source table, the cut between two roads (nothing if there is none), the metadata
-- columns that are not listed here, and the columns of the items (each after a comma), cast to the wanted types.
-- The rows are those of `changes`, or come from settled tables (settled/changes.sql, settled/items.sql).
-- The newest change is the last by time. If several changes have the same time, the newest is the one whose state is
-- reached more often than left. If every state is left again (A to B to A), it is the change that leads back to the
-- state before them. After that, the last by sequence. The answer is the same if changes are delivered twice (with the
-- same or another eventID), late or out of order.
-- A row of DynamoDB Streams (sequence of 40 digits; Kinesis has 129) has its time in whole seconds, so an item can make
-- the same step twice at one time. There, the eventID distinguishes a repeated delivery from another change, and the
-- sequence gives the order, unless a change without a sequence is among them.
-- Names with # belong to the view: no attribute has a column with such a name.
CREATE OR REPLACE VIEW current_${name} AS
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
    array_agg(IF(change_type <> 'SNAPSHOT', coalesce(change_before, '')))
      OVER (PARTITION BY change_key, change_time) AS "#states_left",
    array_agg(coalesce(change_after, '')) OVER (PARTITION BY change_key, change_time) AS "#states_reached",
    bool_and(change_type = 'SNAPSHOT' OR coalesce(length(change_sequence) = 40, false))
      OVER (PARTITION BY change_key, change_time) AS "#in_sequence"
  FROM delivered
  WHERE "#delivery" = 1
),
linked AS (
  SELECT
    *,
    cardinality(filter("#states_reached", state -> state = coalesce(change_after, '')))
    > cardinality(filter("#states_left", state -> state = coalesce(change_after, ''))) AS "#ends"
  FROM tied
),
placed AS (
  SELECT
    *,
    coalesce(
      last_value(IF("#ends", coalesce(change_after, ''))) IGNORE NULLS
        OVER (PARTITION BY change_key ORDER BY change_time, change_sequence, change_id),
      ''
    ) AS "#state_held"
  FROM linked
),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY change_key
      ORDER BY
        change_time DESC,
        IF("#in_sequence" AND length(change_sequence) = 40, change_sequence) DESC,
        IF("#ends", 1, 0) DESC,
        IF(coalesce(change_after, '') = "#state_held", 1, 0) DESC,
        change_sequence DESC,
        change_id DESC
    ) AS "#age"
  FROM placed
)
SELECT
  change_key,
  change_time,
  change_type,
  change_actor,
  change_id,
  change_sequence,
  change_after,
  ${metadata}${columns}
FROM ${ranked}
WHERE "#age" = 1
  AND change_type <> 'REMOVE'
  -- a SNAPSHOT without a state means that there was no item
  AND NOT (change_type = 'SNAPSHOT' AND change_after IS NULL)
