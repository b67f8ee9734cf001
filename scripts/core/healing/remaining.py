"""The gaps that are left: the view `gaps`, for breaks that a change of the period could explain.

An export has the net change of each item, and not the changes in between. So an item that changed in the hole
stays a gap once it has changed again: its history lacks changes, its current state is right.
"""

from __future__ import annotations

from dataclasses import dataclass

from repair.heal import Window
from repair.partitions import Partitions
from scripts.core.athena import quoted
from scripts.core.healing.comparing import CHANGES
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.views import definitions


@dataclass(frozen=True)
class Remaining:
    """Rows of the gaps view and their keys; `explained` are the keys of items that changed in the period."""

    rows: int
    keys: int
    explained: int


def statement(lake: LakeReader, period: Window) -> str:
    """The keys in the gaps view whose missing changes can be of the period, with their number of rows.

    A row `after` has the time of the last change before the break, a row `before` that of the first change
    after it. The break is elsewhere if the lake has another change between that time and the period.
    """
    [gaps] = [
        view
        for view in definitions("healed", lake.table, (), {}, lake.switched_at)
        if view.name.startswith("gaps_")
    ]
    start, end = (quoted(time) for time in (period.start_time, period.time))
    return f"""WITH gaps AS (
{gaps.select}
)
SELECT gaps.change_key, CAST(count(*) AS varchar)
FROM gaps
LEFT JOIN changes AS between_them
  ON between_them.change_table = {quoted(lake.table)}
  AND between_them.{CHANGES}
  AND between_them.change_key = gaps.change_key
  AND (
    (
      gaps.missing = 'after'
      AND between_them.change_time > gaps.change_time
      AND between_them.change_time < {start}
    )
    OR (
      gaps.missing = 'before'
      AND between_them.change_time >= {end}
      AND between_them.change_time < gaps.change_time
    )
  )
WHERE between_them.change_key IS NULL
  AND IF(gaps.missing = 'after', gaps.change_time < {end}, gaps.change_time >= {start})
GROUP BY gaps.change_key"""  # noqa: S608


def remaining(lake: LakeReader, period: Window, healed: list[Partitions], into: Partitions) -> Remaining:
    """Ask for the gaps. `healed` are the keys of each window; `into` is empty, with as many partitions."""
    rows = 0
    for key, count in lake.workgroup.stream(statement(lake, period), lake.database):
        into.add(key)
        rows += int(count)
    explained = 0
    for number in range(into.number if into.rows else 0):
        keys = into.partition(number).keys()
        found: set[str] = set()
        for window in healed:
            found |= keys & window.partition(number).keys()
        explained += len(found)
    return Remaining(rows, into.rows, explained)
