-- Places where the chain of an item of one table breaks, so that changes are missing there. No row is good news.
-- To fill in: name of the view, source table.
-- Every state of an item must be arrived at as often as it is left, and the newest once more. An item that was there
-- before streaming was enabled shows with its first state, unless a backfill (SNAPSHOT) wrote it. What was lost after
-- an item's last delivered change shows in no chain: compare the current view with the table.
CREATE OR REPLACE VIEW gaps_${name} AS
WITH every_change AS (
  SELECT
    change_key, change_type, change_time, change_before, change_after, max(change_sequence) AS change_sequence
  FROM changes
  WHERE change_table = '${source}' AND change_key IS NOT NULL
  GROUP BY change_key, change_type, change_time, change_before, change_after
),
linked AS (
  SELECT
    *,
    contains(
      array_agg(coalesce(change_before, '')) OVER (PARTITION BY change_key, change_time),
      coalesce(change_after, '')
    ) AS goes_on
  FROM every_change
),
newest AS (
  SELECT change_key, change_after AS state
  FROM (
    SELECT
      *,
      row_number() OVER (
        PARTITION BY change_key ORDER BY change_time DESC, IF(goes_on, 0, 1) DESC, change_sequence DESC
      ) AS age
    FROM linked
  ) AS ranked
  WHERE age = 1
),
visits AS (
  SELECT change_key, change_before AS state, change_time AS left_at, CAST(NULL AS varchar) AS reached_at, 0 AS copied
  FROM every_change
  WHERE change_before IS NOT NULL
  UNION ALL
  SELECT change_key, change_after, CAST(NULL AS varchar), change_time, 0
  FROM every_change
  WHERE change_after IS NOT NULL AND change_type <> 'SNAPSHOT'
  UNION ALL
  SELECT change_key, change_after, CAST(NULL AS varchar), CAST(NULL AS varchar), 1
  FROM every_change
  WHERE change_type = 'SNAPSHOT'
),
states AS (
  SELECT
    change_key,
    state,
    count(left_at) AS times_left,
    count(reached_at) AS times_reached,
    max(copied) AS copied,
    min(left_at) AS first_left,
    max(reached_at) AS last_reached
  FROM visits
  GROUP BY change_key, state
)
SELECT
  states.change_key,
  states.state AS broken_state,
  IF(times_left + IF(newest.state IS NULL, 0, 1) > times_reached, 'before', 'after') AS missing,
  IF(times_left + IF(newest.state IS NULL, 0, 1) > times_reached, first_left, last_reached) AS change_time
FROM states
LEFT JOIN newest ON newest.change_key = states.change_key AND newest.state = states.state
WHERE times_left + IF(newest.state IS NULL, 0, 1) > times_reached + copied
  OR times_reached > times_left + IF(newest.state IS NULL, 0, 1)
