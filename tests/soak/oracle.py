"""The correct results of the views, computed from the changes in a slow and simple way."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from tests.soak.histories import DAY_START, Change, History, State


def ends_of(moment: Sequence[Change], start: State) -> set[State]:
    """The states reachable from `start` through all changes of one moment, in any order."""
    return set(_ends(tuple(sorted((change.before or 0, change.after or 0) for change in moment)), start or 0))


@lru_cache(maxsize=100_000)
def _ends(steps: tuple[tuple[int, int], ...], start: int) -> frozenset[State]:
    """The same for steps between states, with 0 for no item. Equal steps are tried once."""
    if not steps:
        return frozenset((start or None,))
    ends: frozenset[State] = frozenset()
    for step in set(steps):
        if step[0] == start:
            position = steps.index(step)
            ends |= _ends((*steps[:position], *steps[position + 1 :]), step[1])
    return ends


def complete_history(changes: Sequence[Change]) -> tuple[bool, State]:
    """Whether these changes are a complete history, and if so its last state."""
    state: State = None
    for _, group in groupby(changes, key=lambda change: change.moment):
        ends = ends_of(list(group), state)
        if not ends:
            return False, None
        [state] = ends
    return True, state


def loss_shows(history: History, left: Sequence[Change], streams_from: int = DAY_START * 2) -> bool:
    """Whether a loss can be seen: the remaining changes are not a complete history, or not the table's.

    Changes from `streams_from` on have their own order, so the last one has the newest state.
    """
    whole, state = complete_history(left)
    if left and left[-1].moment >= streams_from:
        state = left[-1].after
    return not whole or state != history.final


def breaks(changes: Sequence[Change]) -> set[tuple[State, str, int]]:
    """The rows of the gaps view for changes with distinct times: state, before or after, moment."""
    rows: set[tuple[State, str, int]] = set()
    state: State = None
    earlier = 0
    for change in changes:
        if change.before != state:
            rows |= {(state, "after", earlier), (change.before, "before", change.moment)}
        state, earlier = change.after, change.moment
    return {row for row in rows if row[0] is not None}
