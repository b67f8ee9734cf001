"""`settled_items_<name>`: the newest state of each item, merged from what `settled_changes_<name>` gained."""

import importlib.resources
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from string import Template
from typing import Any

from settled.names import ITEMS, LEANS, MERGED, NO_SWITCH, OBJECT, SWITCHED, TAG, TIES

from .arguments import Arguments
from .changes import SettledChanges, check_owned
from .errors import ConflictError, SettleError
from .lake_catalog import LakeCatalog
from .session import CATALOG
from .tables import Snapshot, State, Table, check_columns

# The columns that the rules read, and the one that has all others.
_READ = (
    "change_table",
    "change_key",
    "change_time",
    "change_type",
    "change_before",
    "change_after",
    "change_sequence",
    "change_id",
    "dt",
)
_VALUES = "#values"
_LISTED = ", ".join(f"`{name}`" for name in (*_READ, _VALUES))
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


def gained(snapshot: Callable[[int], Snapshot | None], start: int, end: int) -> int | None:
    """The rows that the table gained from `start` to `end`; None if it did more, or if that is not known."""
    at: int | None = end
    rows = 0
    while at is not None and at != start:
        found = snapshot(at)
        if found is None or found.operation not in _GROWING:
            return None
        rows += found.added if found.operation == "append" else 0
        at = found.parent
    return rows if at == start else None


class SettledItems:
    """The table of one ending."""

    def __init__(self, session: Any, given: Arguments, catalog: LakeCatalog, changes: SettledChanges) -> None:
        self._session, self._given, self._catalog, self._changes = session, given, catalog, changes
        self.table = Table(session, given.database, ITEMS + changes.name)

    def open(self, metadata: Sequence[str]) -> State:
        """Create the table or check it. Raises SettleError."""
        needed = {**dict.fromkeys([*metadata, "dt"], "string"), TIES: "bigint", LEANS: "boolean"}
        if not self._catalog.check_owner(self.table.name):
            self.table.create(
                self._given.bucket, needed, f"bucket({self._given.buckets}, change_key)", self._given.location
            )
        state = self.table.load()
        check_owned(self.table.name, state, self._given)
        check_columns(self.table.name, state.columns, needed)
        if not state.buckets:
            raise SettleError(
                f"the table {self.table.name} is not partitioned by bucket(N, change_key)",
                "undo the change (ALTER TABLE), or remove the table: the next run merges it from all changes",
            )
        self.table.set_order(state, "change_key")
        return state

    def merge(self, metadata: Sequence[str], switched_at: str) -> Merged | None:
        """Merge what the changes gained since the last merge; None if nothing. Raises ConflictError."""
        items = self.open(metadata)
        changes = self._changes.table.load()
        # The changes are read after the items: the items never have a row that these changes do not have.
        while missing := [
            name for name in changes.columns if name not in (OBJECT, TAG) and name not in items.columns
        ]:
            self.table.add_columns(missing)
            items, changes = self.table.load(), self._changes.table.load()
        end = changes.current
        if end is None:
            return None
        start = int(items.properties.get(MERGED) or 0)
        rows = gained(changes.snapshot, start, end)
        known = rows is not None and items.properties.get(SWITCHED) == switched_at
        if items.buckets != self._given.buckets:
            self.table.set_buckets(items.buckets, self._given.buckets)
            items = self.table.load()
        known = known and items.current is not None and not self.table.has_other_partitioning(items)
        if known and start == end:
            return None
        columns = [name for name in changes.columns if name not in (OBJECT, TAG)]
        if known:
            written = self._merge_fresh(columns, start, end, items.current, switched_at)
            merged = Merged(rows, *written)
        else:
            if items.properties.get(SWITCHED, switched_at) != switched_at:
                # A run that ends here must not leave items that pass for those of the old cut.
                self.table.remove_property(SWITCHED)
            merged = self._merge_all(columns, end, items.current, switched_at)
        self.table.set_properties({MERGED: str(end), SWITCHED: switched_at})
        return merged

    def _merge_all(self, columns: Sequence[str], end: int, base: int | None, switched_at: str) -> Merged:
        """Rank every item among all its changes."""
        self._roads(packed(self._changes.table.at(end), columns), "rows", switched_at)
        self.table.replace_all(unpacked(self._session.sql(statement("newest", columns=_LISTED))), base)
        state = self.table.load()
        written = state.snapshot(state.current) if state.current is not None else None
        return Merged(None, written.added if written else 0, 0)

    def _merge_fresh(
        self, columns: Sequence[str], start: int, end: int, base: int | None, switched_at: str
    ) -> tuple[int, int]:
        """Rank the items that fresh rows can change, and write their buckets.

        Returns how many items these are, and how many of them are hard.
        """
        sql, changes = self._session.sql, self._changes.table
        with ExitStack() as kept:
            fresh = kept.enter_context(persisted(packed(changes.between(start, end), columns)))
            self._roads(fresh, "fresh", switched_at)
            named(packed(self.table.at(base), columns, (TIES, LEANS)), "stored")
            named(kept.enter_context(persisted(sql(statement("touched")))), "touched")
            named(kept.enter_context(persisted(sql(statement("known", columns=_LISTED)))), "known")
            hard = named(kept.enter_context(persisted(sql(statement("hard")))), "hard").count()
            # Without a hard item the history is not read.
            self._roads(packed(changes.at(end if hard else None), columns), "history", switched_at)
            named(sql(statement("rows", columns=_LISTED)), "rows")
            newest = kept.enter_context(persisted(sql(statement("newest", columns=_LISTED))))
            named(newest, "newest")
            bucket = f"{CATALOG}.system.bucket({self._given.buckets}, change_key)"
            counts = newest.selectExpr(f"{bucket} AS bucket").groupBy("bucket").count().collect()
            if not counts:
                if self.table.load().current != base:
                    raise ConflictError(f"{self.table.name} was merged by another run")
                return 0, 0
            content = sql(
                statement(
                    "buckets",
                    columns=f"{_LISTED}, {TIES}, {LEANS}",
                    buckets=str(self._given.buckets),
                    touched=", ".join(str(row[0]) for row in sorted(counts)),
                )
            )
            self.table.replace_partitions(unpacked(content), base)
            return sum(int(row[1]) for row in counts), hard

    def _roads(self, rows: Any, name: str, switched_at: str) -> Any:
        """The rows as a view, without those of the wrong side of a cut."""
        named(rows, name)
        if switched_at == NO_SWITCH:
            return rows
        return named(self._session.sql(statement("roads", rows=name, switched_at=switched_at)), name)


def packed(frame: Any, columns: Sequence[str], more: Sequence[str] = ()) -> Any:
    """The rows with the columns that the rules read, and the others as one: Spark plans long with 3,000."""
    from pyspark.sql.functions import col, struct  # noqa: PLC0415

    others = [col(f"`{name}`") for name in columns if name not in _READ]
    return frame.select(*_READ, struct(*others).alias(_VALUES), *more)


def unpacked(frame: Any) -> Any:
    """The rows with every column again."""
    return frame.select(*_READ, TIES, LEANS, f"`{_VALUES}`.*")


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
