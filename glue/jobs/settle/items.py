"""`settled_items_<name>`: the newest state of each item, merged from what `settled_changes_<name>` gained."""

import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from string import Template
from typing import Any

from settled.names import ITEMS, LEANS, MERGED, NO_SWITCH, OBJECT, OWN, SWITCHED, TAG, TIES

from .arguments import Arguments
from .changes import SettledChanges, check_owned
from .lake_catalog import LakeCatalog
from .session import CATALOG
from .tables import Snapshot, Table, check_columns

_GROWING = frozenset(("append", "replace"))  # operations after which the rows of before are still there


@dataclass(frozen=True)
class Merged:
    """The counts of a merge: fresh rows (None: all), items written, items ranked among all their changes."""

    fresh: int | None
    items: int
    hard: int


def statement(name: str, **filling: str) -> str:
    """The text of sql/<name>.sql, without its comments and filled in."""
    text = (importlib.resources.files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return Template("\n".join(lines)).substitute(filling)


def grown(snapshots: Mapping[int, Snapshot], start: int, end: int) -> bool:
    """Whether the table only gained rows from `start` to `end`: then an incremental read has all of them."""
    at: int | None = end
    while at is not None and at != start:
        snapshot = snapshots.get(at)
        if snapshot is None or snapshot.operation not in _GROWING:
            return False
        at = snapshot.parent
    return at == start


class SettledItems:
    """The table of one ending."""

    def __init__(self, session: Any, given: Arguments, catalog: LakeCatalog, changes: SettledChanges) -> None:
        self._session, self._given, self._catalog, self._changes = session, given, catalog, changes
        self.table = Table(session, given.database, ITEMS + changes.name)

    def open(self, metadata: Sequence[str]) -> list[str]:
        """Create the table or check it, and add the columns of the changes. Returns the shared columns."""
        needed = {**dict.fromkeys([*metadata, "dt"], "string"), TIES: "bigint", LEANS: "boolean"}
        if not self._catalog.check_owner(self.table.name):
            partition = f"bucket({self._given.buckets}, change_key)"
            self.table.create(self._given.bucket, needed, partition, "change_key", self._given.location)
        have = self.table.columns()
        check_owned(self.table, self._given)
        check_columns(self.table.name, have, needed, ())
        shared = [column for column in self._changes.table.columns() if column not in (OBJECT, TAG)]
        self.table.add_columns(column for column in shared if column not in have and column not in OWN)
        return shared

    def merge(self, metadata: Sequence[str], switched_at: str) -> Merged | None:
        """Merge what the changes gained; None if they gained nothing. Raises ConflictError."""
        end = self._changes.table.current()
        if end is None:
            return None
        columns = self.open(metadata)
        properties = self.table.properties()
        start = int(properties.get(MERGED) or 0)
        known = properties.get(SWITCHED, switched_at) == switched_at and grown(
            self._changes.table.snapshots(), start, end
        )
        if known and start == end and self.table.buckets() == self._given.buckets:
            return None
        buckets = self.table.buckets()
        if buckets != self._given.buckets:
            self.table.set_buckets(buckets, self._given.buckets)
        known = known and not self.table.has_other_partitioning()
        base = self.table.current()
        fresh = self._changes.table.between(start, end) if known and base is not None else None
        merged = self._merged(columns, fresh, end, base, switched_at)
        self.table.set_properties({MERGED: str(end), SWITCHED: switched_at})
        return merged

    def _merged(
        self, columns: Sequence[str], fresh: Any, end: int, base: int | None, switched_at: str
    ) -> Merged:
        """The merge itself. Without `fresh` rows, every item is ranked among all its changes."""
        listed = ", ".join(f"`{column}`" for column in columns)
        sql = self._session.sql
        history = self._roads(self._changes.table.at(end), "history", switched_at)
        with ExitStack() as kept:
            if fresh is None:
                named(history.select(*columns), "rows")
                touched = hard = 0
            else:
                fresh = self._roads(kept.enter_context(persisted(fresh)), "fresh", switched_at)
                named(self.table.at(base), "stored")
                touched = named(kept.enter_context(persisted(sql(statement("touched")))), "touched").count()
                if not touched:
                    return Merged(fresh.count(), 0, 0)
                named(kept.enter_context(persisted(sql(statement("known", columns=listed)))), "known")
                hard = named(kept.enter_context(persisted(sql(statement("hard")))), "hard").count()
                named(sql(statement("rows", columns=listed)), "rows")
            newest = kept.enter_context(persisted(sql(statement("newest", columns=listed))))
            named(newest, "newest")
            items = newest.count()
            if fresh is None:
                self.table.replace_all(newest, base)
                return Merged(None, items, 0)
            if items:
                bucket = f"{CATALOG}.system.bucket({self._given.buckets}, change_key)"
                buckets = [row[0] for row in newest.selectExpr(f"{bucket} AS bucket").distinct().collect()]
                content = sql(
                    statement(
                        "buckets",
                        columns=f"{listed}, {TIES}, {LEANS}",
                        buckets=str(self._given.buckets),
                        touched=", ".join(map(str, sorted(buckets))),
                    )
                )
                self.table.replace_partitions(content, base)
            return Merged(fresh.count(), items, hard)

    def _roads(self, rows: Any, name: str, switched_at: str) -> Any:
        """The rows as a view, without those of the wrong side of a cut."""
        named(rows, name)
        if switched_at == NO_SWITCH:
            return rows
        return named(self._session.sql(statement("roads", rows=name, switched_at=switched_at)), name)


def named(frame: Any, name: str) -> Any:
    """The frame under a name that SQL can use."""
    frame.createOrReplaceTempView(name)
    return frame


@contextmanager
def persisted(frame: Any) -> Iterator[Any]:
    """The frame, computed once and kept for the block."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()
