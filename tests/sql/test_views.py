"""The shipped views are correct for every behaviour of the stream: duplicates, disorder, equal times, losses.

The shipped function writes the rows, and `scripts.views` renders the views. `python -m tests.soak` runs the
same checks on many more rows.
"""

import json
from collections.abc import Sequence
from itertools import groupby, pairwise

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.core.views import VIEWS, definitions
from tests.soak import __main__ as soak
from tests.soak import checks, delivery, oracle
from tests.soak.delivery import DAYS, Line
from tests.soak.engines import NAME, TYPES, DuckDb
from tests.soak.engines import Views as ViewedLake
from tests.soak.histories import (
    COLUMNS,
    DAY_START,
    NOON,
    SECOND,
    TABLE,
    Change,
    History,
    Road,
    State,
    change_record,
    item,
    state_digest,
)
from tests.sql.lake import Lake
from transform_lambda.change import change_time, read_change, row_of, transform
from transform_lambda.flatten import row_line

ENGINE = DuckDb()
QUICK = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def item_history(key: str, start: int, *steps: tuple[int, State]) -> History:
    """An item's history from steps: the time since the previous change and the new state."""
    history, state, moment = History(key), None, start
    for passed, after in steps:
        moment += passed
        history.changes.append(Change(moment, state, after))
        state = after
    return history


@st.composite
def lives(draw: st.DrawFn) -> list[History]:
    """Writes to a few items in both precisions: ties, cycles, removals, and writes that change nothing.

    Within one moment no step occurs twice: equal changes of one item at one time are one change that was
    delivered twice, with any eventID.
    """
    histories = []
    for key in "abcdef"[: draw(st.integers(1, 6))]:
        start, unit = draw(st.sampled_from(((DAY_START, 1_000), (NOON, 1))))
        steps: list[tuple[int, State]] = []
        state: State = None
        seen: set[tuple[State, State]] = set()
        wanted = st.tuples(st.sampled_from((0, 0, 1, 1_000)), st.sampled_from((None, 1, 2, 3)))
        for passed, after in draw(st.lists(wanted, max_size=7)):
            if state is after is None or (not passed and (state, after) in seen):
                continue
            seen = {(state, after)} | (set() if passed else seen)
            steps.append((passed * unit, after))
            state = after
        histories.append(item_history(key, start, *steps))
    return histories


@st.composite
def deliveries(
    draw: st.DrawFn, histories: Sequence[History], lost: Sequence[tuple[int, int]] = ()
) -> ViewedLake:
    """A lake of these changes without the lost ones: shuffled, some twice, split over objects and days."""
    lines: list[Line] = []
    for number, history in enumerate(histories):
        for position in range(len(history.changes)):
            if (number, position) in lost:
                continue
            sequence = draw(st.sampled_from((str(100 + position), str(100 - position), None)))
            lines.append(Line(number, position, f"id-{number}-{position}", sequence))
            again = draw(st.sampled_from(("no", "no", "alike", "another sequence", "another eventID")))
            if again != "no":
                named = f"{lines[-1].event_id}-again" if again == "another eventID" else lines[-1].event_id
                lines.append(Line(number, position, named, sequence if again == "alike" else "999"))
    lines = draw(st.permutations(lines))
    cuts = sorted(draw(st.lists(st.integers(0, len(lines)), max_size=3)))
    return ENGINE.lake(
        "",
        [
            (
                draw(st.sampled_from(DAYS)),
                f"ddb-lake-{start}-{end}.gz",
                delivery.body(histories, lines[start:end]),
            )
            for start, end in pairwise([0, *cuts, len(lines)])
        ],
    )


@given(st.data(), lives())
@QUICK
def test_views_are_correct_without_losses(data: st.DataObject, histories: list[History]) -> None:
    """`current` equals the table, `history` has every change once and in order, and `gaps` is empty."""
    lake = data.draw(deliveries(histories))
    assert checks.check_whole([each for each in histories if each.changes], lake) == {}


