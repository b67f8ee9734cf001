"""The shipped views are right under anything the stream may do: duplicates, disorder, equal times, losses."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.cases import QUERIES
from tests.sql.lake import Lake

VIEWS = QUERIES.parent / "views"
COLUMNS = ("pk", "n")


@dataclass(frozen=True)
class Change:
    """One write to one item: its state before and after, None where the item is not there."""

    key: str
    tick: int
    before: str | None
    after: str | None
    number: int

    def line(self, identifier: str, sequence: int | None, digits: int) -> str:
        """The row of this change, as one delivery of it."""
        kind = "INSERT" if self.before is None else "REMOVE" if self.after is None else "MODIFY"
        micros = self.tick * (1_000 if digits == 3 else 1)
        seconds = micros // 1_000_000
        time = f"2026-11-20T10:{seconds // 60:02d}:{seconds % 60:02d}.{micros % 1_000_000:06d}Z"
        row: dict[str, Any] = {
            "change_id": identifier,
            "change_type": kind,
            "change_time": time,
            "change_sequence": None if sequence is None else f"{sequence:056d}",
            "change_actor": "user",
            "change_key": json.dumps({"pk": {"S": self.key}}, separators=(",", ":")),
            "change_before": digest(self.before),
            "change_after": digest(self.after),
            "change_table": "orders",
            "pk": self.key,
            "n": self.after if self.after is not None else self.before,
        }
        return json.dumps(row)


def digest(state: str | None) -> str | None:
    """A state's 16 hex digits."""
    return None if state is None else hashlib.sha256(state.encode()).hexdigest()[:16]


def views(lake: Lake) -> Lake:
    """The lake with the three views of the table `orders`."""
    for path in sorted(VIEWS.glob("*.sql")):
        filled = Template(path.read_text(encoding="utf-8")).substitute(
            name="orders", source="orders", columns="".join(f",\n  {name}" for name in COLUMNS)
        )
        lake.run(filled)
    return lake


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Writes to a few items. Within one instant an item never comes back to a state it had in that instant:
    two writes that say the same of the same item at the same time cannot be told from one delivered twice.
    """
    made, number = [], 0
    for key in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        state: str | None = None
        tick, seen = 0, {state}
        for _ in range(draw(st.integers(0, 6))):
            step = draw(st.sampled_from((0, 0, 1, 1_000_000)))
            choices = [one for one in (None, "1", "2", "3") if one != state]
            if step == 0:
                choices = [one for one in choices if one not in seen]
            if not choices:
                continue
            after = draw(st.sampled_from(choices))
            tick += step
            seen = seen | {after} if step == 0 else {state, after}
            number += 1
            made.append(Change(key, tick, state, after, number))
            state = after
    return made


def deliver(draw: Any, changes: list[Change], digits: int) -> Lake:
    """The changes shuffled over days and objects, some of them twice, under the same or another eventID."""
    lines: list[str] = []
    for change in changes:
        sequence = draw(st.sampled_from((change.number, None)))
        lines.append(change.line(f"id-{change.number}", sequence, digits))
        again = draw(st.sampled_from(("no", "no", "same", "new")))
        if again != "no":
            identifier = f"id-{change.number}" + ("" if again == "same" else "-again")
            lines.append(change.line(identifier, None if sequence is None else sequence + 1_000, digits))
    lake = Lake(COLUMNS)
    for number, line in enumerate(draw(st.permutations(lines))):
        lake.put(
            line,
            day=draw(st.sampled_from(("2026-11-19", "2026-11-20"))),
            name=f"ddb-lake-{number % 3}-{number}.gz",
        )
    return views(lake)


QUICK = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@given(st.data(), histories(), st.sampled_from((3, 6)))
@QUICK
def test_views_of_everything_delivered(data: st.DataObject, changes: list[Change], digits: int) -> None:
    """`current` is the table, `history` has every change once and in order, `gaps` is empty."""
    lake = deliver(data.draw, changes, digits)
    final = {change.key: change.after for change in changes}
    current = {row[0]: row[1] for row in lake.ask("SELECT pk, n FROM current_orders")}
    assert current == {key: state for key, state in final.items() if state is not None}
    rows = lake.ask("SELECT pk, change_before, change_after FROM history_orders ORDER BY pk, change_number")
    ordered = sorted(changes, key=lambda change: (change.key, change.number))
    assert len(rows) == len(changes)
    assert [row[0] for row in rows] == [change.key for change in ordered]
    for key, state in final.items():
        ends = [row[2] for row in rows if row[0] == key]
        assert ends[-1] == digest(state)
    assert lake.ask("SELECT * FROM gaps_orders") == []


@given(st.data(), histories())
@QUICK
def test_every_loss_shows(data: st.DataObject, changes: list[Change]) -> None:
    """A lost change breaks its item's chain; the last one shows as a difference between `current` and the
    table.
    """
    if not changes:
        return
    lost = data.draw(st.sampled_from(changes))
    lake = deliver(data.draw, [change for change in changes if change is not lost], 6)
    if lost.number != max(change.number for change in changes if change.key == lost.key):
        assert lake.ask("SELECT change_key FROM gaps_orders") != []
        return
    current = {row[0]: row[1] for row in lake.ask("SELECT pk, n FROM current_orders")}
    assert current.get(lost.key) == lost.before != lost.after


def test_history_says_when_a_state_held() -> None:
    """valid_to is the next change's time; the newest state has none, and a number counts the changes."""
    lake = Lake(COLUMNS)
    changes = [
        Change("a", 0, None, "1", 1),
        Change("a", 1_000_000, "1", "2", 2),
        Change("a", 2_000_000, "2", None, 3),
    ]
    lake.put(*(change.line(f"id-{change.number}", change.number, 6) for change in changes))
    rows = views(lake).ask("SELECT change_number, valid_from, valid_to, n FROM history_orders ORDER BY 1")
    assert rows == [
        ["1", "2026-11-20T10:00:00.000000Z", "2026-11-20T10:00:01.000000Z", "1"],
        ["2", "2026-11-20T10:00:01.000000Z", "2026-11-20T10:00:02.000000Z", "2"],
        ["3", "2026-11-20T10:00:02.000000Z", None, "2"],
    ]


def test_views_leave_other_tables_and_foreign_lines_out() -> None:
    """A lake may hold several source tables, and objects that are none of ours."""
    lake = Lake(COLUMNS)
    mine = Change("a", 0, None, "1", 1).line("id-1", 1, 6)
    lake.put(mine, mine.replace('"orders"', '"other"').replace('"a"', '"b"'), "garbage", '{"x":1}')
    views(lake)
    assert lake.ask("SELECT pk FROM current_orders") == [["a"]]
    assert lake.ask("SELECT pk FROM history_orders") == [["a"]]
    assert lake.ask("SELECT * FROM gaps_orders") == []


@pytest.mark.parametrize("path", sorted(VIEWS.glob("*.sql")), ids=lambda path: path.stem)
def test_view_answers_an_empty_lake(path: Path) -> None:
    """A view over a table that nothing was delivered to has its columns and no rows."""
    result = views(Lake(COLUMNS)).run(f"SELECT * FROM {path.stem}_orders")
    assert result.rows == []
    assert result.columns
