"""The statements that read a table's past from the lake.

Which row decides what an item was, and where changes are missing, is the rule of athena/views/*.sql: these
statements are those views, asked about a moment.
"""

from __future__ import annotations

from string import Template

from glue.tables import METADATA_COLUMNS
from scripts.core.athena import quoted
from scripts.core.lake_table import ROWS
from scripts.core.views import definitions

_NAME = "restored"  # of the views that the statements are made of; none is created

_OVERVIEW = Template("""\
SELECT
  change_table,
  min(change_time),
  max(change_time),
  sum(IF(change_type = 'SNAPSHOT', 1, 0)),
  bool_or(length(change_sequence) = 40),
  bool_or(length(change_sequence) <> 40)
FROM changes
WHERE ${rows} AND change_key IS NOT NULL
GROUP BY change_table""")

_STATES = Template("SELECT change_key, change_after, change_image FROM (\n${current}\n)")

_LINES = Template("SELECT change_key, change_after, line FROM (\n${current}\n)\nWHERE change_image IS NULL")

_CHANGES = Template("""\
WITH changes AS (
  SELECT
    ${metadata},
    dt,
    line
  FROM change_lines
),""")

# A copy can be a little older than an insertion that it contains (athena/views/gaps.sql).
_GAPS = Template("""\
SELECT DISTINCT
  seen_key,
  IF(is_older, '', broken_state) AS state,
  IF(is_older, 'older', missing) AS missing,
  IF(is_older, first_later, change_time) AS change_time
FROM (
  SELECT
    change_key AS seen_key,
    min(first_later) AS first_later,
    NOT bool_or(
      change_time <= '${moment}'
      OR (change_time = first_later AND change_type = 'SNAPSHOT' AND change_after IS NULL)
      OR (
        change_type = 'INSERT'
        AND try(from_iso8601_timestamp(regexp_extract(change_time, '^[0-9]{4}-.*')))
        <= try(from_iso8601_timestamp(regexp_extract(first_later, '^[0-9]{4}-.*'))) + INTERVAL '1' MINUTE
      )
    ) AS is_older
  FROM (
    SELECT
      change_key,
      change_time,
      change_type,
      change_after,
      min(IF(change_time > '${moment}', change_time)) OVER (PARTITION BY change_key) AS first_later
    FROM changes
    WHERE change_table = ${table} AND change_key IS NOT NULL AND ${rows}
  )
  GROUP BY change_key
)
LEFT JOIN (
${gaps}
) ON change_key = seen_key
WHERE is_older OR change_time <= '${moment}' OR (missing = 'before' AND change_time = first_later)
ORDER BY 1, 4, 3""")


def overview() -> str:
    """One row per table of the lake: its name, first and last time, number of copies, and its roads."""
    return _OVERVIEW.substitute(rows=ROWS)


def states(table: str, moment: str, switched_at: str | None) -> str:
    """The items at a moment: change_key, change_after and change_image."""
    return _STATES.substitute(current=_select("current", table, switched_at, until=moment))


def lines(table: str, moment: str, switched_at: str | None) -> str:
    """The items at a moment that have no image: change_key, change_after and the line of the row.

    The lines show which values were numbers, and attributes that have no column yet. The rule is the same: in
    this statement, `changes` is made of the lines.
    """
    metadata = [f"json_extract_scalar(line, '$.{name}') AS {name}" for name in METADATA_COLUMNS]
    changes = _CHANGES.substitute(metadata=",\n    ".join(metadata))
    current = _select("current", table, switched_at, "line", until=moment)
    return _LINES.substitute(current=current.replace("WITH", changes, 1))


def gaps(table: str, moment: str, switched_at: str | None) -> str:
    """The places where something is missing that can concern a moment: key, state, what is missing, time.

    - `after`, `before`: a change is missing after or before the change of that time, as in the view. A gap
      before the first change after the moment counts: the missing change may be earlier than the moment.
    - `older`: the item's first row is later than the moment, and does not show that it was new. So the item
      may have existed, and the lake does not have its state.
    """
    select = _select("gaps", table, switched_at)
    return _GAPS.substitute(gaps=select, table=quoted(table), rows=ROWS, moment=moment)


def _select(view: str, table: str, switched_at: str | None, *columns: str, until: str | None = None) -> str:
    """The SELECT of one of the table's views."""
    views = definitions(_NAME, table, columns, {}, switched_at, until=until)
    return next(each.select for each in views if each.name == f"{view}_{_NAME}")
