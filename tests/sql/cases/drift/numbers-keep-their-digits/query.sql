SELECT change_id, n, try_cast(n AS decimal(38, 0)) AS whole, try_cast(n AS decimal(38, 37)) AS fraction, try_cast(n AS double) AS number
FROM changes
ORDER BY change_id
