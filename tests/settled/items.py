"""What `settled_items_<name>` must have for an item, stated directly.

Written apart from the views and from the settle job, so that each of the three is judged by the other two.
The tests compare `last` with the view `current` too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tests.settled.histories import DAY, Row

_LATE = (1, "")  # orders after every sequence: a missing one is the last


@dataclass(frozen=True)
class Item:
    """The newest row, how many changes its time has, and whether an earlier state decides among them."""

    row: Row
    ties: int
    leans: bool

    def line(self) -> str:
        """The item as a line of a table."""
        return self.row.line(dt=DAY, settled_ties=self.ties, settled_leans=self.leans)


def counted(rows: Iterable[Row], switched_at: str | None = None) -> list[Row]:
    """The rows of the right road: Kinesis before the switch and DynamoDB Streams from it on."""
    return [
        row
        for row in rows
        if switched_at is None
        or row.kind == "SNAPSHOT"
        or row.sequence is None
        or row.streams == (row.time >= switched_at)
    ]


def settled_item(rows: Iterable[Row], switched_at: str | None = None) -> Item | None:
    """The item of these settled rows of one key; None if no row counts."""
    changes = _once(counted(rows, switched_at))
    if not changes:
        return None
    newest = max(row.time for row in changes)
    group = [row for row in changes if row.time == newest]
    if len(group) == 1:
        return Item(group[0], 1, leans=False)
    before = [row for row in changes if row.time < newest]
    # the group leans if another state before it can give another row: one of its own, or any other
    states = {"", "a state of no change", *(row.after for row in group)}
    answers = {_last(group, state) for state in states}
    return Item(_last(group, _held(before)), len(group), len(answers) > 1)


def last(rows: Iterable[Row], switched_at: str | None = None) -> Row | None:
    """The newest change of these rows of one key, deletions too."""
    item = settled_item(rows, switched_at)
    return item.row if item else None


def _once(rows: Iterable[Row]) -> list[Row]:
    """Every change once: of copies the one with the lowest sequence and eventID."""

    def change(row: Row) -> tuple[Any, ...]:
        return row.time, row.kind, row.before, row.after, row.id if row.streams else ""

    ordered = sorted(rows, key=lambda row: (change(row), _place(row)))
    return [next(copies) for _, copies in groupby(ordered, key=change)]


def _place(row: Row) -> tuple[Any, ...]:
    return _LATE if row.sequence is None else (0, row.sequence), row.id


def _ends(row: Row, group: Sequence[Row]) -> bool:
    """Whether the group reaches the row's state more often than it leaves it."""
    reached = sum(other.after == row.after for other in group)
    left = sum(other.before == row.after for other in group if other.kind != "SNAPSHOT")
    return reached > left


def _held(rows: Sequence[Row]) -> str:
    """The state after these changes: the last one that a group reaches more often than it leaves it."""
    for time in sorted({row.time for row in rows}, reverse=True):
        group = [row for row in rows if row.time == time]
        for row in sorted(group, key=_place, reverse=True):
            if _ends(row, group):
                return row.after
    return ""


def _last(group: Sequence[Row], state_before: str) -> Row:
    """The last of the changes of one time, after this state."""
    in_sequence = all(row.kind == "SNAPSHOT" or row.streams for row in group)

    def rank(row: Row) -> tuple[Any, ...]:
        ends = _ends(row, group)
        ended = [
            other
            for other in sorted(group, key=_place)
            if _place(other) <= _place(row) and _ends(other, group)
        ]
        held = ended[-1].after if ended else state_before
        return (
            (row.sequence or "") if in_sequence else "",
            ends,
            row.after == held,
            row.sequence or "",
            row.id,
        )

    return max(group, key=rank)
