"""`settled_objects`: the raw objects whose rows are in both tables of each pair."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from settled.names import AT, OBJECT, OBJECTS, TAG

from .arguments import Arguments
from .changes import check_owned
from .lake_catalog import LakeCatalog, iso
from .objects import RawObject
from .tables import Table, check_columns, conflicts

MAINTAINED = "ddb_lake.maintained"  # when the tables were maintained last
TABLES = "ddb_lake.source_tables"  # the DynamoDB tables that are settled, separated by commas; empty for all
PAIRS = "ddb_lake.pairs"  # the endings of the pairs that the index counts for, separated by commas
_COLUMNS = dict.fromkeys(("dt", OBJECT, TAG, AT), "string")


@dataclass(frozen=True)
class Entry:
    """One object of the index."""

    path: str
    tag: str
    at: str


class SettledObjects:
    """The index of one lake. An entry that is there twice, or missing, only costs time."""

    def __init__(self, session: Any, given: Arguments, catalog: LakeCatalog) -> None:
        self._session, self._given, self._catalog = session, given, catalog
        self.table = Table(session, given.database, OBJECTS)
        self.maintained: datetime | None = None  # when the tables were maintained last
        self.pairs: set[str] = set()

    def open(self) -> None:
        """Create the table or check it. Raises SettleError.

        The index counts for the tables that were settled: when there are more of them, it begins anew.
        """
        if not self._catalog.check_owner(self.table.name):
            self.table.create(self._given.bucket, _COLUMNS, "dt", self._given.location)
        state = self.table.load()
        check_owned(self.table.name, state, self._given)
        check_columns(self.table.name, state.columns, _COLUMNS)
        self.maintained = _moment(state.properties.get(MAINTAINED))
        self.pairs = {*state.properties.get(PAIRS, "").split(",")} - {""}
        before, now = state.properties.get(TABLES), ",".join(sorted(self._given.tables))
        if before != now:
            if before and not covers(before, now):
                self.clear()
            self.table.set_properties({TABLES: now})

    def record_pairs(self, names: set[str]) -> None:
        """Record for which pairs the index counts, before the first row of a pair is appended."""
        if names != self.pairs:
            self.table.set_properties({PAIRS: ",".join(sorted(names))})
            self.pairs = {*names}

    def clear(self) -> None:
        """Forget every object. The next run takes in what is missing, and nothing twice."""
        with conflicts():
            self._session.sql(f"DELETE FROM {self.table.path}")  # noqa: S608

    def entries(self, days: Collection[str]) -> dict[str, Entry]:
        """The last entry of each object of these days, by path."""
        from pyspark.sql.functions import col  # noqa: PLC0415

        if not days:
            return {}
        rows = self._session.table(self.table.path).where(col("dt").between(min(days), max(days)))
        found = (Entry(row[0], row[1], row[2]) for row in rows.select(OBJECT, TAG, AT).collect())
        return last_entries(found)

    def add(self, objects: Iterable[RawObject], at: datetime) -> None:
        """Add objects that are settled since `at`."""
        rows = [(one.day, one.path, one.tag, iso(at)) for one in objects]
        if rows:
            frame = self._session.createDataFrame(rows, ", ".join(f"{name} string" for name in _COLUMNS))
            frame.coalesce(1).sortWithinPartitions("dt").writeTo(self.table.path).append()

    def set_maintained(self, at: datetime) -> None:
        """Record that the tables were maintained."""
        self.table.set_properties({MAINTAINED: at.astimezone(UTC).isoformat(timespec="seconds")})


def covers(before: str, now: str) -> bool:
    """Whether an index for the tables `before` counts for the tables `now`, both as in the property."""
    return not before or (bool(now) and {*now.split(",")} <= {*before.split(",")})


def last_entries(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The last entry of each object: an earlier content may have been restored."""
    last: dict[str, Entry] = {}
    for entry in entries:
        if entry.path not in last or entry.at > last[entry.path].at:
            last[entry.path] = entry
    return last


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
