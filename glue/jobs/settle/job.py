"""One run: take raw objects in, merge, record them, and narrow the view of what is not settled.

The order is the guarantee. A run may end between any two steps, and the next one goes on:

1. list the raw objects, and those that the index has: the others are to be taken in
2. append their rows to `settled_changes_…`, only if it is as it was when it was asked for its objects
3. merge what the changes gained into `settled_items_…`, only if the items are as they were when read
4. add the objects to `settled_objects`
5. tell the catalog function the columns, and narrow the view `unsettled_changes`
6. once a day, maintain the tables

Two runs at once do no harm: of two commits on one snapshot Iceberg refuses the second, whose run plans again.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from settled.names import CHANGES, MERGED, OWN
from settled.reopened import Marker, days_of
from settled.unsettled import SettledObject, opening, statement

from . import arguments
from .arguments import Arguments
from .changes import SettledChanges
from .errors import ConflictError, SettleError
from .index import SettledObjects
from .items import SettledItems
from .lake_catalog import LakeCatalog, forgotten_by
from .maintenance import Maintenance
from .objects import RawObject, portions, unsettled
from .reading import Portion
from .session import open_session
from .storage import Storage

_ATTEMPTS = 4
_NAMED_IN_ERROR = 10
_PAUSE_SECONDS = 20  # between two small runs that found nothing new


@dataclass(frozen=True)
class Ports:
    """The systems that a run uses. `log` writes a line: counts and names of objects, never a row."""

    session: Any
    storage: Storage
    catalog: LakeCatalog
    now: Callable[[], datetime]
    log: Callable[[str], None]


@dataclass
class Summary:
    """What a run did."""

    objects: int = 0
    rows: int = 0
    items: int = 0
    hard: int = 0
    left_out_lines: int = 0
    columns: int = 0
    conflicts: int = 0
    failures: list[str] = field(default_factory=list)

    def line(self, seconds: float) -> str:
        """The line that the alarm of a late job and that of conflicts read."""
        counts = {name: value for name, value in vars(self).items() if name != "failures"}
        counts |= {"failures": len(self.failures), "seconds": round(seconds, 1)}
        return json.dumps({"message": "failed" if self.failures else "settled", **counts})


def run(ports: Ports, given: Arguments) -> Summary:
    """Settle everything that is there now. Raises SettleError for what could not be settled, at the end."""
    started = time.monotonic()
    summary = Summary()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _Run(ports, given, summary).settle()
            break
        except ConflictError as error:
            summary.conflicts += 1
            ports.log(f"another run was first ({error}); attempt {attempt} of {_ATTEMPTS}")
            if attempt == _ATTEMPTS:
                summary.failures.append(
                    f"{_ATTEMPTS} attempts found another run first. Next: nothing, that run settles the rows"
                )
    ports.log(summary.line(time.monotonic() - started))
    if summary.failures:
        hidden = len(summary.failures) - _NAMED_IN_ERROR
        more = [f"and {hidden} more"] if hidden > 0 else []
        raise SettleError("; ".join([*summary.failures[:_NAMED_IN_ERROR], *more]), "see above")
    return summary


class _Run:
    """One attempt."""

    def __init__(self, ports: Ports, given: Arguments, summary: Summary) -> None:
        self._ports, self._given, self._summary = ports, given, summary
        self._metadata = _metadata(ports.catalog.columns())
        self._forgotten = ports.catalog.forgotten()
        self._index = SettledObjects(ports.session, given, ports.catalog)
        self._failed: set[str] = set()

    def settle(self) -> None:
        """All steps."""
        ports, given = self._ports, self._given
        self._index.open()
        maintained = self._index.maintained()
        due = maintained is None or ports.now() - maintained >= timedelta(hours=given.maintain_hours)
        markers = ports.storage.markers()
        days = self._days(everything=due, reopened=days_of(markers))
        listed = ports.storage.objects(days)
        settled: dict[str, set[str]] = defaultdict(set)
        for entry in self._index.entries(days):
            settled[entry.path].add(entry.tag)
        todo = unsettled(listed, settled)
        ports.log(f"{len(days)} days, {len(listed):,} objects, {len(todo):,} of them to take in")
        names, taken = self._append_all(todo)
        self._merge_all(names)
        done = [one for one in todo if one.path in taken and not taken[one.path] & self._failed]
        self._index.add(done, ports.now())
        self._summary.objects += len(done)
        complete = [marker for marker in markers if marker.done and not self._summary.failures]
        for marker in self._narrow(listed, complete):
            ports.storage.remove_marker(marker)
        if due:
            self._maintain(names)

    def _days(self, *, everything: bool, reopened: Sequence[str]) -> list[str]:
        first = self._ports.catalog.first_day()
        oldest = (self._ports.now().date() - timedelta(days=self._given.checked_days)).isoformat()
        return [
            day
            for day in self._ports.storage.days()
            if day >= first and (everything or day >= oldest or day in reopened)
        ]

    def _append_all(self, todo: Sequence[RawObject]) -> tuple[set[str], dict[str, set[str]]]:
        """Step 2. Returns the endings of all pairs, and of each object taken in the endings of its rows."""
        names = {name.removeprefix(CHANGES) for name in self._ports.catalog.names(CHANGES)}
        taken: dict[str, set[str]] = {}
        found: set[str] = set()
        for objects in portions(todo, self._given.batch_bytes):
            portion = Portion(self._ports.session, self._ports.storage, objects, self._given.tables)
            try:
                content = portion.taken()
                self._summary.left_out_lines += content.left_out
                for failure in content.unreadable:
                    self._fail(failure)
                for name in sorted(content.rows):
                    columns = {one for one in content.columns[name] if not forgotten_by(self._forgotten, one)}
                    found |= columns
                    try:
                        self._append(name, portion, objects, columns)
                    except SettleError as error:
                        self._fail(str(error), name)
                names |= {*content.rows}
                for path, endings in content.objects:
                    taken[path] = set(endings)
            finally:
                portion.close()
            self._ports.log(f"{len(taken):,} of {len(todo):,} objects appended")
        fresh = found - {*self._metadata, "dt"} - OWN
        try:
            self._summary.columns += self._ports.catalog.declare(fresh - {*self._ports.catalog.columns()})
        except SettleError as error:
            self._fail(str(error))
        return names, taken

    def _append(self, name: str, portion: Portion, objects: Sequence[RawObject], columns: set[str]) -> None:
        changes = self._changes(name)
        changes.open(self._metadata, columns)
        days = {one.day for one in objects}
        tags = {one.path: one.tag for one in objects}
        already = changes.already(changes.table.current(), days)
        if changes.remove_rewritten(tags, already):
            self._ports.log(f"{changes.table.name}: the rows of rewritten objects were removed")
        base = changes.table.current()
        inside = {pair for pair in changes.already(base, days) if tags.get(pair[0]) == pair[1]}
        if inside.issuperset(tags.items()):
            return
        rows = portion.frame(name, [*changes.table.columns()], inside)
        if rows.isEmpty():
            return
        changes.table.append(rows, base)
        self._summary.rows += portion.count(name, inside)

    def _merge_all(self, names: set[str]) -> None:
        """Step 3."""
        for name in sorted(names - self._failed):
            changes = self._changes(name)
            try:
                items = SettledItems(self._ports.session, self._given, self._ports.catalog, changes)
                merged = items.merge(self._metadata, self._ports.catalog.switched_at(name))
            except SettleError as error:
                self._fail(str(error), name)
                continue
            if merged:
                self._summary.items += merged.items
                self._summary.hard += merged.hard
                fresh = "all" if merged.fresh is None else f"{merged.fresh:,}"
                self._ports.log(
                    f"{items.table.name}: {fresh} changes merged, {merged.items:,} items written, "
                    f"{merged.hard:,} ranked among all their changes"
                )

    def _narrow(self, listed: Sequence[RawObject], complete: Sequence[Marker]) -> list[Marker]:
        """Step 5: the view shows what may be unsettled, without objects that were settled some time ago.

        :param complete: the markers whose rows this run has settled
        :return: those of them whose days are closed now: no object of them was settled a moment ago
        """
        if not self._given.workgroup:
            return []
        now = self._ports.now()
        limit = now - timedelta(minutes=self._given.margin_minutes)
        current = {one.path: one for one in listed}
        old = {
            entry.path
            for entry in self._index.entries({one.day for one in listed})
            if entry.path in current
            and current[entry.path].tag == entry.tag
            and datetime.fromisoformat(entry.at) <= limit
        }
        recent = {one.day for one in listed if one.path not in old}
        closed = [marker for marker in complete if recent.isdisjoint(marker.days)]
        # A command may have put a marker since this run began, and may do so until the view is created.
        days, created = self._reopened(closed), None
        while created is None or not created.issuperset(days):
            # A command may write an object of its days again: none of them is left out.
            shown = [
                SettledObject(one.path, one.day, one.size)
                for one in listed
                if one.path in old and one.day not in days
            ]
            opened = opening(now.date(), shown, {*days, *recent})
            try:
                self._ports.catalog.execute(statement(opened, self._ports.catalog.columns()))
            except SettleError as error:
                self._fail(str(error))
                return []
            created, days = days, self._reopened(closed)
        return closed

    def _reopened(self, closed: Sequence[Marker]) -> set[str]:
        """The days of all markers but these."""
        ids = {marker.id for marker in closed}
        return {*days_of(marker for marker in self._ports.storage.markers() if marker.id not in ids)}

    def _maintain(self, names: set[str]) -> None:
        """Step 6. What fails here fails the run, but leaves the tables as they can be read."""
        now = self._ports.now()
        work = Maintenance(self._ports.session, self._given.database, now, self._given.keep_snapshot_hours)
        for name in sorted(names - self._failed):
            changes = self._changes(name)
            items = SettledItems(self._ports.session, self._given, self._ports.catalog, changes)
            rewritten = work.rewrite(changes.table, ordered=True) + work.rewrite(items.table, ordered=False)
            merged = items.table.properties().get(MERGED)
            expired = work.expire(changes.table, int(merged) if merged else None) + work.expire(items.table)
            work.remove_orphans(changes.table)
            work.remove_orphans(items.table)
            self._ports.log(f"{name}: {rewritten:,} files rewritten, {expired:,} snapshots expired")
        work.rewrite(self._index.table, ordered=False)
        work.expire(self._index.table)
        work.remove_orphans(self._index.table)
        self._index.set_maintained(now)

    def _changes(self, name: str) -> SettledChanges:
        return SettledChanges(self._ports.session, self._given, self._ports.catalog, name)

    def _fail(self, text: str, name: str = "") -> None:
        self._failed |= {name} - {""}
        self._summary.failures.append(text)
        self._ports.log(text)


def _metadata(columns: Sequence[str]) -> list[str]:
    """The columns of the row that describe the change: they come first in `changes`."""
    last = columns.index("change_rescued")
    return [*columns[: last + 1]]


def main(given: Sequence[str]) -> Summary:
    """Run with Spark, S3, Glue and Athena. Raises if something could not be settled."""
    read = arguments.read(given)

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    ports = Ports(
        open_session(read.location),
        Storage(read.bucket, read.region),
        LakeCatalog(read.database, read.location, read.region, read.workgroup, read.catalog_function),
        lambda: datetime.now(UTC),
        log,
    )
    end = time.monotonic() + read.repeat_minutes * 60
    while True:
        summary = run(ports, read)
        if time.monotonic() >= end:
            return summary
        if not summary.objects:
            time.sleep(min(_PAUSE_SECONDS, max(0.0, end - time.monotonic())))
