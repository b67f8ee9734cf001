SELECT
  pk,
  at,
  try(CAST(from_iso8601_timestamp(at) AT TIME ZONE 'Europe/Lisbon' AS timestamp(3))) AS in_lisbon
FROM changes
WHERE at LIKE '____-%-%T%' AND at NOT LIKE '%+15:00'
ORDER BY pk
