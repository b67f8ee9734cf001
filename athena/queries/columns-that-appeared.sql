-- Columns that appeared this week: each one's name, the first day it lies under (dt) and the time of the change that had it
-- first, and how many changes have it. New is what no line of the thirty days before this week has: in a lake
-- younger than that, its first columns are all new. It reads the lines themselves and needs no crawl.
-- Takes no parameter. Rows under a dt older than 37 days are not read: change the 7 and the 37 to look further back.
WITH every_line AS (
  SELECT
    dt,
    json_extract_scalar(line, '$.change_id') AS change_id,
    json_extract_scalar(line, '$.change_time') AS change_time,
    map_keys(try_cast(try(json_parse(line)) AS map(varchar, json))) AS names
  FROM change_lines
  WHERE dt >= date_format(current_date - INTERVAL '37' DAY, '%Y-%m-%d')
    AND json_extract_scalar(line, '$.change_type') IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')
),
-- Rows of the same columns count as one, so that hundreds of columns do not multiply millions of rows.
shapes AS (
  SELECT names, min(dt) AS first_day, min(change_time) AS first_change, count(DISTINCT change_id) AS changes
  FROM every_line
  GROUP BY names
)
SELECT
  lower(name) AS column_name,
  min(first_day) AS first_day,
  min(first_change) AS first_change,
  sum(changes) AS changes
FROM shapes
CROSS JOIN UNNEST(names) AS columns (name)
WHERE NOT lower(name) IN (
  -- columns of changes: begin
  'change_id', 'change_type', 'change_time', 'change_sequence', 'change_actor', 'change_key',
  'change_before', 'change_after', 'change_table', 'change_levels', 'change_names',
  'change_image', 'change_rescued'
  -- columns of changes: end
)
GROUP BY lower(name)
HAVING min(first_day) >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
ORDER BY first_change DESC, column_name
