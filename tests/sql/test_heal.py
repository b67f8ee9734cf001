"""A hole of the stream is healed: `current` is the table again, and `gaps` names what no export can have.

The shipped function, the verb's own modules and the shipped views do the work. The model only knows what
happened.
"""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from repair.heal import windows
from tests.soak import oracle
from tests.soak.histories import NOON, SECOND, Change, History, Road, state_digest
from tests.sql import healing
from tests.sql.healing import END, LAST, MINUTE, START, Model, Writes
from tests.sql.lake import Lake
from transform_lambda.change import change_time

WIDER = [0, 2 * MINUTE, 15 * MINUTE]


def wrong(lake: Lake, model: Model) -> set[str]:
    """The keys that the view `current` shows otherwise than the table has them."""
    shown, table = healing.current(lake), healing.table(model)
    return {key for key in shown.keys() | table.keys() if shown.get(key) != table.get(key)}


def changed_in_the_hole(model: Model) -> set[str]:
    """The items with a lost change."""
    return {one.key for one in model.histories if any(map(Model.lost, one.changes))}


def rows_of(objects: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """The rows that the heal wrote, by item."""
    lines = [json.loads(line) for body in objects.values() for line in gzip.decompress(body).splitlines()]
    found = {line["pk"]: line for line in lines}
    assert len(found) == len(lines)
    return found


def expected_gaps(model: Model, written: dict[str, dict[str, Any]]) -> dict[str, set[tuple[str, str, str]]]:
    """Where the delivered changes are not a chain, except at a first change that leaves the written state."""
    found = {}
    for number, one in enumerate(model.items):
        key, kept = one.history.key, model.kept(number)
        broken = oracle.breaks(kept)
        copied = written[key]["change_after"] if key in written else None
        if kept and copied is not None and copied == state_digest(key, kept[0].before):
            broken.discard((kept[0].before, "before", kept[0].moment))
        rows = {
            (state_digest(key, state), missing, change_time(moment, "MICROSECOND"))
            for state, missing, moment in broken
        }
        if rows:
            found[key] = rows
    return found


@pytest.mark.parametrize("wider", [0, 2 * MINUTE, 15 * MINUTE], ids=["exact", "2 min", "15 min"])
@pytest.mark.parametrize(("road", "seed"), [("kinesis", 1), ("kinesis", 2), ("streams", 3), ("streams", 4)])
def test_hole_is_healed(tmp_path: Path, road: Road, wider: int, seed: int) -> None:
    """Hundreds of items are wrong before and none after. Each remaining gap is an item of the hole."""
    model = Model.of(seed, road)
    lake = healing.lake_of(model.delivered(seed))
    assert len(wrong(lake, model)) > 100
    before = healing.gaps(lake)
    result = healing.heal(lake, model, [healing.window(START - wider, END + wider)], tmp_path)
    assert wrong(lake, model) == set()
    assert result.windows[0].rows > 100
    left = healing.gaps(lake)
    assert len(left) > 20
    assert all(rows <= before[key] for key, rows in left.items())
    assert left.keys() <= changed_in_the_hole(model)
    if road == "kinesis":  # on the other road, several changes of one second have no order to compare with
        assert left == expected_gaps(model, rows_of(result.objects))
    assert result.left.rows == sum(map(len, left.values()))
    assert (result.left.keys, result.left.explained) == (len(left), len(left))


def test_rows_are_only_where_the_lake_differs(tmp_path: Path) -> None:
    """Every row has the end of the window as its time, and the state that the lake did not have."""
    model = Model.of(5, "kinesis")
    lake = healing.lake_of(model.delivered(5))
    span = healing.window(START, END)
    written = rows_of(healing.heal(lake, model, [span], tmp_path).objects)
    differing = {}
    for number, one in enumerate(model.items):
        kept = [change for change in model.kept(number) if change.moment < END]
        known, state = kept[-1].after if kept else None, one.state(END)
        if known != state:
            differing[one.history.key] = state_digest(one.history.key, state) or None
    assert {key: row["change_after"] for key, row in written.items()} == differing
    assert None in differing.values()
    assert {row["change_time"] for row in written.values()} == {span.time}
    assert {(row["change_type"], row["change_before"]) for row in written.values()} == {("SNAPSHOT", None)}


@pytest.mark.parametrize("skew", [-300_000, 300_000], ids=["records earlier", "records later"])
@pytest.mark.parametrize("road", ["kinesis", "streams"])
def test_times_of_records_may_differ_from_those_of_writes(tmp_path: Path, road: Road, skew: int) -> None:
    """Changes lie on one side of a border by the export, and on the other by the stream."""
    model = Model.of(6, road, skew)
    _add_busy_items(model, skew)
    lake = healing.lake_of(model.delivered(6))
    result = healing.heal(lake, model, [healing.window(START - 2 * MINUTE, END + 2 * MINUTE)], tmp_path)
    assert wrong(lake, model) == set()
    assert skew > 0 or result.windows[0].later > 0 or road == "streams"


def _add_busy_items(model: Model, skew: int) -> None:
    """Items that change a moment before and after both borders of the wider window."""
    for number in range(40):
        borders = (START - 2 * MINUTE, END + 2 * MINUTE)
        moments = [border + step * 20_000 * (number + 1) for border in borders for step in (-2, -1, 1, 2)]
        if number % 2:
            moments = moments[number % 4 :]
        history, written, state = History(f"busy-{number:02d}"), sorted(moments), None
        for version, at in enumerate(written, 1):
            moment = at + skew * (number % 3) // 3
            moment = moment // SECOND * SECOND if model.road == "streams" else moment
            history.changes.append(Change(moment, state, version))
            state = version
        model.items.append(Writes(history, written))
        # inserted around the start, and never changed again
        at = START - 2 * MINUTE + (number - 20) * 10_000
        moment = at + skew * (number % 3) // 3
        moment = moment // SECOND * SECOND if model.road == "streams" else moment
        model.items.append(Writes(History(f"once-{number:02d}", [Change(moment, None, 1)]), [at]))


def test_long_hole_is_healed_window_by_window(tmp_path: Path) -> None:
    """Each window has its rows, and the next one starts from them."""
    model = Model.of(7, "kinesis", items=160)
    lake = healing.lake_of(model.delivered(7))
    cuts = [START - MINUTE, START + 9 * MINUTE, START + 20 * MINUTE, END + MINUTE]
    spans = [healing.window(*pair) for pair in pairwise(cuts)]
    result = healing.heal(lake, model, spans, tmp_path)
    assert wrong(lake, model) == set()
    assert all(one.rows for one in result.windows)
    assert result.left.explained == result.left.keys


def test_interrupted_run_writes_the_same_objects_again(tmp_path: Path) -> None:
    """Rows that a run left behind do not count as the lake's own state."""
    model = Model.of(8, "kinesis", items=160)
    rows, span = model.delivered(8), healing.window(START, END)
    whole = healing.heal(healing.lake_of(rows), model, [span], tmp_path / "whole").objects
    lake = healing.lake_of(rows)
    first = healing.heal(lake, model, [span], tmp_path / "first").objects
    again = healing.heal(lake, model, [span], tmp_path / "again").objects
    assert first == again == whole
    assert wrong(lake, model) == set()


def test_copy_of_an_item_that_did_not_change_is_no_change_of_the_window(tmp_path: Path) -> None:
    """A backfill in the window shows items that the export does not name: they exist."""
    model = Model.of(9, "kinesis", items=160)
    copied = model.copies(START - MINUTE)
    lake = healing.lake_of([*model.delivered(9), *copied])
    healing.heal(lake, model, [healing.window(START - 2 * MINUTE, END + 2 * MINUTE)], tmp_path)
    assert wrong(lake, model) == set()


def test_gap_outside_the_period_is_not_counted(tmp_path: Path) -> None:
    """A change that was lost an hour earlier is in the view, and not in what the heal reports."""
    hour = 60 * MINUTE
    early = History("early", [Change(NOON, None, 1), Change(NOON + MINUTE, 2, 3), Change(NOON + hour, 3, 4)])
    late = History("late", [Change(NOON, None, 1), Change(LAST + MINUTE, 1, 2), Change(LAST + hour, 7, 8)])
    model = Model(
        "kinesis", [Writes(one, [change.moment for change in one.changes]) for one in (early, late)]
    )
    assert not changed_in_the_hole(Model("kinesis", model.items[1:]))
    lake = healing.lake_of(model.delivered(1))
    result = healing.heal(lake, model, [healing.window(START, END)], tmp_path)
    assert healing.gaps(lake).keys() == {"early", "late"}
    assert (result.left.keys, result.windows[0].rows) == (0, 0)


def test_gap_that_the_export_does_not_explain_is_counted_apart(tmp_path: Path) -> None:
    """The item did not change in the period, so its change was lost just outside."""
    history = History("a", [Change(NOON, None, 1), Change(LAST, 2, 3)])
    model = Model("kinesis", [Writes(history, [change.moment for change in history.changes])])
    lake = healing.lake_of(model.delivered(1))
    left = healing.heal(lake, model, [healing.window(START, END)], tmp_path).left
    assert (left.rows, left.keys, left.explained) == (2, 1, 0)


def test_windows_cover_the_period() -> None:
    """Consecutive, of 15 minutes to 24 hours; a period that is too short begins earlier."""
    for minutes in (1, 15, 60, 24 * 60, 24 * 60 + 1, 24 * 60 + 20, 5 * 24 * 60, 35 * 24 * 60):
        span = healing.window(NOON, NOON + minutes * MINUTE)
        found = windows(span.start, span.end)
        assert found[-1].end == span.end
        assert found[0].start == min(span.start, healing.window(NOON + (minutes - 15) * MINUTE, LAST).start)
        assert all(one.end == other.start for one, other in pairwise(found))
        lengths = [(one.end - one.start).total_seconds() / 60 for one in found]
        assert all(15 <= length <= 24 * 60 for length in lengths)
        assert len(found) == max(1, -(-minutes // (24 * 60)))
