-- Every change of the items of one table, once, in order: number it, and say from when to when its state held.
-- To fill in: name of the view, source table, columns of the items (each after a comma), typed as wanted.
-- A change delivered again, even under another eventID, says the same of the same item at the same time and counts
-- once. Changes of one time stand in the order of their chain: the one nothing else continues from comes last.
CREATE OR REPLACE VIEW history_${name} AS
WITH delivered AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY change_key, change_time, change_type, change_before, change_after
      ORDER BY change_sequence, change_id, dt
    ) AS delivery
  FROM changes
  WHERE change_table = '${source}' AND change_key IS NOT NULL
),
linked AS (
  SELECT
    *,
    contains(
      array_agg(coalesce(change_after, '')) OVER (PARTITION BY change_key, change_time),
      coalesce(change_before, '')
    ) AS comes_after,
    contains(
      array_agg(coalesce(change_before, '')) OVER (PARTITION BY change_key, change_time),
      coalesce(change_after, '')
    ) AS goes_on
  FROM delivered
  WHERE delivery = 1
)
SELECT
  change_key,
  row_number() OVER (
    PARTITION BY change_key
    ORDER BY change_time, IF(comes_after, 1, 0) - IF(goes_on, 1, 0), change_sequence, change_id
  ) AS change_number,
  change_time AS valid_from,
  lead(change_time) OVER (
    PARTITION BY change_key
    ORDER BY change_time, IF(comes_after, 1, 0) - IF(goes_on, 1, 0), change_sequence, change_id
  ) AS valid_to,
  change_type,
  change_actor,
  change_id,
  change_sequence,
  change_before,
  change_after,
  change_rescued${columns}
FROM linked
