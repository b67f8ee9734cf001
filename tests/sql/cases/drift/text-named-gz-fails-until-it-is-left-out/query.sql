SELECT change_id, n
FROM changes
WHERE "$path" <> 's3://{bucket}/data/dt=2026-11-20/notes.gz'
ORDER BY change_id
