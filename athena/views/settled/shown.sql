-- The newest changes that current_ ranked, and the items without an unsettled row as they are stored. The values after
-- the star are those of the columns that the ranking adds, in their order.
(
  SELECT * FROM ranked
  UNION ALL
  SELECT *, 1, NULL, NULL, NULL, NULL, NULL, 1
  FROM stored
  WHERE change_key NOT IN (SELECT change_key FROM fresh)
)