@given(st.data(), lives())
@QUICK
def test_every_detectable_loss_is_named(data: st.DataObject, histories: list[History]) -> None:
    """`gaps` and a comparison of `current` with the table name exactly the items that lack changes."""
    places = [
        (number, position) for number, each in enumerate(histories) for position in range(len(each.changes))
    ]
    lost = data.draw(st.lists(st.sampled_from(places), max_size=4)) if places else []
    lake = data.draw(deliveries(histories, lost))
    gone: dict[int, set[int]] = {}
    for number, position in lost:
        gone.setdefault(number, set()).add(position)
    wrong, _ = checks.check_losses(histories, gone, lake)
    assert wrong == {}


def test_the_views_pass_a_small_soak() -> None:
    """Thousands of changes in both precisions with every kind of loss, like in the long run."""
    data = soak.make(6_000, seed=7)
    assert data.summary["tied_pairs"]["MILLISECOND"] > 200
    assert data.summary["tied_pairs"]["MICROSECOND"] > 200
    answer = soak.check(ENGINE, data, lambda _: None)
    assert answer["lost_changes_named"] > 400


@pytest.mark.parametrize(("road", "repeating"), [("streams", 100), ("switched", 40)])
def test_the_views_pass_a_small_soak_of_whole_seconds(road: Road, repeating: int) -> None:
    """By DynamoDB Streams, where many items repeat a step within a second; or only after a cut."""
    data = soak.make(6_000, 7, road)
    assert data.summary["items_that_repeat_a_step"] > repeating
    assert data.summary["tied_pairs"]["SECOND"] > 2_000
    answer = soak.check(ENGINE, data, lambda _: None)
    assert answer["lost_changes_named"] > 200


def test_losing_a_complete_cycle_of_states_is_not_detectable() -> None:
    """The rest is a complete history that ends in the table's state, so no check can detect the loss.

    With an attribute that never repeats (a version number), only a created and removed item is undetectable.
    """
    for steps, lost in (
        (((0, 1), (5, 2), (5, 1), (5, 3)), {1, 2}),
        (((0, 1), (5, None)), {0, 1}),
        (((0, 1), (5, 1)), {1}),
    ):
        history = item_history("a", NOON, *steps)
        left = [change for position, change in enumerate(history.changes) if position not in lost]
        assert not oracle.loss_shows(history, left)
    history = item_history("a", NOON, (0, 1), (5, 2), (5, 3), (5, 4))
    for count in range(1, 4):
        assert oracle.loss_shows(history, history.changes[:count] + history.changes[count + 1 :])


def filled(*histories: History, more: Sequence[bytes] = (), switched_at: str | None = None) -> ViewedLake:
    """A lake of these histories, with each change once and in order. `more` are complete lines."""
    lines = [
        delivery.row(histories, Line(number, position, f"id-{number}-{position}", str(position)))
        for number, history in enumerate(histories)
        for position in range(len(history.changes))
    ]
    lake = Lake(COLUMNS)
    lake.put(*(line.decode().rstrip("\n") for line in [*lines, *more]))
    for view in definitions(NAME, TABLE, COLUMNS, TYPES, switched_at):
        lake.run(view.statement)
    return lake


def snapshot(key: str, state: State, moment: int) -> bytes:
    """A row from a backfill: the item as it was read, or its absence."""
    kept = Change(moment, 1, None) if state is None else Change(moment, None, state)
    change = read_change(change_record(key, kept, f"copy-{key}-{state}"))
    change.change_type = "SNAPSHOT"
    change.old_image = None
    return row_line(row_of(change))


def test_a_copied_item_is_current_and_starts_its_chain() -> None:
    """An item that a backfill wrote before or after its first change has no gap before it."""
    adopted = History("a", [Change(NOON + 10, 1, 2), Change(NOON + 20, 2, 1)])
    for moment in (NOON, NOON + 15):
        lake = filled(adopted, more=[snapshot("a", 1, moment), snapshot("b", 3, moment)])
        assert lake.ask("SELECT pk, n, change_type FROM current_soak ORDER BY pk") == [
            ["a", "1", "MODIFY"],
            ["b", "3", "SNAPSHOT"],
        ]
        assert lake.ask("SELECT * FROM gaps_soak") == []
    rows = filled(adopted).ask("SELECT broken_state, missing, change_time FROM gaps_soak")
    assert rows == [[state_digest("a", 1), "before", change_time(NOON + 10)]]


