-- The items of one table as they are now: the newest state of each, deleted items gone.
-- To fill in: name of the view, source table, columns of the items (each after a comma), typed as wanted.
-- The newest change is the last by time; of several at one time, the one that none of them continues from; then
-- the last by sequence. Changes delivered twice, late or out of order do not alter the answer.
CREATE OR REPLACE VIEW current_${name} AS
WITH linked AS (
  SELECT
    *,
    contains(
      array_agg(coalesce(change_before, '')) OVER (PARTITION BY change_key, change_time),
      coalesce(change_after, '')
    ) AS goes_on
  FROM changes
  WHERE change_table = '${source}' AND change_key IS NOT NULL
),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY change_key
      ORDER BY change_time DESC, IF(goes_on, 0, 1) DESC, change_sequence DESC, change_id DESC, dt DESC
    ) AS age
  FROM linked
)
SELECT
  change_key,
  change_time,
  change_type,
  change_actor,
  change_id,
  change_sequence,
  change_after,
  change_rescued${columns}
FROM ranked
WHERE age = 1 AND change_type <> 'REMOVE'
