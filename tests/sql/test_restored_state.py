"""The statements of `restore`: at every moment, the lake gives the items that the table had.

The shipped function writes the rows, and the statements are made of the shipped views.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repair.restoration import Rebuilder, State
from repair.rows import snapshot
from scripts.core.restoring import statements
from scripts.core.views import definitions
from tests.soak.histories import NOON, SECOND, TABLE, Change, History, change_record, item, state_digest
from tests.sql.lake import Lake
from tests.sql.test_views import item_history, lives
from transform_lambda.change import change_time, line_of, transform
from transform_lambda.flatten import RowSettings
from transform_lambda.values import Image

QUICK = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
IMAGES, COLUMNS = RowSettings(keep_images=True), RowSettings()


def at(moment: int) -> str:
    """A moment in the form of change_time."""
    return change_time(moment, "MICROSECOND")


def row(history: History, place: int, row_settings: RowSettings, sequence: str | None = None) -> bytes:
    """The row of one change, as the shipped function writes it."""
    record = change_record(history.key, history.changes[place], f"id-{history.key}-{place}")
    return transform(orjson.dumps(record), sequence, row_settings)[0]


def copy(key: str, state: int | None, moment: int, row_settings: RowSettings) -> bytes:
    """The row of an item that a backfill read."""
    image = None if state is None else item(key, state)
    keys = {"pk": {"S": key}}
    return line_of(snapshot(f"export-{moment}", at(moment), TABLE, keys, image), row_settings)


def lake_of(rows: Iterable[bytes]) -> Lake:
    """A lake of these rows, before any crawl has declared a column."""
    lake = Lake((), ("change_lines",))
    lake.put_bytes(gzip.compress(b"".join(rows)))
    return lake


def restored(lake: Lake, moment: int, switched_at: str | None = None) -> dict[str, Image]:
    """The items that `restore` would write, by key; every one is exact."""
    found: dict[str, Image] = {}
    rebuilder = Rebuilder()
    images = lake.ask(statements.states(TABLE, at(moment), switched_at))
    lines = lake.ask(statements.lines(TABLE, at(moment), switched_at))
    assert len(lines) == sum(image is None for _, _, image in images)
    states = [State(str(key), str(after), image) for key, after, image in images if image]
    states += [State(str(key), str(after), line=str(line)) for key, after, line in lines]
    for state in states:
        assert state.key not in found
        result = rebuilder.rebuild(state)
        assert result.exact
        found[state.key] = result.item
    return found


def state_at(history: History, moment: int) -> int | None:
    """The item's state after all its changes up to a moment."""
    earlier = [change for change in history.changes if change.moment <= moment]
    return earlier[-1].after if earlier else None


def table_at(histories: Sequence[History], moment: int) -> dict[str, Image]:
    """The table's items at a moment, by key."""
    states = {history.key: state_at(history, moment) for history in histories}
    return {
        json.dumps({"pk": {"S": key}}, separators=(",", ":")): item(key, state)
        for key, state in states.items()
        if state is not None
    }


def gap_keys(lake: Lake, moment: int) -> set[str | None]:
    """The keys that `restore` names because a change is missing."""
    return {key for key, *_ in lake.ask(statements.gaps(TABLE, at(moment), None))}


def moments_of(histories: Sequence[History]) -> list[int]:
    """Every moment at which something happens, and those around it."""
    times = {change.moment for history in histories for change in history.changes}
    return sorted({time + step for time in times for step in (-1, 0, 1)})


@given(st.data(), lives())
@QUICK
def test_restored_items_are_those_of_the_table_at_any_moment(
    data: st.DataObject, histories: list[History]
) -> None:
    """Duplicates, disorder, equal times, cycles, removals, copies, rows with and without images."""
    moments = moments_of(histories) or [NOON]
    rows = []
    for history in histories:
        for place in range(len(history.changes)):
            row_settings = data.draw(st.sampled_from([IMAGES, COLUMNS]))
            sequence = data.draw(st.sampled_from([str(100 + place), str(100 - place), None]))
            rows += [row(history, place, row_settings, sequence)] * data.draw(st.sampled_from([1, 1, 2]))
        for moment in data.draw(st.lists(st.sampled_from(moments), max_size=2)):
            row_settings = data.draw(st.sampled_from([IMAGES, COLUMNS]))
            rows.append(copy(history.key, state_at(history, moment), moment, row_settings))
    lake = lake_of(data.draw(st.permutations(rows)))
    for moment in data.draw(st.lists(st.sampled_from(moments), min_size=1, max_size=3, unique=True)):
        assert restored(lake, moment) == table_at(histories, moment)
        assert gap_keys(lake, moment) == set()