def test_a_copied_item_with_a_cycle_within_a_moment_has_no_gap() -> None:
    """Its first changes leave the copied state and return to it at the same time."""
    circle = History("a", [Change(NOON, 1, 2), Change(NOON, 2, 1)])
    lake = filled(circle, more=[snapshot("a", 1, NOON - 5)])
    assert lake.ask("SELECT * FROM gaps_soak") == []
    assert {row[0] for row in filled(circle).ask("SELECT missing FROM gaps_soak")} == {"before"}


@pytest.mark.parametrize(
    "steps",
    [
        ((0, 1), (9, 2), (0, 1)),
        ((0, 1), (9, 2), (0, 1), (0, 3)),
        ((0, 1), (9, 2), (0, 3), (0, 2)),
        ((0, 1), (9, None), (0, 1), (0, 2)),
        ((0, 1), (9, 1), (0, 2), (0, 2)),
        ((0, 1), (0, 2), (0, 3), (0, 4), (0, 5)),
    ],
    ids=["circle", "through its start", "through its end", "removed and back", "nothing changes", "path"],
)
@pytest.mark.parametrize("without", ["none", "last"])
def test_ties_are_in_the_order_of_their_chain(steps: tuple[tuple[int, State], ...], without: str) -> None:
    """The sequence numbers do not matter. Here they have the opposite order, if they exist."""
    history = item_history("a", NOON, *steps)
    places = range(len(history.changes))
    bare = places[-1:] if without == "last" else []
    reverse = [
        delivery.row(
            [history], Line(0, position, f"id-{position}", None if position in bare else str(99 - position))
        )
        for position in places
    ]
    lake = filled(more=reverse)
    last = history.final
    assert lake.ask("SELECT n FROM current_soak") == ([] if last is None else [[str(last)]])
    shown = lake.ask("SELECT change_before, change_after FROM history_soak ORDER BY change_number")
    expected = [
        [state_digest("a", change.before) or None, state_digest("a", change.after) or None]
        for change in history.changes
    ]
    for _, moment in groupby(
        zip(history.changes, shown, expected, strict=True), key=lambda each: each[0].moment
    ):
        _, seen, wanted = zip(*moment, strict=True)
        assert (seen[0], seen[-1]) == (wanted[0], wanted[-1])
        if len(seen) <= 3:
            assert seen == wanted


def test_current_shows_the_last_of_several_returns_by_sequence() -> None:
    """A to B to A to C to A at the same time: the shown change is deterministic."""
    history = item_history("a", NOON, (0, 1), (9, 2), (0, 1), (0, 3), (0, 1))
    for sequences, shown in (
        (("1", "2", "3", "4", "5"), "id-4"),
        (("1", "2", "5", "3", "4"), "id-2"),
        ((None,) * 5, "id-4"),
    ):
        lines = [
            delivery.row([history], Line(0, position, f"id-{position}", each))
            for position, each in enumerate(sequences)
        ]
        for order in (lines, lines[::-1]):
            assert filled(more=order).ask("SELECT n, change_id FROM current_soak") == [["1", shown]]


def test_changes_inside_a_tie_are_ordered_by_sequence() -> None:
    """Their eventIDs are random and do not decide."""
    history = item_history("a", NOON, *((0, state) for state in range(1, 7)))
    lines = [Line(0, position, f"id-{9 - position}", str(10 + position)) for position in range(6)]
    lake = filled(more=[delivery.row([history], line) for line in lines])
    shown = lake.ask("SELECT change_id FROM history_soak ORDER BY change_number")
    assert shown == [[line.event_id] for line in lines]


def test_a_copy_does_not_hide_a_loss_after_the_first_change() -> None:
    """The item returned to the copied state later. The lost return is still a gap."""
    history = item_history("a", NOON, (0, 1), (10, 2), (10, 1), (10, 3))
    del history.changes[2]
    for moment in (NOON - 5, NOON + 5, NOON + 35):
        lake = filled(history, more=[snapshot("a", 1, moment)])
        rows = lake.ask("SELECT broken_state, missing FROM gaps_soak")
        assert [state_digest("a", 2), "after"] in rows


