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
from .tables import Table, check_columns

MAINTAINED = "ddb_lake.maintained"  # when the tables were maintained last
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

    def open(self) -> None:
        """Create the table or check it. Raises SettleError."""
        if not self._catalog.check_owner(self.table.name):
            self.table.create(self._given.bucket, _COLUMNS, "dt", "", self._given.location)
        check_owned(self.table, self._given)
        check_columns(self.table.name, self.table.columns(), _COLUMNS, ())

    def entries(self, days: Collection[str]) -> list[Entry]:
        """The entries of these days."""
        from pyspark.sql.functions import col  # noqa: PLC0415

        if not days:
            return []
        rows = self.table.at(self.table.current()).where(col("dt").between(min(days), max(days)))
        return [Entry(row[0], row[1], row[2]) for row in rows.select(OBJECT, TAG, AT).collect()]

    def add(self, objects: Iterable[RawObject], at: datetime) -> None:
        """Add objects that are settled since `at`."""
        rows = [(one.day, one.path, one.tag, iso(at)) for one in objects]
        if rows:
            frame = self._session.createDataFrame(rows, ", ".join(f"{name} string" for name in _COLUMNS))
            frame.coalesce(1).sortWithinPartitions("dt").writeTo(self.table.path).append()

    def maintained(self) -> datetime | None:
        """When the tables were maintained last."""
        text = self.table.properties().get(MAINTAINED)
        return datetime.fromisoformat(text) if text else None

    def set_maintained(self, at: datetime) -> None:
        """Record that the tables were maintained."""
        self.table.set_properties({MAINTAINED: at.astimezone(UTC).isoformat(timespec="seconds")})
