"""Compare a table's states with a lake's: which keys differ, and what the cause can be.

Both sides are states by key: the digest of the item (`change_after`), or None where there is no item. A
difference needs proof, because changes are on their way while both sides are read. The proof is a read of the
table, and a query of the lake that starts after every change before that read must have been delivered. If
the newest change that the query finds is older than the read, no change on its way explains the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from typing import Final, Literal, NamedTuple

from repair.partitions import Partitions, joined, looked_up

Kind = Literal["missing", "stale", "extra"]
KINDS: Final[tuple[Kind, ...]] = ("missing", "stale", "extra")
REMOVED: Final = "REMOVE"


class TableState(NamedTuple):
    """The state of a key in the table, and a time not later than the read (the form of change_time)."""

    digest: str | None
    read_at: str


class LakeState(NamedTuple):
    """The newest change of a key in the lake; `digest` is None after a deletion."""

    digest: str | None
    time: str
    change_type: str


class Verdict(Enum):
    """The result of a comparison of one key."""

    EQUAL = "equal"
    DIFFERENT = "different"
    CHANGED = "changed"  # after the read, so the read proves nothing


def kind_of(table: str | None, lake: str | None) -> Kind:
    """The kind of a difference between two digests that are not equal."""
    if table is None:
        return "extra"
    return "missing" if lake is None else "stale"


def verdict(table: TableState, lake: LakeState | None) -> Verdict:
    """Compare one key.

    :param lake: the newest change, from a query that started after all changes before `table.read_at` must
        have been delivered

    A change with the time of the read may be from after the read: DynamoDB Streams has whole seconds.
    """
    if table.digest == (lake.digest if lake else None):
        return Verdict.EQUAL
    if lake is None or lake.time < table.read_at:
        return Verdict.DIFFERENT
    return Verdict.CHANGED


@dataclass(frozen=True)
class Difference:
    """One key whose states differ.

    `key` has the form of `change_key`. `lake_time` and `lake_type` are those of the newest change in the
    lake, None if the lake has no change of the key. `covered` is a difference that rows which a backfill has
    written already make good.
    """

    key: str
    kind: Kind
    read_at: str
    lake_time: str | None = None
    lake_type: str | None = None
    covered: bool = False

    @classmethod
    def of(cls, key: str, table: TableState, lake: LakeState | None) -> Difference:
        """The difference between these two states."""
        kind = kind_of(table.digest, lake.digest if lake else None)
        return cls(key, kind, table.read_at, lake.time if lake else None, lake.change_type if lake else None)


class Differences:
    """Differences on disk, in the order of their partitions, with their counts."""

    def __init__(self, states: Partitions) -> None:
        self._states = states
        self.counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self.covered = 0
        self.last_good: str | None = None  # the latest of the newest changes: the losses are after them
        self.first_read: str | None = None  # the earliest read: the losses are before them

    def __len__(self) -> int:
        """The number of differences."""
        return sum(self.counts.values())

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return len(self) > 0

    def add(self, found: Difference) -> None:
        """Store a difference. A key is added once."""
        self._states.add(
            found.key, found.kind, found.read_at, found.lake_time, found.lake_type, found.covered
        )
        self.counts[found.kind] += 1
        self.covered += found.covered
        self.first_read = min(self.first_read or found.read_at, found.read_at)
        if found.lake_time is not None:
            self.last_good = max(self.last_good or found.lake_time, found.lake_time)

    def __iter__(self) -> Iterator[Difference]:
        """Every difference."""
        for key, (kind, read_at, lake_time, lake_type, covered) in self._states:
            yield Difference(key, kind, read_at, lake_time, lake_type, covered)


def candidates(table: Partitions, lake: Partitions, started: str, into: Partitions) -> None:
    """Store every key whose digests differ, with what the table has.

    :param table: (digest, read_at) of each item
    :param lake: (digest,) of each key that has an item
    :param started: a time before the table was read: no item of another key existed at some time after it
    """
    for key, of_table, of_lake in joined(table, lake):
        if of_table is None:
            into.add(key, None, started)
        elif of_lake is None or of_lake[0] != of_table[0]:
            into.add(key, *of_table)


def decided(looked_at: Partitions, lake: Partitions) -> Iterator[tuple[str, TableState, LakeState | None]]:
    """The keys of `looked_at` with both states, for `verdict`."""
    for key, of_table, of_lake in looked_up(looked_at, lake):
        yield key, TableState(*of_table), None if of_lake is None else LakeState(*of_lake)


@dataclass(frozen=True)
class Day:
    """The rows of one day's folder: how many, how many of them from the stream, the span of their times."""

    rows: int
    from_stream: int


@dataclass(frozen=True)
class Circumstances:
    """What is known about a lake beside its rows.

    `days` are its folders of this table by day. `failures` is the number of objects below errors/ with
    records that no redrive has brought into the lake, None if nobody could look. `has_older_items` is whether
    the table can have items that are older than its stream, and no backfill has written them.
    """

    days: Mapping[str, Day] = field(default_factory=dict)
    has_older_items: bool = False
    failures: int | None = None
    has_ttl: bool = False


class Cause(Enum):
    """The likely cause of a difference, as `--output json` names it."""

    OLDER = "older than the lake"
    DAY = "a day without rows"
    FAILED = "failed records"
    LOST = "a lost change"


def days_without_rows(days: Iterable[str], until: str) -> list[str]:
    """The days (yyyy-MM-dd) between the first of `days` and `until` that are not among them."""
    known = set(days)
    if not known:
        return []
    day, last = date.fromisoformat(min(known)), date.fromisoformat(until)
    found = []
    while day <= last:
        if (text := day.isoformat()) not in known:
            found.append(text)
        day += timedelta(days=1)
    return found


def missing_days(differences: Differences, circumstances: Circumstances) -> list[str]:
    """The days without rows in which every difference of a key that the lake knows may have its lost change.

    A day without a row is not suspicious by itself: perhaps nobody wrote. It is if all those losses fit it.
    Without such a difference, new items may be missing from any of these days.
    """
    if differences.first_read is None or (differences.last_good is None and circumstances.has_older_items):
        return []
    streamed = [day for day, found in circumstances.days.items() if found.from_stream]
    after, until = (differences.last_good or "")[:10], differences.first_read[:10]
    return [day for day in days_without_rows(streamed, until) if day >= after]


def cause_of(found: Difference, days: Sequence[str], circumstances: Circumstances) -> Cause:
    """The likely cause of one difference.

    :param days: the answer of `missing_days`
    """
    if found.lake_time is None and circumstances.has_older_items:
        return Cause.OLDER
    if days:
        return Cause.DAY
    return Cause.FAILED if circumstances.failures else Cause.LOST
