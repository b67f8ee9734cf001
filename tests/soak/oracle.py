"""What the views must say, worked out from the changes alone, the slow and plain way."""

from collections.abc import Sequence
from itertools import groupby

from tests.soak.histories import Change, History, State


def ends_of(moment: Sequence[Change], start: State) -> set[State]:
    """The states that can be come to from `start` through all changes of one moment, in any order."""
    if not moment:
        return {start}
    ends: set[State] = set()
    for number, change in enumerate(moment):
        if change.before == start:
            ends |= ends_of([*moment[:number], *moment[number + 1 :]], change.after)
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


def loss_shows(history: History, left: Sequence[Change]) -> bool:
    """Whether anything can show a loss: the changes left are no whole history, or not the table's."""
    whole, state = told(left)
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
