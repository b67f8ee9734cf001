SELECT change_id, n
FROM changes
WHERE "$path" <> 's3://{bucket}/data/dt=2026-11-20/ddb-lake-1-2026-11-20-10-02-00-0003.gz'
ORDER BY change_id
