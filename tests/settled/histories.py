"""Small histories of one item: ties, copies, disorder, losses, both roads, settled in part.

Every history has a key of its own, so one lake has thousands of them and one query answers all. `every` and
`tied` go through all small histories, `drawn` draws larger ones of up to six changes with up to two copies. A
row knows the run of the settle job that took it, and whether it is still among the unsettled rows.

The rows need not be what a stream can deliver: a search that is wider than the stream proves more. Two limits
keep the views' answer determined: different changes have different eventIDs, and copies have the same values.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, permutations, product
from math import prod
from typing import Any, Final

TABLE: Final = "orders"
DAY: Final = "2026-11-20"
RUNS: Final = 3  # of the settle job, at most
STATES: Final = ("", "a", "b", "c")  # no item, or a letter of which the digest is made
TIMES: Final = tuple(f"{DAY}T10:00:0{second}.000000Z" for second in range(3))
# A table whose changes switch to DynamoDB Streams between the first time and the others.
SWITCHED_AT: Final = TIMES[1]
KINESIS, STREAMS = 129, 40  # digits of a sequence


@dataclass(frozen=True)
class Row:
    """One delivered row. `run`: the settle run that took it, 0 for none. `raw`: it is an unsettled row."""

    key: str
    time: str
    kind: str
    before: str
    after: str
    id: str
    sequence: str | None = None
    run: int = 0
    raw: bool = True

    @property
    def streams(self) -> bool:
        """Whether the row came by DynamoDB Streams, as its sequence shows."""
        return self.sequence is not None and len(self.sequence) == STREAMS

    def values(self) -> dict[str, Any]:
        """The row as the lake has it, without its day. The attribute `n` tells which change it is."""
        values = {
            "change_id": self.id,
            "change_type": self.kind,
            "change_time": self.time,
            "change_sequence": self.sequence,
            "change_actor": "user",
            "change_key": self.key,
            "change_before": self.before * 16 or None,
            "change_after": self.after * 16 or None,
            "change_table": TABLE,
            "pk": self.key,
            "n": f"{self.before}>{self.after}",
        }
        return {name: value for name, value in values.items() if value is not None}

    def line(self, **more: Any) -> str:
        """The row as a line of an object."""
        return json.dumps({**self.values(), **more})


History = tuple[Row, ...]


def step(key: str, time: int, states: tuple[str, str], number: int, sequence: str | None = None) -> Row:
    """A change from one state to another, as the change with this number; a SNAPSHOT comes from `*`."""
    before, after = states
    if before == "*":
        return Row(key, TIMES[time], "SNAPSHOT", "", after, f"export-{number}")
    kind = "INSERT" if not before else "REMOVE" if not after else "MODIFY"
    return Row(key, TIMES[time], kind, before, after, f"id-{number}", sequence)


def sequence(place: int, digits: int = KINESIS) -> str:
    """A sequence number at a place of the stream's order."""
    return f"{place:0{digits}}"


def counterexample(key: str = "counterexample") -> History:
    """The history that shows that one row per item is not enough: a copy with another sequence arrives late.

    ∅ to A, then A to B and B to A at one time are settled: the item is A. A copy of A to B with a higher
    sequence is still A to B, but B would win over the one row that the item keeps.
    """
    first, there, back = (
        step(key, 0, ("", "a"), 1, sequence(1)),
        step(key, 1, ("a", "b"), 2, sequence(2)),
        step(key, 1, ("b", "a"), 3, sequence(3)),
    )
    settled = tuple(replace(row, run=1, raw=False) for row in (first, there, back))
    return (*settled, replace(there, sequence=sequence(9)))


# Every small history

_STEPS: Final = tuple(
    (before, after)
    for before, after in product(("", "a", "b", "*"), ("", "a", "b"))
    if before or after  # no item, and no item again
)
_PLACES: Final = ((1, False), (1, True), (0, True))  # run and raw: settled, both, unsettled


def every(stride: int = 1, most: int = 3) -> Iterator[History]:
    """Every `stride`-th history of up to `most` changes at two times between three states, in every split.

    Sequences: every order of Kinesis and of DynamoDB Streams, all alike, none, and both roads.
    """
    for count in range(1, most + 1):
        steps = combinations_with_replacement(product((0, 1), _STEPS), count)
        for number, changes, places, sequences, numbers in _chosen(steps, count, stride):
            yield tuple(
                replace(step(f"every-{count}-{number}", time, (before, after), id_, text), run=run, raw=raw)
                for (time, (before, after)), id_, text, (run, raw) in zip(
                    changes, numbers, sequences, places, strict=True
                )
            )


def tied(stride: int = 1, count: int = 3) -> Iterator[History]:
    """Every `stride`-th history of one settled change, and `count` changes of one later time, as in `every`.

    The eventIDs are in both orders: where nothing else decides, they do.
    """
    steps = combinations_with_replacement((*_STEPS, ("*", "c")), count)
    for number, changes, places, sequences, numbers in _chosen(steps, count, stride):
        key = f"tied-{count}-{number}"
        yield (
            replace(step(key, 0, ("", "a"), 9), run=1, raw=False),
            *(
                replace(step(key, 1, states, id_, text), run=run, raw=raw)
                for states, id_, text, (run, raw) in zip(changes, numbers, sequences, places, strict=True)
            ),
        )


