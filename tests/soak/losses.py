"""Removes changes: first ones, last ones, any, tied ones, all of an item, and whole objects."""

import random
from collections import Counter
from collections.abc import Sequence

from tests.soak.delivery import Delivered, Line
from tests.soak.histories import History

Lost = dict[int, set[int]]  # number of an item → numbers of its changes


def lose(
    histories: Sequence[History], objects: Sequence[Delivered], seed: int
) -> tuple[list[Delivered], Lost, Counter[str]]:
    """The remaining objects, the changes that are in none of them, and the number of losses of each kind."""
    random_ = random.Random(seed)  # noqa: S311  the same seed gives the same result
    gone: Lost = {}
    kinds: Counter[str] = Counter()
    for number, history in enumerate(histories):
        if random_.random() < 0.15:
            kind, places = _loss(history, random_)
            if places:
                gone[number] = places
                kinds[kind] += 1
    share = max(1, len(objects) // 60)
    kinds["an object"] = share
    lost_objects = set(random_.sample(range(len(objects)), share)) if len(objects) > 1 else set()
    kept = [
        Delivered(
            delivered.day,
            delivered.name,
            [line for line in delivered.lines if line.change not in gone.get(line.history, ())],
        )
        for number, delivered in enumerate(objects)
        if number not in lost_objects
    ]
    return kept, _missing(histories, kept), kinds


def _loss(history: History, random_: random.Random) -> tuple[str, set[int]]:
    """One way to lose changes of an item."""
    count = len(history.changes)
    times = Counter(change.moment for change in history.changes)
    tied = [position for position, change in enumerate(history.changes) if times[change.moment] > 1]
    kind = random_.choice(
        ("any", "some", "the first", "the last", "all", "a tied one", "a tied moment", "a stretch")
    )
    if kind in ("a tied one", "a tied moment"):
        if not tied:
            return kind, set()
        position = random_.choice(tied)
        moment = history.changes[position].moment
        alike = {other for other in tied if history.changes[other].moment == moment}
        return kind, {position} if kind == "a tied one" else alike
    start = random_.randrange(count)
    return kind, {
        "any": {start},
        "some": set(random_.sample(range(count), min(count, 3))),
        "the first": set(range(min(count, random_.choice((1, 2))))),
        "the last": set(range(count - min(count, random_.choice((1, 2))), count)),
        "all": set(range(count)),
        "a stretch": set(range(start, min(count, start + 4))),
    }[kind]


def _missing(histories: Sequence[History], kept: Sequence[Delivered]) -> Lost:
    """The changes without any remaining line."""
    seen: dict[int, set[int]] = {}
    for delivered in kept:
        for line in (line for line in delivered.lines if not line.beyond_the_cut):
            seen.setdefault(line.history, set()).add(line.change)
    return {
        number: set(range(len(history.changes))) - seen.get(number, set())
        for number, history in enumerate(histories)
        if len(seen.get(number, ())) < len(history.changes)
    }


def rows_of(objects: Sequence[Delivered], history: int) -> list[Line]:
    """An item's lines in all objects."""
    return [line for delivered in objects for line in delivered.lines if line.history == history]