def test_the_first_delivery_of_a_change_by_sequence_is_shown() -> None:
    """In any order in the lake. Without sequence numbers, the eventID decides."""
    history = item_history("a", NOON, (0, 1))
    for lines in (
        [Line(0, 0, "id-z", "5"), Line(0, 0, "id-b", "7"), Line(0, 0, "id-a", None)],
        [Line(0, 0, "id-z", None), Line(0, 0, "id-zz", None), Line(0, 0, "id-zzz", None)],
    ):
        for order in (lines, lines[::-1]):
            lake = filled(more=[delivery.row([history], line) for line in order])
            for view in ("current", "history"):
                assert lake.ask(f"SELECT change_id FROM {view}_soak") == [["id-z"]]


def test_item_removed_at_the_time_of_its_copy_is_not_current() -> None:
    """A copy is not a change, so the removal beside it is not treated as part of a cycle."""
    history = History("a", [Change(NOON, None, 1), Change(NOON + 9, 1, None)])
    lake = filled(history, more=[snapshot("a", 1, NOON + 9)])
    assert lake.ask("SELECT * FROM current_soak") == []
    assert lake.ask("SELECT change_type FROM history_soak ORDER BY change_number")[-1] == ["REMOVE"]
    assert lake.ask("SELECT * FROM gaps_soak") == []


def test_item_that_a_copy_marks_as_absent_is_not_current() -> None:
    """A SNAPSHOT without a state: the item's REMOVE was lost. If it is created again later, it is current."""
    history = item_history("a", NOON, (0, 1))
    gone = filled(history, more=[snapshot("a", None, NOON + 5)])
    assert gone.ask("SELECT * FROM current_soak") == []
    assert gone.ask("SELECT change_type, valid_to FROM history_soak ORDER BY change_number") == [
        ["INSERT", change_time(NOON + 5)],
        ["SNAPSHOT", None],
    ]
    again = filled(item_history("a", NOON + 9, (0, 2)), more=[snapshot("a", None, NOON + 5)])
    assert again.ask("SELECT n FROM current_soak") == [["2"]]
    assert again.ask("SELECT * FROM gaps_soak") == []


def by_streams(history: History, without: Sequence[int] = ()) -> list[bytes]:
    """An item's changes from DynamoDB Streams, each twice. The changes in `without` have no sequence."""
    lines = []
    for position in range(len(history.changes)):
        sequence = None if position in without else f"{4 * 10**20 + position}"
        line = Line(0, position, f"id-{position}", sequence, by_streams=True)
        lines += [delivery.row([history], line)] * 2
    return lines


def test_one_step_twice_in_a_second_is_two_changes() -> None:
    """A to B to A to B by DynamoDB Streams, in any order of arrival: B is current, and there is no gap."""
    history = item_history("a", NOON, (0, 1), (SECOND, 2), (0, 1), (0, 2))
    for lines in (by_streams(history), by_streams(history)[::-1]):
        lake = filled(more=lines)
        assert lake.ask("SELECT n, change_id FROM current_soak") == [["2", "id-3"]]
        shown = lake.ask("SELECT change_id FROM history_soak ORDER BY change_number")
        assert shown == [["id-0"], ["id-1"], ["id-2"], ["id-3"]]
        assert lake.ask("SELECT * FROM gaps_soak") == []
    lost = [line for line in by_streams(history) if b'"id-2"' not in line]
    assert filled(more=lost).ask("SELECT * FROM gaps_soak") != []


@pytest.mark.parametrize("without", range(1, 4))
def test_a_second_with_a_missing_sequence_is_ordered_by_its_chain(without: int) -> None:
    """A change from an export has no position in the stream, so the states decide which one is the last."""
    history = item_history("a", NOON, (0, 1), (SECOND, 2), (0, 3), (0, 4))
    for lines in (by_streams(history, [without]), by_streams(history, [without])[::-1]):
        lake = filled(more=lines)
        assert lake.ask("SELECT n FROM current_soak") == [["4"]]
        assert lake.ask("SELECT n FROM history_soak ORDER BY change_number") == [["1"], ["2"], ["3"], ["4"]]


