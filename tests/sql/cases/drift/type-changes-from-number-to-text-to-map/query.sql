SELECT
  change_id,
  n,
  n IS NULL AS missing,
  try_cast(n AS bigint) AS whole,
  try_cast(n AS double) AS number,
  json_extract_scalar(n, '$.five') AS five,
  n__five
FROM changes
ORDER BY change_id