@given(st.integers(2, 4), st.data())
@settings(QUICK, max_examples=5)
def test_lost_change_is_named_at_the_moments_that_it_can_concern(length: int, data: st.DataObject) -> None:
    """From the last change before it on, for ever after; not earlier. Then a restored item can be wrong."""
    history = item_history("a", NOON, *((SECOND, number + 1) for number in range(length)))
    other = item_history("b", NOON, (SECOND, 1), (3 * SECOND, 2))
    lost = data.draw(st.integers(0, length - 2))  # the loss of the last change shows in no row
    rows = [row(history, place, IMAGES) for place in range(length) if place != lost]
    lake = lake_of([*rows, *(row(other, place, IMAGES) for place in range(2))])
    begin = history.changes[lost - 1].moment if lost else 0
    for moment in (change.moment - early for change in history.changes for early in (0, 1)):
        named = gap_keys(lake, moment)
        assert named == ({'{"pk":{"S":"a"}}'} if moment >= begin else set())
        if not named:
            assert restored(lake, moment) == table_at([history, other], moment)
    last = history.changes[-1].moment
    assert restored(lake, last) == table_at([history, other], last)


def test_item_older_than_the_lake_is_named_until_its_first_change() -> None:
    """A change or a copy as its first row does not show when the item was new, nor its earlier state."""
    old = History("old", [Change(NOON + SECOND, 1, 2)])
    assert gap_keys(lake_of([row(old, 0, IMAGES)]), NOON) == {'{"pk":{"S":"old"}}'}
    early = copy("old", 1, NOON - SECOND, IMAGES)
    lake = lake_of([row(old, 0, IMAGES), early])
    assert gap_keys(lake, NOON) == set()
    assert list(restored(lake, NOON).values()) == [item("old", 1)]
    unchanged = lake_of([copy("old", 1, NOON + SECOND, IMAGES)])
    assert (gap_keys(unchanged, NOON), restored(unchanged, NOON)) == ({'{"pk":{"S":"old"}}'}, {})
    assert gap_keys(unchanged, NOON + SECOND) == set()
    both = lake_of([row(old, 0, IMAGES), copy("old", 2, NOON + 2 * SECOND, IMAGES)])
    assert gap_keys(both, NOON) == {'{"pk":{"S":"old"}}'}
    assert gap_keys(both, NOON + SECOND) == set()


def test_item_that_was_new_after_the_moment_is_not_named() -> None:
    """An INSERT shows it, also if a scan's copy has an earlier time, or a copy states that it was absent."""
    new = item_history("new", NOON, (SECOND, 1))
    insert = row(new, 0, IMAGES)
    assert gap_keys(lake_of([insert]), NOON) == set()
    assert gap_keys(lake_of([insert, copy("new", 1, NOON + SECOND - 9, IMAGES)]), NOON) == set()
    early = copy("new", 1, NOON - 120 * SECOND, IMAGES)
    assert gap_keys(lake_of([insert, early]), NOON - 130 * SECOND) != set()
    absent = copy("new", None, NOON + 9, IMAGES)
    assert gap_keys(lake_of([absent, copy("new", 1, NOON + 90 * SECOND, IMAGES)]), NOON) == set()


def test_copy_after_a_removal_that_was_lost_brings_nothing_back() -> None:
    """A SNAPSHOT without a state: at its time and later, the item is gone; before, it is there."""
    history = item_history("a", NOON, (0, 1))
    lake = lake_of([row(history, 0, IMAGES), copy("a", None, NOON + 9, IMAGES)])
    assert list(restored(lake, NOON + 8).values()) == [item("a", 1)]
    assert restored(lake, NOON + 9) == {}


def test_switch_between_two_roads_applies_to_the_past_too() -> None:
    """A change that both roads delivered counts once, by the road of its time."""
    history = item_history("a", NOON, (0, 1), (SECOND, 2))
    late = History("a", [Change(NOON, 1, 3)])  # by Kinesis after the switch: does not count
    rows = [row(history, 0, IMAGES), row(late, 0, IMAGES, "7")]
    streams = json.loads(row(history, 1, IMAGES)) | {"change_sequence": "4" * 40}
    lake = lake_of([*rows, orjson.dumps(streams) + b"\n"])
    assert list(restored(lake, NOON + 2 * SECOND, at(NOON)).values()) == [item("a", 2)]
    assert list(restored(lake, NOON, at(NOON)).values()) == [item("a", 1)]


def test_rule_is_the_shipped_view() -> None:
    """Both statements contain the view's SELECT, with the moment and nothing else added to its conditions."""
    moment = at(NOON)
    [view] = [each for each in definitions("x", TABLE, [], {}) if each.name == "current_x"]
    for statement in (statements.states(TABLE, moment, None), statements.lines(TABLE, moment, None)):
        without = statement.replace(f"\n    AND change_time <= '{moment}'", "")
        rule = view.select[view.select.index("delivered AS") : view.select.rindex("\nSELECT")]
        assert (statement.count(moment), rule in without) == (1, True)


def test_overview_shows_where_a_table_begins_and_its_roads() -> None:
    """One row per table: first and last time, copies, and whether each of the two streams delivered."""
    history = item_history("a", NOON, (0, 1), (SECOND, 2))
    rows = [row(history, place, IMAGES, "5") for place in range(2)]
    lake = lake_of([*rows, copy("b", 1, NOON - SECOND, IMAGES), b"garbage\n"])
    assert lake.ask(statements.overview()) == [
        [TABLE, at(NOON - SECOND), at(NOON + SECOND), "1", "false", "true"]
    ]


def test_digest_of_the_rows_is_the_one_of_the_items() -> None:
    """The check of `restored` has power: another state has another digest."""
    assert state_digest("a", 1) != state_digest("a", 2)
