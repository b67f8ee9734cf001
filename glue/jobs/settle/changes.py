"""`settled_changes_<name>`: every delivered row once. A row names its object: the table shows what is in."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from settled.names import CHANGES, OBJECT, OWN, OWNER, TAG

from .arguments import Arguments
from .errors import SettleError
from .lake_catalog import LakeCatalog
from .tables import State, Table, check_columns, conflicts

ORDER = "change_key, change_time"
_MOST_CONDITIONS = 200  # in one DELETE


def needed_columns(metadata: Sequence[str]) -> dict[str, str]:
    """The table's own columns and their types, in their order; those of items follow."""
    return dict.fromkeys([*metadata, "dt", OBJECT, TAG], "string")


class SettledChanges:
    """The table of one ending."""

    def __init__(self, session: Any, given: Arguments, catalog: LakeCatalog, name: str) -> None:
        self._session, self._given, self._catalog = session, given, catalog
        self.name = name
        self.table = Table(session, given.database, CHANGES + name)

    def open(self, metadata: Sequence[str], found: Iterable[str] = (), shown: Iterable[str] = ()) -> State:
        """Create the table or check it, and add the columns that rows have. Raises SettleError.

        :param found: the columns of items that rows have
        :param shown: those that views show already. A new table has them: a view over settled tables has no
            other columns, so the view would lose one in which no row has a value yet
        """
        needed = needed_columns(metadata)
        if not self._catalog.check_owner(self.table.name):
            columns = needed | dict.fromkeys(sorted({*shown} - {*needed}), "string")
            self.table.create(self._given.bucket, columns, "dt", self._given.location)
        state = self.table.load()
        check_owned(self.table.name, state, self._given)
        check_columns(self.table.name, state.columns, needed)
        self.table.set_order(state, ORDER)
        missing = sorted({*found} - {*state.columns} - OWN)
        if not missing:
            return state
        self.table.add_columns(missing)
        return self.table.load()

    def already(self, base: int | None, days: Collection[str]) -> set[tuple[str, str]]:
        """The objects of these days that are in, as path and ETag."""
        from pyspark.sql.functions import col  # noqa: PLC0415

        if base is None or not days:
            return set()
        rows = self.table.at(base).where(col("dt").isin(sorted(days))).select(OBJECT, TAG).distinct()
        return {(row[0], row[1]) for row in rows.collect()}

    def remove(self, objects: Iterable[tuple[str, str]]) -> None:
        """Delete the rows of these objects, given as path and ETag. Rows of another ETag stay."""
        texts = [f"({OBJECT} = {_text(path)} AND {TAG} = {_text(tag)})" for path, tag in sorted(objects)]
        for start in range(0, len(texts), _MOST_CONDITIONS):
            listed = " OR ".join(texts[start : start + _MOST_CONDITIONS])
            with conflicts():
                self._session.sql(f"DELETE FROM {self.table.path} WHERE {listed}")  # noqa: S608


def _text(value: str) -> str:
    """A text literal in Spark's dialect."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def check_owned(name: str, state: State, given: Arguments) -> None:
    """Refuse a table of the same name that another lake's job, or a person, has made."""
    if state.properties.get(OWNER) != given.location:
        raise SettleError(
            f"{name} is not a table of this lake", "rename or remove it: the next run creates its own"
        )
