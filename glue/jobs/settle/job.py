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
from collections.abc import Callable, Collection, Mapping, Sequence
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
from .index import Entry, SettledObjects
from .items import SettledItems
from .lake_catalog import LAST_OF_THE_CHANGE, LakeCatalog, forgotten_by, iso
from .maintenance import Maintenance
from .objects import RawObject, portions, unsettled
from .reading import Portion, Taken
from .session import open_session
from .storage import Storage
from .tables import State

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
        ports.catalog.refresh()
        self._metadata = _metadata(ports.catalog.columns())
        self._forgotten = ports.catalog.forgotten()
        self._index = SettledObjects(ports.session, given, ports.catalog)
        self._failed: set[str] = set()
        self._gone = 0  # objects that were replaced or deleted after they were listed

    def settle(self) -> None:
        """All steps."""
        ports, given = self._ports, self._given
        self._index.open()
        ports.catalog.refresh()  # after the index: another run may just have made a pair and recorded it
        pairs = {*ports.catalog.names(CHANGES)}
        lost = self._index.pairs - pairs
        if lost:
            ports.log(f"{CHANGES}… of {', '.join(sorted(lost))} was removed: every object is read again")
            self._index.clear()
        self._index.record_pairs(pairs)
        maintained = self._index.maintained
        due = maintained is None or ports.now() - maintained >= timedelta(hours=given.maintain_hours)
        markers = ports.storage.markers()
        days = self._days(everything=due or bool(lost), reopened=days_of(markers))
        listed = ports.storage.objects(days)
        entries = self._index.entries(days)
        pending = unsettled(listed, {path: entry.tag for path, entry in entries.items()})
        ports.log(f"{len(days)} days, {len(listed):,} objects, {len(pending):,} of them to take in")
        names, taken = self._append_all(pending, entries)
        self._merge_all(names)
        done = [one for one in pending if one.path in taken and not taken[one.path] & self._failed]
        now = ports.now()
        self._index.add(done, now)
        entries |= {one.path: Entry(one.path, one.tag, iso(now)) for one in done}
        self._summary.objects += len(done)
        # A marker is finished if everything that its verb wrote is settled now.
        finished = (
            [] if self._summary.failures or self._gone else [marker for marker in markers if marker.done]
        )
        for marker in self._narrow(listed, entries, finished):
            ports.storage.remove_marker(marker)
        if due:
            if maintained is not None:
                self._maintain(names)
            self._index.set_maintained(ports.now())

    def _days(self, *, everything: bool, reopened: Sequence[str]) -> list[str]:
        first = self._ports.catalog.first_day()
        oldest = (self._ports.now().date() - timedelta(days=self._given.checked_days)).isoformat()
        return [
            day
            for day in self._ports.storage.days()
            if day >= first and (everything or day >= oldest or day in reopened)
        ]

    def _append_all(
        self, pending: Sequence[RawObject], entries: Mapping[str, Entry]
    ) -> tuple[set[str], dict[str, set[str]]]:
        """Step 2. Returns the endings of all pairs, and of each object taken in the endings of its rows."""
        names = {*self._ports.catalog.names(CHANGES)}
        taken: dict[str, set[str]] = {}
        found: set[str] = set()
        for objects in portions(pending, self._given.batch_bytes):
            portion = Portion(self._ports.session, self._ports.storage, objects, self._given.tables)
            try:
                content = portion.taken()
                self._summary.left_out_lines += content.left_out
                self._gone += content.gone
                for failure in content.unreadable:
                    self._fail(failure)
                # A rewritten object may have had rows in a table in which it has none now.
                rewritten = any(one.path in entries for one in objects)
                for name in sorted({*content.rows} | (names if rewritten else set())):
                    columns = {one for one in content.columns[name] if not forgotten_by(self._forgotten, one)}
                    try:
                        found |= self._append(name, portion, content, objects, columns)
                    except SettleError as error:
                        self._fail(str(error), name)
                names |= {*content.rows}
                for path, endings in content.objects:
                    taken[path] = set(endings)
            finally:
                portion.close()
            self._ports.log(f"{len(taken):,} of {len(pending):,} objects appended")
        # Also those of earlier rows: the function declares a limited number at a time.
        known = {*self._metadata, "dt", *OWN, *self._ports.catalog.columns()}
        fresh = {one for one in found - known if not forgotten_by(self._forgotten, one)}
        try:
            self._summary.columns += self._ports.catalog.declare(fresh)
        except SettleError as error:
            self._fail(str(error))
        return names, taken

    def _append(
        self, name: str, portion: Portion, content: Taken, objects: Sequence[RawObject], columns: set[str]
    ) -> set[str]:
        """Step 2 for one table. Returns its columns."""
        changes = self._changes(name)
        shown = self._ports.catalog.shown_columns(name)
        state = changes.open(
            self._metadata, columns, {one for one in shown if not forgotten_by(self._forgotten, one)}
        )
        self._index.record_pairs(self._index.pairs | {name})
        rows = {path: endings[name] for path, endings in content.objects if name in endings}
        days = {one.day for one in objects}
        tags = {one.path: one.tag for one in objects if one.path in dict(content.objects)}
        inside = changes.already(state.current, days)
        if old := {(path, tag) for path, tag in inside if path in tags and tags[path] != tag}:
            state, inside = self._remove(changes, old, [one for one in objects if one.path in tags])
        inside = {(path, tag) for path, tag in inside if tags.get(path) == tag}
        gained = sum(rows.values()) - sum(rows.get(path, 0) for path, _ in inside)
        if gained:
            changes.table.append(portion.frame(name, [*state.columns], inside), state.current)
            self._summary.rows += gained
        return {*state.columns}

    def _remove(
        self, changes: SettledChanges, old: Collection[tuple[str, str]], objects: Sequence[RawObject]
    ) -> tuple[State, set[tuple[str, str]]]:
        """Remove the rows of rewritten objects. Returns the table after it and the objects that are in."""
        paths = {path for path, _ in old}
        rewritten = [one for one in objects if one.path in paths]
        if not all(self._ports.storage.is_current(one) for one in rewritten):
            raise ConflictError("an object was rewritten again")
        changes.remove(old)
        self._ports.log(f"{changes.table.name}: the rows of {len(paths):,} rewritten objects were removed")
        state = changes.table.load()
        inside = changes.already(state.current, {one.day for one in objects})
        tags = {one.path: one.tag for one in rewritten}
        if any(tags.get(path, tag) != tag for path, tag in inside):
            raise ConflictError("an object was rewritten again")
        return state, inside

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

    def _narrow(
        self,
        listed: Sequence[RawObject],
        entries: Mapping[str, Entry],
        finished: Sequence[Marker],
    ) -> list[Marker]:
        """Step 5: the view shows what may be unsettled, without objects that were settled some time ago.

        A verb may reopen a day while the view is created. Its marker is seen afterwards, and the view is
        created once more.

        :param finished: the markers whose rows are settled
        :return: those of them whose days are closed now: no object of them was settled a moment ago
        """
        if not self._given.workgroup:
            return []
        now = self._ports.now()
        limit = now - timedelta(minutes=self._given.margin_minutes)
        old = {
            one
            for one in listed
            if (entry := entries.get(one.path))
            and entry.tag == one.tag
            and datetime.fromisoformat(entry.at) <= limit
        }
        recent = {one.day for one in {*listed} - old}
        closed = [marker for marker in finished if recent.isdisjoint(marker.days)]
        self._ports.catalog.refresh()
        columns = self._ports.catalog.columns()
        reopened, before = self._reopened(closed), None
        try:
            while reopened != before:
                # A verb may write an object of its days again, so none of them is left out.
                shown = [SettledObject(one.path, one.day, one.size) for one in old if one.day not in reopened]
                opened = opening(now.date(), shown, recent | reopened)
                self._ports.catalog.create_view(statement(opened, columns))
                reopened, before = self._reopened(closed), reopened
        except SettleError as error:
            self._fail(str(error))
            return []
        return closed

    def _reopened(self, closed: Sequence[Marker]) -> set[str]:
        """The days of all markers but these."""
        return {*days_of(marker for marker in self._ports.storage.markers() if marker not in closed)}

    def _maintain(self, names: set[str]) -> None:
        """Step 6. What fails here fails the run, but leaves the tables as they can be read."""
        now = self._ports.now()
        work = Maintenance(self._ports.session, self._given.database, now, self._given.keep_snapshot_hours)
        for name in sorted(names - self._failed):
            changes = self._changes(name)
            items = SettledItems(self._ports.session, self._given, self._ports.catalog, changes)
            rewritten = work.rewrite(changes.table, ordered=True) + work.rewrite(items.table, ordered=False)
            merged = items.table.load().properties.get(MERGED)
            expired = work.expire(changes.table, int(merged) if merged else None) + work.expire(items.table)
            work.remove_orphans(changes.table)
            work.remove_orphans(items.table)
            self._ports.log(f"{name}: {rewritten:,} files rewritten, {expired:,} snapshots expired")
        work.rewrite(self._index.table, ordered=False)
        work.expire(self._index.table)
        work.remove_orphans(self._index.table)

    def _changes(self, name: str) -> SettledChanges:
        return SettledChanges(self._ports.session, self._given, self._ports.catalog, name)

    def _fail(self, text: str, name: str = "") -> None:
        self._failed |= {name} - {""}
        self._summary.failures.append(text)
        self._ports.log(text)


def _metadata(columns: Sequence[str]) -> list[str]:
    """The columns of the row that describe the change: they come first in `changes`."""
    last = columns.index(LAST_OF_THE_CHANGE)
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
