"""What the views must say, worked out from the changes alone, the slow and plain way."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from tests.soak.histories import DAY_START, Change, History, State


def ends_of(moment: Sequence[Change], start: State) -> set[State]:
    """The states that can be come to from `start` through all changes of one moment, in any order."""
    return set(_ends(tuple(sorted((change.before or 0, change.after or 0) for change in moment)), start or 0))


@lru_cache(maxsize=100_000)
def _ends(steps: tuple[tuple[int, int], ...], start: int) -> frozenset[State]:
    """The same of steps from state to state; 0 is no item. Alike steps are tried once."""
    if not steps:
        return frozenset((start or None,))
    ends: frozenset[State] = frozenset()
    for step in set(steps):
        if step[0] == start:
            place = steps.index(step)
            ends |= _ends((*steps[:place], *steps[place + 1 :]), step[1])
    return ends


def told(changes: Sequence[Change]) -> tuple[bool, State]:
    """Whether these changes are a whole history by themselves, and the state they end in if so."""
    state: State = None
    for _, group in groupby(changes, key=lambda change: change.moment):
        ends = ends_of(list(group), state)
        if not ends:
            return False, None
        [state] = ends
    return True, state


def loss_shows(history: History, left: Sequence[Change], streams_from: int = DAY_START * 2) -> bool:
    """Whether anything can show a loss: the changes left are no whole history, or not the table's.

    Changes from `streams_from` on have an order of their own, so the last of them has the newest state.
    """
    whole, state = told(left)
    if left and left[-1].moment >= streams_from:
        state = left[-1].after
    return not whole or state != history.final


def breaks(changes: Sequence[Change]) -> set[tuple[State, str, int]]:
    """The rows of the gaps view for changes of which no two have one time: state, before or after, moment."""
    found: set[tuple[State, str, int]] = set()
    state: State = None
    earlier = 0
    for change in changes:
        if change.before != state:
            found |= {(state, "after", earlier), (change.before, "before", change.moment)}
        state, earlier = change.after, change.moment
    return {one for one in found if one[0] is not None}
