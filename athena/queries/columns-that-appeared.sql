-- Columns that appeared this week: the name, the first day (dt) and the time of the first change that has the column,
-- and the number of changes that have it. A column is new if no line of the thirty days before this week has it. In a
-- younger lake, all first columns are therefore new. The query reads the lines themselves and needs no crawl.
-- Takes no parameter. Reads only the last 37 days (dt): change the 7 and the 37 to look further back.
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
-- Rows with the same columns are grouped first, so that hundreds of columns do not multiply millions of rows.
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
