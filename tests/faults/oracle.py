"""Reads every object of the lake as it is written, and compares each line with the change that it states.

Memory: a byte per change, a digest per object, and the rows of a sample of the items.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import orjson
import pybase64

from tests.faults.changes import SEQUENCE_DIGITS, Changes, key_of, time_text

_DATA: Final = re.compile(r"data/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/([^/]+)")
_ERRORS: Final = re.compile(r"errors/([^/]+)/dt=[0-9]{4}-[0-9]{2}-[0-9]{2}/([^/]+)")
_ID: Final = b'"change_id":"'
_SEQUENCE: Final = b'"change_sequence":'
_ID_LENGTH: Final = 36
KEPT: Final = 20  # problems with their texts; the others are counted
SAMPLE_ROWS: Final = 25_000


@dataclass(frozen=True)
class Problem:
    """Something wrong: which check found it, what it is, and the item, if it is one item's."""

    check: str
    text: str
    item: int | None = None


@dataclass
class Problems:
    """The problems found so far: the first of each check, and the numbers of all."""

    first: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, check: str, text: str, item: int | None = None) -> None:
        """Count a problem."""
        self.counts[check] += 1
        if self.counts[check] <= KEPT:
            self.first.append(Problem(check, text, item))


@dataclass
class Oracle:
    """What is in the lake: how often each change, the error lines, the sample."""

    changes: Changes
    poison: dict[bytes, int]  # payload: its number
    problems: Problems = field(default_factory=Problems)
    excused: set[int] = field(default_factory=set)  # changes whose record may fail: a fault hit it
    delivered: bytearray = field(init=False)
    copies: int = 0
    rows: int = 0
    redriven_rows: int = 0
    objects: int = 0
    replaced: int = 0  # objects written again with the same bytes
    failed_lines: int = 0  # in error objects
    unrecoverable_lines: int = 0
    sample: list[tuple[str, str, bytes]] = field(default_factory=list)  # day, object, line
    _digests: dict[str, bytes] = field(default_factory=dict)
    _unrecoverable: Counter[bytes] = field(default_factory=Counter)
    _failed: Counter[bytes] = field(default_factory=Counter)  # poison in error objects

    def __post_init__(self) -> None:
        self.delivered = bytearray(self.changes.count)
        self.share = max(1, self.changes.count // SAMPLE_ROWS)  # one of this many items is in the sample

    def in_sample(self, item: int) -> bool:
        """Whether the item's rows are kept for the shipped SQL."""
        return item % self.share == self.changes.seed % self.share

    def take(self, key: str, body: bytes) -> None:
        """An object was written. Objects are whole: S3 shows an object after its last byte."""
        digest = hashlib.sha256(body).digest()
        earlier = self._digests.get(key)
        if earlier is not None:
            self.replaced += 1
            if earlier != digest:
                self.problems.add("objects", f"{key} was written again with other bytes")
            return
        self._digests[key] = digest
        self.objects += 1
        try:
            text = zlib.decompress(body, 31)
        except zlib.error as error:
            self.problems.add("objects", f"{key} is not GZIP: {error}")
            return
        if text and not text.endswith(b"\n"):
            self.problems.add("objects", f"{key} does not end with a newline")
        lines = text.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if found := _DATA.fullmatch(key):
            for line in lines:
                self._row(line, found[1], found[2])
        elif found := _ERRORS.fullmatch(key):
            for line in lines:
                self._error(line, key, unrecoverable=found[1] == "unrecoverable")
        else:
            self.problems.add("objects", f"{key} is neither of the data nor of the errors")

    def _row(self, line: bytes, day: str, name: str) -> None:
        self.rows += 1
        start = line.find(_ID) + len(_ID)
        change_id = line[start : start + _ID_LENGTH].decode("ascii", "replace")
        place = line.find(_SEQUENCE) + len(_SEQUENCE)
        stated = line[place + 1 : place + 1 + SEQUENCE_DIGITS].decode("ascii", "replace")
        sequence = stated if line[place : place + 1] == b'"' else None
        try:
            number = int(change_id[-12:], 16)
            copy = int(change_id[19], 16) - 8
            right = self.changes.row(number, change_id, sequence)
        except (ValueError, IndexError):
            self.problems.add("rows", f"{name}: a line that is no row of a change: {line[:300]!r}")
            return
        item = self.changes.item[number]
        if line != right or change_id != self.changes.change_id(number, copy):
            self.problems.add("rows", f"{name}: the row\n  {line!r}\n  must be\n  {right!r}", item)
            return
        if sequence is not None and int(sequence[-12:]) != number:
            self.problems.add("rows", f"{name}: a row has another record's sequence: {sequence}", item)
        if name.startswith("repair-"):
            self.redriven_rows += 1
            if day != time_text(self.changes.moment[number])[:10]:
                self.problems.add("days", f"{name} has a row of another day than {day}", item)
        if self.delivered[number]:
            self.copies += 1
        if self.delivered[number] < 255:
            self.delivered[number] += 1
        if self.in_sample(item):
            self.sample.append((day, name, line))

    def _error(self, line: bytes, key: str, *, unrecoverable: bool) -> None:
        try:
            raw = pybase64.b64decode(orjson.loads(line)["rawData"], validate=True)
        except (ValueError, KeyError, TypeError):
            self.problems.add("error lines", f"{key} has a line without the record: {line[:300]!r}")
            return
        known = raw in self.poison
        if unrecoverable:
            self.unrecoverable_lines += 1
            self._unrecoverable[raw] += 1
            if not known:
                self.problems.add(
                    "unrecoverable", f"{key} has a record that could become a row: {raw[:200]!r}"
                )
            return
        self.failed_lines += 1
        if known:
            self._failed[raw] += 1
            return
        try:
            number = int(orjson.loads(raw)["eventID"][-12:], 16)
        except (ValueError, KeyError, TypeError):
            self.problems.add("error lines", f"{key} has a record that nobody sent: {raw[:200]!r}")
            return
        if number not in self.excused:
            item = self.changes.item[number]
            self.problems.add(
                "failures", f"{key}: a record failed that no fault touched: change {number}", item
            )

    def missing(self) -> None:
        """After the last redrive: each change is in the lake, and each poison record is unrecoverable."""
        number = self.delivered.find(0)
        while number >= 0:
            item = self.changes.item[number]
            self.problems.add("lost", f"change {number} of {key_of(item)} is in no object", item)
            number = self.delivered.find(0, number + 1)
        for payload, serial in self.poison.items():
            if not self._unrecoverable[payload]:
                self.problems.add(
                    "unrecoverable", f"poison record {serial} is in no object: {payload[:100]!r}"
                )
            elif self._unrecoverable[payload] != self._failed[payload]:
                self.problems.add(
                    "unrecoverable",
                    f"poison record {serial} failed {self._failed[payload]} times and is stated "
                    f"{self._unrecoverable[payload]} times",
                )
        if self.failed_lines != self.redriven_rows + self.unrecoverable_lines:
            self.problems.add(
                "sums",
                f"{self.failed_lines} records failed, {self.redriven_rows} were redelivered "
                f"and {self.unrecoverable_lines} are unrecoverable",
            )

    def newest(self) -> int:
        """Compare the newest state of each item, by time and chain, with the table. Returns the items."""
        checked = 0
        for item in range(self.changes.items):
            numbers = self.changes.of_item(item)
            checked += bool(numbers)
            state = newest_state(self.changes, [n for n in numbers if self.delivered[n]])
            if state != self.changes.state[item]:
                self.problems.add(
                    "current",
                    f"the newest state of {key_of(item)} is {state} in the lake "
                    f"and {self.changes.state[item]} in the table",
                    item,
                )
        return checked


def newest_state(changes: Changes, numbers: list[int]) -> int:
    """The state after these changes of an item, from their times and states only (docs/architecture.md).

    Of the changes of one time, the newest reaches a state that is reached more often than left. If there is
    none, they lead back to the state before them.
    """
    state = 0
    groups: dict[int, list[int]] = {}
    for number in numbers:
        groups.setdefault(changes.moment[number], []).append(number)
    for moment in sorted(groups):
        balance: Counter[int] = Counter()
        for number in groups[moment]:
            balance[changes.after[number]] += 1
            balance[changes.before[number]] -= 1
        ends = [reached for reached, count in balance.items() if count > 0]
        if len(ends) == 1:
            state = ends[0]
        elif ends:
            return -1
    return state
