"""A backfill meets a stream: no gap and no double truth, whenever the export is taken.

A table is written throughout. Its changes are delivered from the time S on, twice and in any order, and an
export of the time E becomes rows. The shipped function, `repair` and the shipped views do the work; the model
only knows what happened.

`current` is the table at the end if E is not before S. If it is, exactly the items that changed between E and
S are wrong or in `gaps`. `history` shows each delivered change once, and each copied item once.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from repair.backfill import Source, rows
from repair.exports.records import Item
from scripts.core.views import definitions
from tests.soak.delivery import Line, row
from tests.soak.engines import NAME, TYPES
from tests.soak.histories import COLUMNS, NOON, SECOND, TABLE, Change, History, State, item, state_digest
from tests.sql.lake import Lake
from transform_lambda.change import change_time
from transform_lambda.flatten import DEFAULT_SETTINGS

SPAN = 600 * SECOND  # the table is written for ten minutes, around noon
STREAM_FROM = NOON + SPAN // 2  # S
ITEMS = 120


@dataclass(frozen=True)
class Model:
    """The table's whole history: what each item was at any time."""

    histories: Sequence[History]

    @classmethod
    def of(cls, seed: int) -> Model:
        """Items with up to twelve changes each. States do not return, so every loss can be seen."""
        draw = random.Random(seed)  # noqa: S311  the same seed gives the same result
        return cls([_history(f"item-{number:04d}", draw) for number in range(ITEMS)])

    @staticmethod
    def state(history: History, moment: int) -> State:
        """The item's state at a moment, after the changes of that moment."""
        place = bisect_right([change.moment for change in history.changes], moment)
        return history.changes[place - 1].after if place else None

    def told(self) -> list[tuple[int, int]]:
        """The changes that the stream tells: numbers of histories and of changes in them."""
        return [
            (number, place)
            for number, history in enumerate(self.histories)
            for place, change in enumerate(history.changes)
            if change.moment >= STREAM_FROM
        ]

    def delivered(self, seed: int) -> list[bytes]:
        """The rows of the stream: each change once or twice, in any order."""
        draw = random.Random(seed)  # noqa: S311
        lines = []
        for number, place in self.told():
            line = Line(number, place, f"{draw.getrandbits(128):032x}", f"4966{number * 100 + place:052d}")
            lines += [line] * draw.choice((1, 1, 2))
        draw.shuffle(lines)
        return [row(self.histories, line) for line in lines]

    def copied(self, moment: int, late: dict[str, int] | None = None) -> list[bytes]:
        """The rows of an export or scan of a moment; items in `late` were read at a later one."""
        source = Source(
            "01795166100000-a1b2c3d4", change_time(moment, "MICROSECOND"), TABLE, DEFAULT_SETTINGS
        )
        found = (
            (history.key, self.state(history, (late or {}).get(history.key, moment)))
            for history in self.histories
        )
        items = (Item({"pk": {"S": key}}, item(key, state)) for key, state in found if state is not None)
        return [one.line for one in rows(items, source)]

    def final(self) -> dict[str, str]:
        """The table at the end."""
        return {one.key: str(one.final) for one in self.histories if one.final is not None}


def _history(key: str, draw: random.Random) -> History:
    moments = sorted(draw.sample(range(NOON, NOON + SPAN), draw.randrange(1, 13)))
    history, state = History(key), None
    for version, moment in enumerate(moments, 1):
        after: State = None if state is not None and draw.random() < 0.2 else version
        history.changes.append(Change(moment, state, after))
        state = after
    return history


def lake_of(*lines: Sequence[bytes]) -> Lake:
    """A lake of these rows with the shipped views."""
    lake = Lake(COLUMNS)
    lake.put(*(line.decode().rstrip("\n") for some in lines for line in some))
    for view in definitions(NAME, TABLE, COLUMNS, TYPES, None):
        lake.run(view.statement)
    return lake


def current(lake: Lake) -> dict[str, str]:
    """The items of the view."""
    return {str(key): str(n) for key, n in lake.ask("SELECT pk, n FROM current_soak")}


def gaps(lake: Lake) -> set[str]:
    """The keys in the view."""
    return {
        json.loads(str(key))["pk"]["S"] for [key] in lake.ask("SELECT DISTINCT change_key FROM gaps_soak")
    }


def check_history(lake: Lake, model: Model, moment: int) -> None:
    """Each delivered change once, in order; each copied item once; nothing else."""
    shown = lake.ask(
        "SELECT change_key, change_type, change_before, change_after, valid_from FROM history_soak "
        "WHERE change_type <> 'SNAPSHOT' ORDER BY change_key, change_number"
    )
    wanted = []
    for number, place in model.told():
        history = model.histories[number]
        change = history.changes[place]
        before, after = (state_digest(history.key, state) or None for state in (change.before, change.after))
        key = f'{{"pk":{{"S":"{history.key}"}}}}'
        wanted.append([key, change.kind, before, after, change_time(change.moment, "MICROSECOND")])
    assert shown == wanted
    copies = lake.ask("SELECT change_key, n FROM history_soak WHERE change_type = 'SNAPSHOT' ORDER BY 1")
    states = ((one.key, model.state(one, moment)) for one in model.histories)
    assert [n for _, n in copies] == [str(state) for _, state in states if state is not None]


