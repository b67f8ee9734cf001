"""Heal a hole of the stream from incremental exports, by difference.

An incremental export names each item that was written in its window, with the item's state at the window's
end. It does not name an item that was inserted and deleted in the window. So if the lake has a change of the
window and the export does not name its item, there was no such item at the end. All other items were not
written. A SNAPSHOT row is written only where the newest change that the lake has from before the end leads to
another state.

The row's time is the window's end, a whole second. So the row follows all changes before the end and precedes
all changes after it. Among changes of that very second it is the first: the views order a SNAPSHOT before the
changes of DynamoDB Streams, which have whole seconds, and place it before the others by their chain.

The export has the times of the writes. The lake has the times of the stream's records, which can be a moment
apart from them. So near a border (`BORDER`), the two may put a change on different sides, and the lake is
right: what it has of the last seconds was delivered after the hole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, NamedTuple

import orjson

from repair.exports.errors import RecordError
from repair.exports.records import ChangedItem
from repair.objects import DATA, END, PREFIX, Kind, Row
from repair.partitions import Partitions, joined, looked_up
from repair.reconciliation import LakeState
from repair.rows import snapshot
from transform_lambda import errors as row_errors
from transform_lambda.canonical import digest, sorted_json
from transform_lambda.change import change_day, key_text, line_of
from transform_lambda.flatten import RowSettings
from transform_lambda.values import order_sets

KIND: Final[Kind] = "heal"
# DynamoDB Developer Guide, "DynamoDB data export to Amazon S3: how it works".
SHORTEST: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=24)
# [unverified] No page states how far the time of a write and that of its stream record can be apart.
BORDER: Final = timedelta(seconds=2)


@dataclass(frozen=True, order=True)
class Window:
    """The period of one incremental export: whole seconds in UTC, the end exclusive."""

    start: datetime
    end: datetime

    @property
    def time(self) -> str:
        """The time of its rows, as change_time."""
        return time_text(self.end)

    @property
    def start_time(self) -> str:
        """The start, as change_time."""
        return time_text(self.start)

    @property
    def text(self) -> str:
        """Both times, for people."""
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def within(self) -> tuple[str, str]:
        """The window without its borders, as change_time: the second time is exclusive."""
        return time_text(self.start + BORDER), time_text(self.end - BORDER)


@dataclass(frozen=True)
class Source:
    """The origin of the rows: the export, its window, the table, and the settings of the rows."""

    export_id: str
    window: Window
    table: str
    settings: RowSettings

    @property
    def objects_prefix(self) -> str:
        """The beginning of the keys of its objects in the lake."""
        return f"{DATA}dt={change_day(self.window.time)}/{PREFIX}{KIND}-{self.export_id}-"

    def finished(self, keys: Iterable[str]) -> bool:
        """Whether the last of its objects is among the keys of the lake."""
        return any(key.startswith(self.objects_prefix) and key.endswith(f"{END}.gz") for key in keys)


def time_text(time: datetime) -> str:
    """A time as change_time."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def windows(start: datetime, end: datetime, shortest: timedelta = SHORTEST) -> tuple[Window, ...]:
    """The consecutive windows that cover a period of whole seconds.

    If the period is too short, its window begins earlier. The end stays: it is the time of the rows.
    """
    start = min(start, end - shortest)
    found = []
    while end - start > LONGEST:
        cut = min(start + LONGEST, end - shortest)
        found.append(Window(start, cut))
        start = cut
    return (*found, Window(start, end))


class Exported(NamedTuple):
    """An item that the export names: its digest at the end, None if it was deleted.

    `place` is the number of its line, counted through the data files in the manifest's order.
    """

    digest: str | None
    place: str


def exported(items: Iterable[ChangedItem], source: Source, first: int) -> Iterator[tuple[str, Exported]]:
    """Each item by its change_key. The items' images are changed.

    Each item's row is made and thrown away: what cannot become a row must be found before the run writes.

    :param first: the place of the first item
    :raises RecordError: an item is not DynamoDB JSON
    """
    for place, item in enumerate(items, first):
        try:
            found = None
            if item.new is not None:
                order_sets(item.new.values())
                found = digest(sorted_json(item.new))
            key = key_text(item.keys)
            _line(item, source)
        except row_errors.RecordError as error:
            raise RecordError(f"an item cannot become a row: {error}") from None
        yield key, Exported(found, str(place))


class Verdict(Enum):
    """The result for one key."""

    EQUAL = "equal"
    DIFFERENT = "different"
    LATER = "later"  # the lake's newest change is so near the end that the export may count it as after it


def verdict(found: Exported | None, lake: LakeState | None, window: Window) -> Verdict:
    """Compare one key that the export names, or of which the lake has a change of the window.

    :param found: None if the export does not name the key
    :param lake: the newest change of the lake from before the window's end
    """
    if (found.digest if found else None) == (lake.digest if lake else None):
        return Verdict.EQUAL
    if lake is not None and lake.time >= window.within[1]:
        return Verdict.LATER
    return Verdict.DIFFERENT


class Differences:
    """The keys of one window that need a row."""

    def __init__(self, items: int, absent: Partitions) -> None:
        """`items` is the number of those in the export; keys that it does not name are stored in `absent`."""
        self._places = bytearray(items // 8 + 1)  # a bit for each line of the export
        self._absent = absent
        self.named = self.later = 0

    @property
    def rows(self) -> int:
        """The number of rows that they need."""
        return self.named + self._absent.rows

    def compare(self, asked: Partitions, lake: Partitions, window: Window) -> None:
        """Add each key of `asked` that differs. `asked` comes from `to_ask`, `lake` has LakeState."""
        for key, fields, of_lake in looked_up(asked, lake):
            found = None if fields[1] is None else Exported(*fields)
            result = verdict(found, None if of_lake is None else LakeState(*of_lake), window)
            if result is Verdict.LATER:
                self.later += 1
            elif result is Verdict.DIFFERENT and found is None:
                self._absent.add(key)
            elif result is Verdict.DIFFERENT and found is not None:
                place = int(found.place)
                self._places[place // 8] |= 1 << place % 8
                self.named += 1

    def rows_of(self, items: Iterable[ChangedItem], source: Source) -> Iterator[Row]:
        """The rows, in an order that depends only on the export and the keys.

        :param items: all items of the export, in the order of their places
        """
        for place, item in enumerate(items):
            if self._places[place // 8] >> place % 8 & 1:
                yield Row(_line(item, source), source.window.time)
        for number in range(self._absent.number):
            for key in sorted(self._absent.partition(number)):
                gone = ChangedItem(0, orjson.loads(key), None, None)
                yield Row(_line(gone, source), source.window.time)


def to_ask(named: Partitions, touched: Partitions, into: Partitions) -> None:
    """Store the keys whose newest change is needed: those that the export names, and those of the lake.

    :param named: Exported of each item of the export
    :param touched: keys with a change in the window, but not at its borders, in the lake
    """
    for key, fields, _ in joined(named, touched):
        into.add(key, *(fields or (None, None)))


def _line(item: ChangedItem, source: Source) -> bytes:
    change = snapshot(source.export_id, source.window.time, source.table, item.keys, item.new)
    return line_of(change, source.settings)
