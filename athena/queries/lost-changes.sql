-- Changes whose earlier state does not come from any delivered change of the item: the changes in between are missing.
-- No rows means no loss was found. The first change of an item after streaming was enabled is also listed, unless the
-- item was inserted since then or a backfill wrote its state. The query does not find a loss that ends in a state the
-- item had before.
-- Takes no parameter. Reads the whole lake.
WITH every_change AS (
  SELECT DISTINCT change_key, change_type, change_time, change_before, change_after
  FROM changes
  WHERE change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
)
SELECT
  later.change_key,
  later.change_type,
  later.change_time,
  later.change_before AS state_no_change_left
FROM every_change AS later
LEFT JOIN every_change AS earlier
  ON earlier.change_key = later.change_key
  AND earlier.change_after = later.change_before
WHERE later.change_type IN ('MODIFY', 'REMOVE')
  AND later.change_before IS NOT NULL
  AND earlier.change_key IS NULL
ORDER BY later.change_time, later.change_key
LIMIT 100
