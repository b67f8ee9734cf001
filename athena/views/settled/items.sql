-- What current_ ranks with settled tables: the items that have an unsettled row, and no others. The other items are shown
-- as they are stored.
-- To fill in: the tables, the source table, the columns of each table, and the cut between two roads.
-- The stored row of an item is enough to rank its fresh rows, unless the changes of its newest time need more. Such items
-- are ranked with all their settled rows:
-- (a) a fresh row has the time of several stored changes, of which the item keeps one;
-- (b) a fresh row is older, and the stored changes lean on the state that the item had before them;
-- (c) the changes of the newest time lean on it now: they lead back to every state they leave (A to B to A), and no
--     sequences of DynamoDB Streams give their order; or two of them have the same sequence.
-- A missing time counts as the earliest.
fresh AS (
  SELECT ${unsettled}
  FROM unsettled_changes
  WHERE change_table = '${source}'
    AND change_key IS NOT NULL
    AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')${roads}
),
stored AS (
  SELECT ${items}
  FROM ${items_table}
  WHERE change_table = '${source}'
),
contest AS (
  SELECT
    fresh.change_key,
    coalesce(fresh.change_time, '') AS fresh_time,
    coalesce(items.change_time, '') AS stored_time,
    items.settled_ties,
    items.settled_leans,
    moment,
    kind,
    state_left,
    state_reached,
    place,
    id
  FROM ${items_table} AS items
  INNER JOIN fresh ON items.change_table = fresh.change_table AND items.change_key = fresh.change_key
  CROSS JOIN UNNEST(
    ARRAY[coalesce(fresh.change_time, ''), coalesce(items.change_time, '')],
    ARRAY[fresh.change_type, items.change_type],
    ARRAY[coalesce(fresh.change_before, ''), coalesce(items.change_before, '')],
    ARRAY[coalesce(fresh.change_after, ''), coalesce(items.change_after, '')],
    ARRAY[fresh.change_sequence, items.change_sequence],
    ARRAY[fresh.change_id, items.change_id]
  ) AS row_of (moment, kind, state_left, state_reached, place, id)
),
newest AS (
  SELECT change_key, kind, state_left, state_reached, needs_more, min(place) AS place
  FROM (
    SELECT
      *,
      max(moment) OVER (PARTITION BY change_key) AS last_moment,
      bool_or((fresh_time = stored_time AND settled_ties > 1) OR (fresh_time < stored_time AND settled_leans))
        OVER (PARTITION BY change_key) AS needs_more
    FROM contest
  )
  WHERE moment = last_moment
  GROUP BY change_key, kind, state_left, state_reached, IF(length(place) = 40, id), needs_more
),
hard AS (
  SELECT change_key
  FROM newest
  GROUP BY change_key, needs_more
  HAVING needs_more
    OR (
      count(*) > 1
      AND NOT bool_or(kind = 'SNAPSHOT')
      AND array_sort(array_agg(state_left)) = array_sort(array_agg(state_reached))
      AND NOT bool_and(coalesce(length(place) = 40, false))
    )
    OR count(DISTINCT place) < count(place)
),
contenders AS (
  SELECT * FROM fresh
  UNION ALL
  SELECT * FROM stored
  WHERE change_key IN (SELECT change_key FROM fresh)
  UNION ALL
  SELECT ${changes}
  FROM ${changes_table}
  WHERE change_table = '${source}'
    AND change_key IN (SELECT change_key FROM hard)
),
