"""Compares the views' rows with the table and the changes. Each check returns the wrong items and reasons."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, pairwise

from tests.soak import oracle
from tests.soak.engines import Views
from tests.soak.histories import STREAMS_FROM, Change, History, Road, State, state_digest

Wrong = dict[int, str]  # number of an item → what is wrong with it

CURRENT = "SELECT pk, n, change_after, change_time, change_id, change_sequence FROM current_soak"
HISTORY = """
SELECT
  pk,
  min(change_number),
  max(change_number),
  count(*),
  array_join(
    array_agg(
      valid_from || ' ' || coalesce(valid_to, '-') || ' ' || coalesce(change_before, '-')
        || ' ' || coalesce(change_after, '-')
      ORDER BY change_number
    ),
    ','
  )
FROM history_soak
GROUP BY pk
"""
GAPS = "SELECT change_key, broken_state, missing, change_time FROM gaps_soak"


class WrongViewError(AssertionError):
    """A view shows rows that belong to no item."""


Gap = tuple[str, str, str]  # broken state, before or after, time


def time_text(moment: int) -> str:
    """The moment in the form of change_time."""
    at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=moment)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def current_of(lake: Views) -> dict[str, tuple[str | None, ...]]:
    """Each item's row in the current view: `n`, digest, and what tells which change it is."""
    rows = lake.ask(CURRENT)
    items = {str(row[0]): tuple(row[1:]) for row in rows}
    if len(items) != len(rows):
        raise WrongViewError("the current view shows an item twice")
    return items


def gaps_of(lake: Views) -> dict[str, set[Gap]]:
    """The rows of the gaps view, by item."""
    gaps: dict[str, set[Gap]] = {}
    for key, *row in lake.ask(GAPS):
        gaps.setdefault(json.loads(str(key))["pk"]["S"], set()).add((str(row[0]), str(row[1]), str(row[2])))
    return gaps


def differs(histories: Sequence[History], current: Mapping[str, tuple[str | None, ...]]) -> Wrong:
    """The items whose newest state in the lake (`n` and digest) differs from the table."""
    wrong = {}
    left = dict(current)
    for number, history in enumerate(histories):
        state = history.final
        expected = None if state is None else (str(state), state_digest(history.key, state))
        shown = left.pop(history.key, None)
        if (None if shown is None else shown[:2]) != expected:
            wrong[number] = f"current shows {current.get(history.key)}, the table has {expected}"
    if left:
        raise WrongViewError(f"the current view shows items that never existed: {sorted(left)[:3]}")
    return wrong


def check_whole(histories: Sequence[History], lake: Views, road: Road = "kinesis") -> Wrong:
    """With all changes, current equals the table, history has every change once, and gaps is empty."""
    wrong = differs(histories, current_of(lake))
    gaps = gaps_of(lake)
    shown = history_of(lake)
    for number, history in enumerate(histories):
        if history.key in gaps:
            wrong[number] = f"gaps shows {sorted(gaps[history.key])} where nothing is missing"
        if problem := _history_problem(history, shown.pop(history.key, None), STREAMS_FROM[road]):
            wrong[number] = problem
    if shown:
        raise WrongViewError(f"the history view shows items that never existed: {sorted(shown)[:3]}")
    return wrong


def _history_problem(history: History, row: Sequence[str | None] | None, streams_from: int) -> str | None:
    """The error in an item's rows of the history view, or None."""
    if row is None:
        return "history has no row of it"
    first, last, count, text = row
    size = len(history.changes)
    if (first, last, count) != ("1", str(size), str(size)):
        return f"history numbers {count} changes from {first} to {last}, but there were {size}"
    shown = [tuple(part.split(" ")) for part in str(text).split(",")]
    expected = [
        (time_text(change.moment), _shown(history.key, change.before), _shown(history.key, change.after))
        for change in history.changes
    ]
    if Counter((row[0], *row[2:]) for row in shown) != Counter(expected):
        return "history has not every change once"
    until = [row[0] for row in shown[1:]] + ["-"]
    if [row[1] for row in shown] != until:
        return "history's valid_to is not the next change's time"
    by_kinesis = sum(change.moment < streams_from for change in history.changes)
    if [(row[0], *row[2:]) for row in shown[by_kinesis:]] != expected[by_kinesis:]:
        return "history is not in the order of the sequence"
    return None if _is_chained(shown[:by_kinesis]) else "history is not in the order of the chain"


def _is_chained(shown: Sequence[Sequence[str]]) -> bool:
    """Whether each moment starts where the previous one ended; within at most three changes, each change."""
    state = "-"
    for _, group in groupby(shown, key=lambda row: row[0]):
        moment = list(group)
        chained = all(row[3] == other[2] for row, other in pairwise(moment))
        if moment[0][2] != state or (len(moment) <= 3 and not chained):
            return False
        state = moment[-1][3]
    return True


def _shown(key: str, state: State) -> str:
    return state_digest(key, state) or "-"


def history_of(lake: Views) -> dict[str, list[str | None]]:
    """The rows of the history view, by item."""
    return {str(row[0]): row[1:] for row in lake.ask(HISTORY)}


_ROWS: dict[str, Callable[[Views], Mapping[str, object]]] = {
    "current": current_of,
    "gaps": gaps_of,
    "history": history_of,
}
NAMES = tuple(_ROWS)


def check_same(
    histories: Sequence[History], lake: Views, other: Views, names: Sequence[str] = NAMES
) -> Wrong:
    """The views have the same rows in both lakes."""
    wrong: Wrong = {}
    for name in names:
        one, two = (_ROWS[name](each) for each in (lake, other))
        for number, history in enumerate(histories):
            key = history.key
            if one.get(key) != two.get(key):
                wrong[number] = f"{name} shows {two.get(key)} instead of {one.get(key)}"
    return wrong


def check_losses(
    histories: Sequence[History], lost: Mapping[int, set[int]], lake: Views, road: Road = "kinesis"
) -> tuple[Wrong, Counter[str]]:
    """With losses, gaps and the comparison name exactly the items that lack changes.

    Also returns how many lost changes were named, and how many nothing can reveal, because the remaining
    changes are a complete history that ends in the table's state.
    """
    unequal = differs(histories, current_of(lake))
    gaps = gaps_of(lake)
    wrong: Wrong = {}
    counts: Counter[str] = Counter()
    for number, history in enumerate(histories):
        rows = gaps.get(history.key, set())
        named = bool(rows) or number in unequal
        gone = lost.get(number, set())
        if not gone:
            if named:
                wrong[number] = f"named without a loss: {sorted(rows) or unequal[number]}"
            continue
        left = [change for position, change in enumerate(history.changes) if position not in gone]
        shows = oracle.loss_shows(history, left, STREAMS_FROM[road])
        if named != shows:
            wrong[number] = f"lost {sorted(gone)}: {'not named' if shows else f'named by {sorted(rows)}'}"
        elif _untied(left) and rows != _gaps(history.key, left):
            wrong[number] = f"lost {sorted(gone)}: gaps shows {sorted(rows)}, not {_gaps(history.key, left)}"
        counts["lost changes named" if shows else "lost changes nothing can show"] += len(gone)
        counts["items named" if shows else "items nothing can show"] += 1
    return wrong, counts


def _untied(changes: Sequence[Change]) -> bool:
    return len({change.moment for change in changes}) == len(changes)


def _gaps(key: str, changes: Sequence[Change]) -> set[Gap]:
    return {
        (state_digest(key, state), missing, time_text(moment))
        for state, missing, moment in oracle.breaks(changes)
    }