@pytest.mark.parametrize("seconds", [0, 1, 120, 299, 300])
def test_export_after_the_streams_start_leaves_nothing_out(seconds: int) -> None:
    """`current` is the table, `history` is complete; of `gaps`, see `deleted_before_the_export`."""
    model = Model.of(seconds)
    moment = STREAM_FROM + seconds * SECOND
    lake = lake_of(model.delivered(seconds), model.copied(moment))
    assert current(lake) == model.final()
    check_history(lake, model, moment)
    assert gaps(lake) == deleted_before_the_export(model, moment)


def deleted_before_the_export(model: Model, moment: int) -> set[str]:
    """Items that existed before the stream and were deleted before the export: nothing copied them.

    The lake cannot distinguish them from items whose first changes were lost, so they stay in `gaps`.
    """
    return {
        history.key
        for history in model.histories
        if model.state(history, STREAM_FROM - 1) is not None and model.state(history, moment) is None
    }


@pytest.mark.parametrize("seconds", [1, 60, 299, 400])
def test_export_before_the_streams_start_names_what_is_untold(seconds: int) -> None:
    """An item that changed between export and stream is in `gaps` if it changed again, else it is wrong."""
    model = Model.of(seconds)
    moment = STREAM_FROM - seconds * SECOND
    lake = lake_of(model.delivered(seconds), model.copied(moment))
    untold, again = set(), set()
    for history in model.histories:
        if any(moment < change.moment < STREAM_FROM for change in history.changes):
            later = [change for change in history.changes if change.moment >= STREAM_FROM]
            if later and later[0].before is not None:
                again.add(history.key)  # the stream tells a state that the lake does not know
            elif not later:
                untold.add(history.key)
    found, table = current(lake), model.final()
    wrong = {key for key in found.keys() | table.keys() if found.get(key) != table.get(key)}
    assert wrong <= untold
    assert wrong == {key for key in untold if _differs(model, key, moment)}
    assert gaps(lake) == again
    assert again | untold
    check_history(lake, model, moment)


def _differs(model: Model, key: str, moment: int) -> bool:
    history = next(one for one in model.histories if one.key == key)
    return model.state(history, moment) != history.final


def test_second_export_heals_what_the_first_left_out() -> None:
    """As the verb's warning says: after an export that is not before S, `current` is the table."""
    model = Model.of(7)
    early, late = STREAM_FROM - 200 * SECOND, STREAM_FROM + 60 * SECOND
    assert current(lake_of(model.delivered(7), model.copied(early))) != model.final()
    lake = lake_of(model.delivered(7), model.copied(early), _renamed(model.copied(late)))
    assert current(lake) == model.final()


def _renamed(lines: Sequence[bytes]) -> list[bytes]:
    return [line.replace(b"01795166100000-a1b2c3d4", b"01795166200000-a1b2c3d4") for line in lines]


@pytest.mark.parametrize("seconds", [1, 25])
def test_item_that_changes_while_a_scan_reads_it_is_no_gap(seconds: int) -> None:
    """A scan gives its rows an earlier time than the read: up to half a minute, and more than one change."""
    model = Model.of(seconds)
    moment = STREAM_FROM + 10 * SECOND
    late = {history.key: moment + seconds * SECOND for history in model.histories}
    lake = lake_of(model.delivered(seconds), model.copied(moment, late))
    assert current(lake) == model.final()
    assert gaps(lake) <= deleted_before_the_export(model, moment + seconds * SECOND)


def test_change_at_the_very_second_of_the_export_counts_once() -> None:
    """The export may have it or not: either way the item is right, and there is no gap."""
    moment = STREAM_FROM + 10 * SECOND
    history = History("a", [Change(NOON, None, 1), Change(moment, 1, 2), Change(moment + 5 * SECOND, 2, 3)])
    model = Model([history])
    for read in (moment - 1, moment):
        lake = lake_of(model.delivered(1), model.copied(moment, {"a": read}))
        assert current(lake) == {"a": "3"}
        assert gaps(lake) == set()
    shorter = Model([History("a", history.changes[:2])])
    for read in (moment - 1, moment):
        assert current(lake_of(shorter.delivered(1), shorter.copied(moment, {"a": read}))) == {"a": "2"}


def test_lost_change_after_the_export_is_still_a_gap() -> None:
    """A copy explains what was before the stream, and not what the stream lost."""
    moments = [NOON, STREAM_FROM + SECOND, STREAM_FROM + 100 * SECOND, STREAM_FROM + 200 * SECOND]
    changes = [Change(at, number or None, number + 1) for number, at in enumerate(moments)]
    model = Model([History("a", changes)])
    kept = [line for line in model.delivered(1) if b'"n":3,' not in line]
    assert len({*kept}) == 2
    assert gaps(lake_of(kept, model.copied(STREAM_FROM + 10 * SECOND))) == {"a"}


def test_state_that_is_reached_long_after_the_copy_explains_nothing() -> None:
    """The item left the copied state by a change that is missing, and came back minutes later."""
    changes = [
        Change(NOON, None, 1),
        Change(STREAM_FROM + SECOND, 1, 2),
        Change(STREAM_FROM + 100 * SECOND, 2, 1),
    ]
    model = Model([History("a", changes)])
    kept = [line for line in model.delivered(1) if b'"n":2,' not in line]
    assert gaps(lake_of(kept, model.copied(STREAM_FROM))) == {"a"}
