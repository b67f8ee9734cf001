-- What is known of the touched items without their settled changes: the stored row and the fresh rows.
SELECT ${columns}
FROM stored
LEFT SEMI JOIN touched
  ON touched.change_table = stored.change_table
  AND touched.change_key = stored.change_key
UNION ALL
SELECT ${columns}
FROM fresh
LEFT SEMI JOIN touched
  ON touched.change_table = fresh.change_table
  AND touched.change_key = fresh.change_key
