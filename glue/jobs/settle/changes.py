"""`settled_changes_<name>`: every delivered row once. A row names its object: the table shows what is in."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from settled.names import CHANGES, OBJECT, OWN, OWNER, TAG

from .arguments import Arguments
from .errors import SettleError
from .lake_catalog import LakeCatalog
from .tables import Table, check_columns

ORDER = "change_key, change_time"


def needed_columns(metadata: Sequence[str]) -> dict[str, str]:
    """The table's own columns and their types, in their order; those of items follow."""
    return dict.fromkeys([*metadata, "dt", OBJECT, TAG], "string")


class SettledChanges:
    """The table of one ending."""

    def __init__(self, session: Any, given: Arguments, catalog: LakeCatalog, name: str) -> None:
        self._session, self._given, self._catalog = session, given, catalog
        self.name = name
        self.table = Table(session, given.database, CHANGES + name)

    def open(self, metadata: Sequence[str], found: Iterable[str] = ()) -> None:
        """Create the table or check it, and add the columns that it lacks. Raises SettleError."""
        needed = needed_columns(metadata)
        if not self._catalog.check_owner(self.table.name):
            self.table.create(self._given.bucket, needed, "dt", ORDER, self._given.location)
        have = self.table.columns()
        check_owned(self.table, self._given)
        check_columns(self.table.name, have, needed, ())
        self.table.add_columns(sorted({*found} - {*have} - OWN))

    def already(self, base: int | None, days: Collection[str]) -> set[tuple[str, str]]:
        """The objects of these days that are in, as path and ETag."""
        from pyspark.sql.functions import col  # noqa: PLC0415

        if base is None or not days:
            return set()
        rows = self.table.at(base).where(col("dt").isin(sorted(days))).select(OBJECT, TAG).distinct()
        return {(row[0], row[1]) for row in rows.collect()}

    def remove_rewritten(self, tags: dict[str, str], already: Collection[tuple[str, str]]) -> int:
        """Delete the rows of objects that have another ETag now. Returns how many objects that are."""
        old = sorted(path for path, tag in already if path in tags and tags[path] != tag)
        for path in old:
            text = path.replace("\\", "\\\\").replace("'", "\\'")
            tag = tags[path].replace("'", "")
            self._session.sql(
                f"DELETE FROM {self.table.path} WHERE {OBJECT} = '{text}' AND {TAG} <> '{tag}'"  # noqa: S608
            )
        return len(old)


def check_owned(table: Table, given: Arguments) -> None:
    """Refuse a table of the same name that another lake's job, or a person, has made."""
    if table.properties().get(OWNER) != given.location:
        raise SettleError(
            f"{table.name} is not a table of this lake", "rename or remove it: the next run creates its own"
        )
