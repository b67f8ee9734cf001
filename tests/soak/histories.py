"""Histories of writes to the items of one table, and what each write's change says.

A state is a number, the item's attribute `n`; None where there is no item. A moment is a change's time in the
stream's own precision, in microseconds: the first half of the day is MILLISECOND, the second MICROSECOND
(the setting of a table's stream may be changed at any time).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

from transform_lambda.canonical import image_digest

TABLE: Final = "soak"
# 2026-11-20T00:00:00Z, and the moment the precision is changed: noon.
DAY_START: Final = 1_795_132_800_000_000
NOON: Final = DAY_START + 12 * 3_600_000_000
_TIED: Final = 0.13  # how often a change has the time of the one before it

State = int | None


class Change(NamedTuple):
    """One write to one item: its states before and after."""

    moment: int
    before: State
    after: State

    @property
    def kind(self) -> str:
        """INSERT, MODIFY or REMOVE."""
        return "INSERT" if self.before is None else "REMOVE" if self.after is None else "MODIFY"


@dataclass
class History:
    """Every change of one item, in the order they were made."""

    key: str
    changes: list[Change] = field(default_factory=list)

    @property
    def final(self) -> State:
        """What the table holds in the end."""
        return self.changes[-1].after if self.changes else None

    @property
    def tied_pairs(self) -> int:
        """Neighbours of one time."""
        return sum(one.moment == other.moment for one, other in pairwise(self.changes))


def precision(moment: int) -> str:
    """What the stream's records say of their times."""
    return "MILLISECOND" if moment < NOON else "MICROSECOND"


def item(key: str, state: int) -> dict[str, Any]:
    """The item in this state, in DynamoDB JSON."""
    return {"pk": {"S": key}, "n": {"N": str(state)}, "note": {"S": f"state {state}"}}


@lru_cache(maxsize=4096)
def state_digest(key: str, state: State) -> str:
    """change_before or change_after of the state; empty for no item."""
    return "" if state is None else image_digest(item(key, state)) or ""


def change_record(key: str, change: Change, event_id: str) -> dict[str, Any]:
    """The change record as the table's stream carries it (DynamoDB Developer Guide)."""
    unit = 1_000 if precision(change.moment) == "MILLISECOND" else 1
    images = {
        name: item(key, state)
        for name, state in (("OldImage", change.before), ("NewImage", change.after))
        if state is not None
    }
    return {
        "awsRegion": "us-east-1",
        "eventID": event_id,
        "eventName": change.kind,
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": TABLE,
        "dynamodb": {
            "ApproximateCreationDateTime": change.moment // unit,
            "ApproximateCreationDateTimePrecision": precision(change.moment),
            "Keys": {"pk": {"S": key}},
            **images,
            "SizeBytes": 60,
        },
        "eventSource": "aws:dynamodb",
    }


def histories(changes: int, seed: int) -> Iterator[History]:
    """Items with that many changes in all, most with about ten, some with one, a few with very many."""
    random_ = random.Random(seed)  # noqa: S311  a seed makes it the same again
    left, number = changes, 0
    while left > 0:
        length = min(left, random_.choice((1, 2, 3, 5, 8, 12, 20, 30)))
        if number % 5_000 == 17:
            length = min(left, 2_000)
        made = history(f"item-{number:06d}", length, random_)
        left -= len(made.changes)
        number += 1
        yield made


def history(key: str, length: int, random_: random.Random) -> History:
    """One item's life. A third of the items never come back to a state they had, the others do all the time.

    Within one moment no step is made twice: it could not be told from one that was delivered twice.
    """
    made = History(key)
    versioned = random_.random() < 1 / 3
    state: State = None
    moment = DAY_START + random_.randrange(20 * 3_600_000_000) // 1_000 * 1_000
    version = 0
    steps: set[tuple[State, State]] = set()
    while len(made.changes) < length:
        if not made.changes or random_.random() >= _TIED:
            moment = _later(moment, random_)
            steps = set()
        version += 1
        after = _next_state(state, version, versioned, random_)
        if (state, after) in steps or state is after is None:
            moment = _later(moment, random_)
            steps = set()
        if state is after is None:
            continue
        made.changes.append(Change(moment, state, after))
        steps.add((state, after))
        state = after
    return made


def _later(moment: int, random_: random.Random) -> int:
    """A later moment in the precision of its half of the day."""
    unit = 1_000 if moment < NOON else 1
    return moment + unit * random_.choice((1, 1, 7, 1_000, 60_000, 1_000_000))


def _next_state(state: State, version: int, versioned: bool, random_: random.Random) -> State:
    """Another state: nothing at all now and then; the same again for what writes without changing."""
    if state is not None and random_.random() < 0.15:
        return None
    if versioned:
        return version
    return random_.choice((1, 2, 3) if state is None else (1, 2, 3, state))
