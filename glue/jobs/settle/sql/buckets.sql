-- The new content of the buckets in which an item has changed: the changed items, and all others as they were.
SELECT ${columns}
FROM newest
UNION ALL
SELECT ${columns}
FROM stored
LEFT ANTI JOIN newest
  ON newest.change_table = stored.change_table
  AND newest.change_key = stored.change_key
WHERE lake.system.bucket(${buckets}, stored.change_key) IN (${touched})
