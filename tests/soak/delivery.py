"""How changes are delivered to the lake: any number of times, in any order, in any object of any day.

A change can be in the lake twice. The copies can differ:
- the same record twice, equal byte for byte (Firehose and Kinesis consumers deliver at least once);
- a record written twice to the stream, with another sequence number ("Handle duplicate records", Kinesis
  Data Streams Developer Guide);
- a change repeated with another eventID: whether DynamoDB keeps the eventID is not documented.
The sequence numbers here follow the changes only roughly, and some rows have none.

DynamoDB Streams gives every change one eventID and one sequence number, in the order of the item's changes.
So copies are equal byte for byte (from a retried batch, or one with other limits). When a table is switched,
both roads are open for a while, so changes of about that time also arrive by the other road. They have a
sequence number, because the views keep a row without one on both sides of the cut.
"""

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from tests.soak.histories import SECOND, STREAMS_FROM, Change, History, Road, change_record, streams_record
from transform_lambda.change import transform

DAYS: Final = ("2026-11-19", "2026-11-20", "2026-11-21")
MOST_LINES_AN_OBJECT: Final = 8_000
LEAST_OBJECTS: Final = 12  # roughly twice as many in a small lake
BOTH_OPEN: Final = 3_600 * SECOND  # before and after the cut
_COPIES: Final = (("byte for byte", 0.05), ("another sequence", 0.05), ("another eventID", 0.05))


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery of one change: the item, the number of the change, and the ids of the record."""

    history: int
    change: int
    event_id: str
    sequence: str | None
    by_streams: bool = False
    beyond_the_cut: bool = False  # delivered by the road that does not count at that time


@dataclass(frozen=True)
class Delivered:
    """One object of the lake."""

    day: str
    name: str
    lines: Sequence[Line]


def deliver(histories: Sequence[History], seed: int, road: Road = "kinesis") -> list[Delivered]:
    """Objects that contain every change at least once."""
    random_ = random.Random(seed)  # noqa: S311  the same seed gives the same result
    lines: list[Line] = []
    for number, history in enumerate(histories):
        for position, change in enumerate(history.changes):
            lines += _by_either(number, position, change, random_, road)
    random_.shuffle(lines)
    objects: list[Delivered] = []
    most = min(MOST_LINES_AN_OBJECT, len(lines) // LEAST_OBJECTS + 2)
    while lines:
        count = random_.randrange(1, most)
        name = f"ddb-lake-{len(objects):05d}.gz"
        objects.append(Delivered(random_.choice(DAYS), name, lines[:count]))
        del lines[:count]
    return objects


def _by_either(
    number: int, position: int, change: Change, random_: random.Random, road: Road
) -> Iterator[Line]:
    """The deliveries of a change by its road, and by the other road while both were open."""
    cut = STREAMS_FROM[road]
    streams = change.moment >= cut
    yield from (_by_streams if streams else _deliveries)(number, position, random_)
    if road == "switched" and abs(change.moment - cut) < BOTH_OPEN:
        for line in (_deliveries if streams else _by_streams)(number, position, random_):
            if line.sequence is not None:
                yield replace(line, beyond_the_cut=True)


def _by_streams(history: int, change: int, random_: random.Random) -> Iterator[Line]:
    sequence = f"{4 * 10**20 + change * 1_000 + random_.randrange(1_000)}"
    line = Line(history, change, f"{random_.getrandbits(128):032x}", sequence, by_streams=True)
    yield from [line] * random_.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 3))


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
    """The line that the shipped function writes, with its newline."""
    history = histories[line.history]
    change = history.changes[line.change]
    if line.by_streams:
        record = streams_record(history.key, change, line.event_id, line.sequence)
        return transform(orjson.dumps(record))[0]
    return transform(orjson.dumps(change_record(history.key, change, line.event_id)), line.sequence)[0]


def body(histories: Sequence[History], lines: Sequence[Line]) -> bytes:
    """The object's bytes."""
    packer = zlib.compressobj(level=1, wbits=31)  # gzip
    packed = [packer.compress(row(histories, line)) for line in lines]
    return b"".join([*packed, packer.flush()])
