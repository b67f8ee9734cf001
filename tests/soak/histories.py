"""Histories of writes to the items of one table, and the change record of each write.

A state is a number, the item's attribute `n`, or None if there is no item. A moment is a change's time in the
stream's own precision, in microseconds. With Kinesis the first half of the day has MILLISECOND, the second
MICROSECOND (a table's stream setting can change at any time). DynamoDB Streams has whole seconds.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Any, Final, Literal, NamedTuple

from transform_lambda.canonical import image_digest

TABLE: Final = "soak"
COLUMNS: Final = ("n", "note", "pk")  # of the items
# 2026-11-20T00:00:00Z, and noon, when the precision changes.
DAY_START: Final = 1_795_132_800_000_000
NOON: Final = DAY_START + 12 * 3_600_000_000
_TIED: Final = 0.13  # share of changes with the same time as the previous one
_TIED_IN_A_SECOND: Final = 0.75
SECOND: Final = 1_000_000

State = int | None
# How changes are delivered: all day by Kinesis or by DynamoDB Streams, or switched at noon.
Road = Literal["kinesis", "streams", "switched"]
# The moment from which changes are delivered by DynamoDB Streams.
STREAMS_FROM: Final[dict[Road, int]] = {"kinesis": DAY_START * 2, "streams": 0, "switched": NOON}


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
    """Every change of one item, in the order of the writes."""

    key: str
    changes: list[Change] = field(default_factory=list)

    @property
    def final(self) -> State:
        """The item's state in the table at the end."""
        return self.changes[-1].after if self.changes else None

    @property
    def tied_pairs(self) -> int:
        """The number of neighbouring changes with the same time."""
        return sum(one.moment == other.moment for one, other in pairwise(self.changes))

    @property
    def repeats_a_step(self) -> bool:
        """Whether the same step occurs twice within one moment."""
        moments = (list(group) for _, group in groupby(self.changes, key=lambda change: change.moment))
        return any(len(set(moment)) < len(moment) for moment in moments)


def precision(moment: int) -> str:
    """The precision that the stream's records state."""
    return "MILLISECOND" if moment < NOON else "MICROSECOND"


def item(key: str, state: int) -> dict[str, Any]:
    """The item in this state, in DynamoDB JSON."""
    return {"pk": {"S": key}, "n": {"N": str(state)}, "note": {"S": f"state {state}"}}


@lru_cache(maxsize=4096)
def state_digest(key: str, state: State) -> str:
    """change_before or change_after for the state; empty without an item."""
    return "" if state is None else image_digest(item(key, state)) or ""


def change_record(key: str, change: Change, event_id: str) -> dict[str, Any]:
    """The change record in the table's Kinesis stream (DynamoDB Developer Guide)."""
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


def streams_record(key: str, change: Change, event_id: str, sequence: str | None) -> dict[str, Any]:
    """The same change in DynamoDB Streams: its time is a whole second, and its table's name is in an ARN.

    Shape: AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB". The sequence is left out of a
    change that an export filled in.
    """
    record = change_record(key, change, event_id)
    del (
        record["tableName"],
        record["recordFormat"],
        record["dynamodb"]["ApproximateCreationDateTimePrecision"],
    )
    record["dynamodb"]["ApproximateCreationDateTime"] = change.moment // SECOND
    if sequence is not None:
        record["dynamodb"]["SequenceNumber"] = sequence
    arn = f"arn:aws:dynamodb:us-east-1:111111111111:table/{TABLE}/stream/2026-11-20T00:00:00.000"
    return {**record, "eventVersion": "1.1", "eventSourceARN": arn}


def histories(changes: int, seed: int, road: Road = "kinesis") -> Iterator[History]:
    """Items with this many changes in total: most have about ten, some have one, a few have very many."""
    random_ = random.Random(seed)  # noqa: S311  the same seed gives the same result
    left, number = changes, 0
    while left > 0:
        length = min(left, random_.choice((1, 2, 3, 5, 8, 12, 20, 30)))
        if number % 5_000 == 17:
            length = min(left, 2_000)
        item_history = history(f"item-{number:06d}", length, random_, STREAMS_FROM[road])
        left -= len(item_history.changes)
        number += 1
        yield item_history


def history(key: str, length: int, random_: random.Random, streams_from: int) -> History:
    """One item's changes. A third of the items never return to an earlier state; the others do often.

    Within one Kinesis moment no step occurs twice: it would look like one change that was delivered twice.
    From `streams_from` on, moments are whole seconds with any number of changes.
    """
    result = History(key)
    versioned = random_.random() < 1 / 3
    state: State = None
    moment = DAY_START + random_.randrange(20 * 3_600_000_000) // 1_000 * 1_000
    version = 0
    steps: set[tuple[State, State]] = set()
    while len(result.changes) < length:
        seconds = moment >= streams_from
        if not result.changes or random_.random() >= (_TIED_IN_A_SECOND if seconds else _TIED):
            moment = _later(moment, random_, streams_from)
            steps = set()
        version += 1
        after = _next_state(state, version, versioned, random_)
        if ((state, after) in steps and moment < streams_from) or state is after is None:
            moment = _later(moment, random_, streams_from)
            steps = set()
        if state is after is None:
            continue
        result.changes.append(Change(moment, state, after))
        steps.add((state, after))
        state = after
    return result


def _later(moment: int, random_: random.Random, streams_from: int) -> int:
    """A later moment in the precision of its road and half of the day."""
    unit = 1_000 if moment < NOON else 1
    later = moment + unit * random_.choice((1, 1, 7, 1_000, 60_000, 1_000_000))
    if later < streams_from:
        return later
    second = later // SECOND * SECOND
    return second if second > moment else second + SECOND


def _next_state(state: State, version: int, versioned: bool, random_: random.Random) -> State:
    """The next state: sometimes no item, and sometimes the same state, for a write without a change."""
    if state is not None and random_.random() < 0.15:
        return None
    if versioned:
        return version
    return random_.choice((1, 2, 3) if state is None else (1, 2, 3, state))
