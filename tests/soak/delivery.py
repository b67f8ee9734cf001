"""How changes come to the lake: any number of times, in any order, in any object of any day.

What may stand twice in the lake, and how the copies differ:
- the same record twice, alike to the last byte (Firehose and Kinesis consumers deliver at least once);
- a record written twice to the stream: another sequence number ("Handle duplicate records", Kinesis Data
  Streams Developer Guide);
- a change told again under another eventID: whether DynamoDB keeps it is not documented.
The sequence numbers here follow the changes only roughly, and some rows have none.
"""

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from tests.soak.histories import History, change_record
from transform_lambda.change import transform

DAYS: Final = ("2026-11-19", "2026-11-20", "2026-11-21")
MOST_LINES_AN_OBJECT: Final = 8_000
_COPIES: Final = (("byte for byte", 0.05), ("another sequence", 0.05), ("another eventID", 0.05))


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery of one change: which item's, which of its changes, under which names."""

    history: int
    change: int
    event_id: str
    sequence: str | None


@dataclass(frozen=True)
class Delivered:
    """One object of the lake."""

    day: str
    name: str
    lines: Sequence[Line]


def deliver(histories: Sequence[History], seed: int) -> list[Delivered]:
    """Every change at least once, in objects."""
    random_ = random.Random(seed)  # noqa: S311  a seed makes it the same again
    lines: list[Line] = []
    for number, history in enumerate(histories):
        for place in range(len(history.changes)):
            lines += _deliveries(number, place, random_)
    random_.shuffle(lines)
    objects: list[Delivered] = []
    while lines:
        count = random_.randrange(1, MOST_LINES_AN_OBJECT)
        name = f"ddb-lake-{len(objects):05d}.gz"
        objects.append(Delivered(random_.choice(DAYS), name, lines[:count]))
        del lines[:count]
    return objects


def _deliveries(history: int, change: int, random_: random.Random) -> Iterator[Line]:
    event_id = f"{random_.getrandbits(128):032x}"
    sequence = None if random_.random() < 0.05 else f"4966{change * 10 + random_.randrange(30):052d}"
    yield Line(history, change, event_id, sequence)
    for kind, share in _COPIES:
        if random_.random() < share:
            other = sequence if kind == "byte for byte" else f"4966{10**9 + random_.getrandbits(60):052d}"
            named = f"{random_.getrandbits(128):032x}" if kind == "another eventID" else event_id
            yield Line(history, change, named, other)


def row(histories: Sequence[History], line: Line) -> bytes:
    """The line as the shipped function writes it, with its newline."""
    history = histories[line.history]
    record = change_record(history.key, history.changes[line.change], line.event_id)
    return transform(orjson.dumps(record), line.sequence)[0]


def body(histories: Sequence[History], lines: Sequence[Line]) -> bytes:
    """The object's bytes."""
    packer = zlib.compressobj(level=1, wbits=31)  # gzip
    packed = [packer.compress(row(histories, line)) for line in lines]
    return b"".join([*packed, packer.flush()])
