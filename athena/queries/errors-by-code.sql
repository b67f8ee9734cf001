-- Changes that could not become rows, by error code: their number, the time of the first and last arrival (UTC), the
-- newest error message, and the newest object with such changes. The object contains the changes themselves.
-- For operators: it needs read access to errors/ (the stack's output OperatorPolicyArn), which analysts do not have.
-- A record that was redriven stays counted, and one of the type unrecoverable, which a redrive could not recover, is
-- counted twice: `python -m scripts.redrive --dry-run` counts only the records that wait for a redrive.
-- Takes no parameter. Reads only failures of the last thirty days: change the 30 to look further back.
WITH failures AS (
  SELECT
    error_type,
    coalesce(errorcode, lasterrorcode, 'no code') AS error_code,
    coalesce(errormessage, lasterrormessage) AS message,
    coalesce(
      -- milliseconds up to the year 5138: a larger number would fail the query
      IF(
        regexp_like(arrivaltimestamp, '^[0-9]{1,14}$'),
        to_iso8601(from_unixtime(try_cast(arrivaltimestamp AS bigint) / 1000e0))
      ),
      arrivaltimestamp
    ) AS arrived,
    "$path" AS object
  FROM errors
  WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
)
SELECT
  error_type,
  error_code,
  count(*) AS failures,
  min(arrived) AS first_arrival,
  max(arrived) AS last_arrival,
  max_by(message, object) AS newest_message,
  max(object) AS newest_object
FROM failures
GROUP BY error_type, error_code
ORDER BY failures DESC, error_type, error_code
