"""Redrive one error object: its records become rows of their own days; the rest is stated with its reason.

The object is read twice. The first reading finds damage before anything is written, and counts the records.
The second one works in parts of PART_BYTES or PART_LINES. Where a part ends depends on the error object
alone, so every run writes objects of the same names. The order of writes is, for each part:

1. the rows, one object per day (or the records go back into the stream),
2. the records that cannot become rows.

The receipt is last. A run that is killed before it repeats the object with the same result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from repair.error_objects import EMPTY, ErrorObject, Readable, lines_of
from repair.failures import Recovered, Unrecoverable, outcome
from repair.objects import Part, compressed, object_name
from transform_lambda.change import change_day
from transform_lambda.flatten import RowSettings

# Bytes and number of error lines. Both bound the memory: a line of a few bytes takes a kilobyte of it. Other
# values in a later release would give other names to what an interrupted run of this one wrote already.
PART_BYTES: Final = 16 * 1024 * 1024
PART_LINES: Final = 20_000
NAMES: Final = 1_000  # counters count at most this many different names, since they come from records
OTHER: Final = "other"
KIND: Final = "redrive"

Opened = Callable[[], Readable]  # opens the error object from its beginning; called once per reading
Put = Callable[[Part], None]
Send = Callable[[Sequence[bytes]], None]  # puts records into the stream; returns when it has all of them


class CountError(Exception):
    """The records of an error object are not all accounted for. The receipt was not written."""


@dataclass
class Counts:
    """What became of the records of error objects: found = redelivered + unrecoverable."""

    found: int = 0
    redelivered: int = 0
    unrecoverable: int = 0
    codes: Counter[str] = field(default_factory=Counter)  # by Firehose's error code
    lost: Counter[str] = field(default_factory=Counter)  # of those, the unrecoverable ones
    reasons: Counter[str] = field(default_factory=Counter)  # by the class of our error
    tables: Counter[str] = field(default_factory=Counter)  # redelivered ones
    days: Counter[str] = field(default_factory=Counter)  # rows by their day

    def add(self, other: Counts) -> None:
        """Add the counts of another object."""
        self.found += other.found
        self.redelivered += other.redelivered
        self.unrecoverable += other.unrecoverable
        for name in ("codes", "lost", "reasons", "tables", "days"):
            getattr(self, name).update(getattr(other, name))


@dataclass
class _Part:
    """The outcomes of one part."""

    number: int
    recovered: list[Recovered] = field(default_factory=list)
    unrecoverable: list[Unrecoverable] = field(default_factory=list)


def examine(source: ErrorObject, opened: Opened, settings: RowSettings) -> Counts:
    """What `redrive` would count. Writes nothing.

    :raises DamagedObjectError: the object is truncated or not valid GZIP
    """
    counts = Counts()
    for part in _parts(source, opened(), settings):
        _count(part, counts)
        counts.redelivered += len(part.recovered)
        counts.unrecoverable += len(part.unrecoverable)
    counts.found = counts.redelivered + counts.unrecoverable
    return counts


def redrive(
    source: ErrorObject,
    opened: Opened,
    settings: RowSettings,
    put: Put,
    *,
    send: Send | None = None,
    earlier: Collection[str] = (),
) -> Counts:
    """Write everything that becomes of one error object, the receipt last.

    :param send: where records go that can become rows; without it they are written as rows. A failed record
        that is a row already is always written.
    :param earlier: the keys of unrecoverable records that an earlier run wrote for this object. Those that
        are no longer right become empty, since nothing may be deleted.
    :raises DamagedObjectError: the object is truncated or not valid GZIP; nothing was written
    :raises CountError: the readings do not agree; the receipt was not written
    """
    counts = Counts(found=sum(1 for _ in lines_of(opened())))
    outdated = set(earlier)
    for part in _parts(source, opened(), settings, with_records=send is not None):
        counts.redelivered += _write_recovered(source, part, put, send)
        if part.unrecoverable:
            key = source.unrecoverable_key(part.number)
            lines = [each.line for each in part.unrecoverable]
            put(Part(key, compressed(lines), len(lines)))
            counts.unrecoverable += len(lines)
            outdated.discard(key)
        _count(part, counts)
    if counts.found != counts.redelivered + counts.unrecoverable:
        raise CountError(
            f"{counts.found} records were found, {counts.redelivered} redelivered "
            f"and {counts.unrecoverable} stated as unrecoverable"
        )
    for key in sorted(outdated):
        put(Part(key, EMPTY, 0))
    put(Part(source.receipt_key, EMPTY, 0))
    return counts


def _parts(
    source: ErrorObject, stream: Readable, settings: RowSettings, *, with_records: bool = False
) -> Iterator[_Part]:
    """The parts in order. Rows alone take half the memory of rows with their records."""
    part, size, lines = _Part(0), 0, 0
    for line in lines_of(stream):
        result = outcome(line, source, settings)
        if isinstance(result, Recovered):
            part.recovered.append(result if with_records else replace(result, payload=None))
        else:
            part.unrecoverable.append(result)
        size += 0 if isinstance(line, int) else len(line)
        lines += 1
        if size >= PART_BYTES or lines >= PART_LINES:
            yield part
            part, size, lines = _Part(part.number + 1), 0, 0
    if part.recovered or part.unrecoverable:
        yield part


def _write_recovered(source: ErrorObject, part: _Part, put: Put, send: Send | None) -> int:
    """Write the rows, or send the records. Returns how many it wrote and sent."""
    days: defaultdict[str, list[bytes]] = defaultdict(list)
    records = []
    for each in part.recovered:
        if send is not None and each.payload is not None:
            records.append(each.payload)
        else:
            days[change_day(each.row.time)].append(each.row.line)
    if send is not None and records:
        send(records)
    for day, lines in sorted(days.items()):
        key = object_name(KIND, source.source, f"{part.number:05d}", day)
        put(Part(key, compressed(lines), len(lines)))
    return len(records) + sum(map(len, days.values()))


def _count(part: _Part, counts: Counts) -> None:
    for each in part.recovered:
        _increase(counts.codes, each.code)
        _increase(counts.tables, each.table)
        _increase(counts.days, change_day(each.row.time))
    for failed in part.unrecoverable:
        _increase(counts.codes, failed.code)
        _increase(counts.lost, failed.code)
        _increase(counts.reasons, type(failed.error).__name__)


def _increase(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < NAMES else OTHER] += 1
