"""Which error objects a redrive takes: those of the chosen kinds and days that no run has completed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from glue.tables import declared
from repair.error_objects import EMPTY, ERRORS, UNRECOVERABLE, ErrorObject, error_object, own_object
from scripts.core.lake_objects import ListedObject

# The kinds of failure that the table `errors` shows; what a redrive could not recover is not redriven again.
TYPES = tuple(
    name
    for name in declared("errors")["parameters"]["projection.error_type.values"].split(",")
    if name != UNRECOVERABLE
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day_of(text: str) -> str:
    """A day of the command line. Raises ValueError if it is not yyyy-MM-dd."""
    if not _DAY.fullmatch(text):
        raise ValueError(f"not a day: {text}")
    return date.fromisoformat(text).isoformat()


@dataclass(frozen=True)
class Wanted:
    """The kinds and the days of the failures (both days included; empty for no bound).

    With `again`, error objects with unrecoverable records are redriven once more.
    """

    types: tuple[str, ...] = TYPES
    first_day: str = ""
    last_day: str = ""
    again: bool = False

    def includes(self, source: ErrorObject) -> bool:
        """Whether an error object is of these kinds and days."""
        return source.error_type in self.types and self._in_days(source.day)

    def _in_days(self, day: str) -> bool:
        return self.first_day <= day and (not self.last_day or day <= self.last_day)


@dataclass
class Selection:
    """What a listing of errors/ shows.

    - `pending`: the error objects to redrive, by day
    - `complete`: how many wanted error objects earlier runs completed
    - `remaining`: how many of those have records that cannot become rows
    - `earlier`: the keys of unrecoverable records that earlier runs wrote, by error object
    - `unknown`: objects per folder below errors/ that are not of a known kind or form
    """

    pending: list[ErrorObject] = field(default_factory=list)
    complete: int = 0
    remaining: int = 0
    earlier: dict[str, list[str]] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    def by_type_and_day(self) -> list[tuple[str, str, int, int]]:
        """The kind, day, number and bytes of the pending error objects."""
        objects: Counter[tuple[str, str]] = Counter()
        sizes: Counter[tuple[str, str]] = Counter()
        for source in self.pending:
            objects[source.error_type, source.day] += 1
            sizes[source.error_type, source.day] += source.size
        return [(*place, objects[place], sizes[place]) for place in sorted(objects)]


def select(listed: Iterable[ListedObject], wanted: Wanted) -> Selection:
    """Choose from a listing of errors/."""
    receipts: set[tuple[str, str]] = set()  # (day, digest)
    written: defaultdict[tuple[str, str], list[ListedObject]] = defaultdict(list)
    sources: list[ErrorObject] = []
    result = Selection()
    for entry in listed:
        source = error_object(entry.key, entry.etag, entry.size)
        if source is not None and source.error_type == UNRECOVERABLE:
            own = own_object(entry.key.rpartition("/")[2])
            if own is not None and own[1]:
                receipts.add((source.day, own[0]))
            elif own is not None:
                written[source.day, own[0]].append(entry)
        elif source is not None and source.error_type in TYPES:
            if wanted.includes(source):
                sources.append(source)
        elif not (entry.key.endswith("/") and entry.size == 0):  # the console's folders are empty objects
            result.unknown[entry.key.rpartition("/")[0] + "/"] += 1
    for source in sorted(sources, key=lambda each: (each.day, each.key)):
        place = (source.day, source.source)
        remaining = any(entry.size > len(EMPTY) for entry in written[place])
        if place in receipts and not (wanted.again and remaining):
            result.complete += 1
            result.remaining += remaining
            continue
        result.pending.append(source)
        if written[place]:
            result.earlier[source.key] = [entry.key for entry in written[place]]
    return result


def prefixes(wanted: Wanted) -> list[str]:
    """The prefixes to list for a selection: everything, or the chosen kinds and what a redrive wrote."""
    if set(wanted.types) == set(TYPES):
        return [ERRORS]
    return [f"{ERRORS}{name}/" for name in (*wanted.types, UNRECOVERABLE)]