def _chosen(steps: Iterable[Any], count: int, stride: int) -> Iterator[tuple[Any, ...]]:
    """Every `stride`-th combination of changes, places, sequences and numbers, each after its own number."""
    axes: tuple[list[Any], ...] = (
        list(product(_PLACES, repeat=count)),
        list(_sequences(count)),
        [tuple(range(count)), tuple(reversed(range(count)))],
        list(steps),
    )
    for number in range(0, prod(map(len, axes)), stride):
        rest, chosen = number, []
        for axis in axes:
            rest, place = divmod(rest, len(axis))
            chosen.append(axis[place])
        places, sequences, numbers, changes = chosen
        yield number, changes, places, sequences, numbers


def _sequences(count: int) -> Iterator[tuple[str | None, ...]]:
    orders = list(permutations(range(1, count + 1)))
    for digits in (KINESIS, STREAMS):
        yield from (tuple(sequence(place, digits) for place in order) for order in orders)
        yield (sequence(1, digits),) * count
    yield (None,) * count
    if count > 1:
        yield tuple(sequence(place, KINESIS if place % 2 else STREAMS) for place in range(1, count + 1))
        yield tuple(sequence(place, STREAMS) if place % 2 else None for place in range(1, count + 1))


# Larger histories by chance


def drawn(number: int, seed: int) -> Iterator[History]:
    """This many histories of up to six changes and two copies."""
    random_ = random.Random(seed)  # noqa: S311  the same seed gives the same histories
    for position in range(number):
        yield _drawn(f"drawn-{position:08}", random_)


def _drawn(key: str, random_: random.Random) -> History:
    steps = _circle(random_) if random_.random() < 0.4 else list(_steps(random_.randint(1, 6), random_))
    numbers = random_.sample(range(len(steps)), len(steps))  # of the eventIDs, which have no order
    rows = [
        step(key, time, (before, after), number)
        for number, (time, before, after) in zip(numbers, steps, strict=True)
    ]
    rows = _sequenced(rows, random_)
    for _ in range(random_.choice((0, 0, 1, 1, 2))):
        rows.append(_copy(random_.choice(rows), len(rows), random_))
    late = random_.choice((0.2, 0.5, 0.8))  # share of rows that are not settled
    runs = random_.randint(1, RUNS)
    return tuple(
        replace(row, run=0, raw=True)
        if random_.random() < late
        else replace(row, run=random_.randint(1, runs), raw=random_.random() < 0.25)
        for row in rows
    )


Step = tuple[int, str, str]


def _steps(count: int, random_: random.Random) -> Iterator[Step]:
    """Changes by time: mostly a chain that often returns, with breaks, tied at random."""
    states = STATES[: random_.choice((2, 3, 3, 4))]
    times = sorted(random_.choice(random_.choice(((0, 1, 2), (0, 1, 1, 1), (1,)))) for _ in range(count))
    whole = random_.random() < 0.7
    state = random_.choice(states)
    for time in times:
        if random_.random() < 0.08:
            yield time, "*", random_.choice(states)
            continue
        before = state if whole or random_.random() < 0.5 else random_.choice(states)
        after = random_.choice([other for other in states if other or before])
        state = after
        yield time, before, after


def _circle(random_: random.Random) -> list[Step]:
    """A few changes, then some of one time that lead back to every state they leave; perhaps a SNAPSHOT."""
    time = random_.choice((1, 1, 2))
    states = random_.sample(STATES, random_.choice((2, 2, 3)))
    steps = [(0, "", random_.choice(STATES[1:]))]
    for _ in range(random_.choice((0, 0, 1, 2))):
        before, after = random_.sample(STATES, 2)
        steps.append((random_.choice((0, 1)), before, after))
    if random_.random() < 0.25:
        steps.append((time, "*", random_.choice(STATES)))
    steps += [(time, before, after) for before, after in zip(states, states[1:] + states[:1], strict=True)]
    return sorted(steps)


def _sequenced(rows: Sequence[Row], random_: random.Random) -> list[Row]:
    """Rows with sequences: of one road or of both, in order or not, some alike, some missing."""
    places = list(range(1, len(rows) + 1))
    if random_.random() < 0.5:
        random_.shuffle(places)
    if random_.random() < 0.2:
        places = random_.choices(random_.sample(places, min(2, len(places))), k=len(places))
    road = random_.choice((KINESIS, KINESIS, STREAMS, STREAMS, None))
    missing = random_.choice((0, 0, 0.3, 1))
    return [
        row
        if row.kind == "SNAPSHOT" or random_.random() < missing
        else replace(row, sequence=sequence(place, road or random_.choice((KINESIS, STREAMS))))
        for row, place in zip(rows, places, strict=True)
    ]


def _copy(row: Row, number: int, random_: random.Random) -> Row:
    """The same change again: with the same or another eventID, and the same, another or no sequence."""
    if random_.random() < 0.5:
        row = replace(row, id=f"{row.id}-again-{number}")
    if row.kind == "SNAPSHOT" or random_.random() < 0.3:
        return row
    other = random_.choice(
        (None, *(sequence(place, digits) for place in (1, 4, 9) for digits in (KINESIS, STREAMS)))
    )
    return replace(row, sequence=other)


def search(number: int, seed: int, stride: int) -> Iterator[History]:
    """The histories of one search: the named one, every `stride`-th small one, and `number` larger ones."""
    yield counterexample()
    yield from every(stride)
    yield from tied(stride)
    yield from drawn(number, seed)


def rows_of(histories: Iterable[History]) -> list[Row]:
    """All rows of several histories."""
    return [row for history in histories for row in history]