def test_a_copy_within_a_second_comes_before_its_changes() -> None:
    """A copy is not a change, so the newest change counts in both views."""
    history = item_history("a", NOON, (0, 1), (0, 2), (0, 1), (0, 3))
    for state in (1, 2, 3):
        lake = filled(more=[*by_streams(history), snapshot("a", state, NOON)])
        assert lake.ask("SELECT n, change_type FROM current_soak") == [["3", "MODIFY"]]
        shown = lake.ask("SELECT change_type, n FROM history_soak ORDER BY change_number")
        assert (shown[0], shown[-1]) == (["SNAPSHOT", str(state)], ["MODIFY", "3"])


def test_a_cut_takes_each_change_from_one_road() -> None:
    """Kinesis before the cut, DynamoDB Streams after it. Copies and rows without a sequence always count."""
    history = item_history("a", NOON - 5 * SECOND, (0, 1), (4 * SECOND, 2), (SECOND, 1), (0, 2), (0, 1))
    kinesis = [
        delivery.row([history], Line(0, position, f"k-{position}", str(position))) for position in range(5)
    ]
    more = [*kinesis, *by_streams(history), snapshot("b", 7, NOON - 1), snapshot("c", 8, NOON + 1)]
    bare = item_history("d", NOON - SECOND, (0, 1), (2 * SECOND, 2))
    more += [delivery.row([bare], Line(0, position, f"bare-{position}", None)) for position in range(2)]
    lake = filled(more=more, switched_at=change_time(NOON))
    assert lake.ask("SELECT pk, n, change_id FROM current_soak ORDER BY pk") == [
        ["a", "1", "id-4"],
        ["b", "7", "copy-b-7"],
        ["c", "8", "copy-c-8"],
        ["d", "2", "bare-1"],
    ]
    assert lake.ask("SELECT count(*) FROM history_soak WHERE pk = 'd'") == [["2"]]
    shown = lake.ask("SELECT change_id FROM history_soak WHERE pk = 'a' ORDER BY change_number")
    assert shown == [["k-0"], ["k-1"], ["id-2"], ["id-3"], ["id-4"]]
    assert lake.ask("SELECT * FROM gaps_soak") == []
    both = filled(more=more)
    assert len(both.ask("SELECT change_id FROM history_soak WHERE pk = 'a'")) > 5


def test_history_shows_when_a_state_was_valid() -> None:
    """valid_to is the next change's time; the newest state has none. change_number counts the changes."""
    rows = filled(item_history("a", NOON, (0, 1), (10, 2), (10, None))).ask(
        "SELECT change_number, valid_from, valid_to, n FROM history_soak ORDER BY 1"
    )
    times = [change_time(NOON + passed) for passed in (0, 10, 20)]
    assert rows == [
        ["1", times[0], times[1], "1"],
        ["2", times[1], times[2], "2"],
        ["3", times[2], None, "2"],
    ]


def test_views_leave_other_tables_and_foreign_lines_out() -> None:
    """A lake can contain several source tables and foreign objects."""
    record = change_record("b", Change(NOON, 2, 1), "id-other") | {"tableName": "other"}
    other = transform(orjson.dumps(record))[0]
    lake = filled(item_history("a", NOON, (0, 1)), more=[other, b"garbage", b'{"x":1}'])
    assert lake.ask("SELECT pk FROM current_soak") == [["a"]]
    assert lake.ask("SELECT pk FROM history_soak") == [["a"]]
    assert lake.ask("SELECT * FROM gaps_soak") == []


@pytest.mark.parametrize("name", sorted(path.stem for path in VIEWS.glob("*.sql")))
def test_view_works_on_an_empty_lake(name: str) -> None:
    """Before the first delivery, a view has its columns and no rows."""
    lake = Lake(COLUMNS)
    for view in definitions(NAME, TABLE, COLUMNS, TYPES):
        lake.run(view.statement)
    result = lake.run(f"SELECT * FROM {name}_{NAME}")
    assert result.rows == []
    assert result.columns


def test_the_rows_come_from_the_shipped_function() -> None:
    """An item of the table has the same digest as its row."""
    [row] = [
        json.loads(line) for line in (delivery.row([item_history("a", NOON, (0, 1))], Line(0, 0, "id", "1")),)
    ]
    assert row["change_after"] == state_digest("a", 1)
    assert row["change_key"] == json.dumps({"pk": item("a", 1)["pk"]}, separators=(",", ":"))
