"""The Iceberg tables: create them, add columns, read snapshots, and commit only on the planned snapshot."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from settled.names import FOLDER, OWNER

from .errors import ConflictError, SettleError
from .session import CATALOG

# Exceptions of Iceberg with which a commit is refused because another one came first.
_CONFLICTS = ("ValidationException", "CommitFailedException")
# Every `change_key` begins with {"pk":{"S":" or the like: the default of 16 characters tells nothing apart.
_STATISTICS = {
    "write.metadata.metrics.column.change_key": "truncate(64)",
    "write.metadata.metrics.column.change_time": "full",
}
BUCKET = re.compile(r"bucket\[(\d+)\]")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a table: its id, its parent, and what it did (append, replace, overwrite, delete)."""

    id: int
    parent: int | None
    operation: str


class Table:
    """One Iceberg table of the lake, by its name in Glue."""

    def __init__(self, session: Any, database: str, name: str) -> None:
        self._session, self.name = session, name
        self.path = f"{CATALOG}.`{database}`.`{name}`"

    def create(self, bucket: str, columns: dict[str, str], partition: str, order: str, owner: str) -> None:
        """Create the table if it does not exist."""
        listed = ", ".join(f"`{column}` {kind}" for column, kind in columns.items())
        properties = {
            OWNER: owner,
            "format-version": "2",
            "write.parquet.compression-codec": "zstd",
            "write.metadata.delete-after-commit.enabled": "true",
            "write.metadata.previous-versions-max": "20",
        }
        if "change_key" in columns:
            properties |= _STATISTICS
        given = ", ".join(f"'{name}' = '{value}'" for name, value in properties.items())
        self._session.sql(
            f"CREATE TABLE IF NOT EXISTS {self.path} ({listed}) USING iceberg PARTITIONED BY ({partition}) "
            f"LOCATION 's3://{bucket}/{FOLDER}{self.name}' TBLPROPERTIES ({given})"
        )
        if order:
            self._session.sql(
                f"ALTER TABLE {self.path} WRITE DISTRIBUTED BY PARTITION LOCALLY ORDERED BY {order}"
            )

    def columns(self) -> dict[str, str]:
        """The columns and their types, in their order."""
        return {field.name: field.dataType.simpleString() for field in self._session.table(self.path).schema}

    def add_columns(self, names: Iterable[str]) -> None:
        """Append text columns."""
        listed = ", ".join(f"`{name}` string" for name in names)
        if listed:
            with conflicts():
                self._session.sql(f"ALTER TABLE {self.path} ADD COLUMNS ({listed})")

    def properties(self) -> dict[str, str]:
        """The table's properties."""
        return {row[0]: row[1] for row in self._session.sql(f"SHOW TBLPROPERTIES {self.path}").collect()}

    def set_properties(self, values: dict[str, str]) -> None:
        """Set properties; the last run to do so wins."""
        given = ", ".join(f"'{name}' = '{value}'" for name, value in values.items())
        with conflicts():
            self._session.sql(f"ALTER TABLE {self.path} SET TBLPROPERTIES ({given})")

    def current(self) -> int | None:
        """The id of the current snapshot; None before the first commit."""
        rows = self._session.sql(
            f"SELECT snapshot_id FROM {self.path}.refs WHERE name = 'main'"  # noqa: S608
        ).collect()
        return int(rows[0][0]) if rows else None

    def snapshots(self) -> dict[int, Snapshot]:
        """The snapshots that can be read, by id."""
        rows = self._session.sql(
            f"SELECT snapshot_id, parent_id, operation FROM {self.path}.snapshots"  # noqa: S608
        ).collect()
        return {int(row[0]): Snapshot(int(row[0]), row[1] and int(row[1]), str(row[2])) for row in rows}

    def buckets(self) -> int:
        """The number of buckets of the partitioning by key; 0 if it is another one."""
        field = BUCKET.fullmatch(str(self._java().spec().fields().get(0).transform().toString()))
        return int(field[1]) if field else 0

    def has_other_partitioning(self) -> bool:
        """Whether files are left from before the partitioning was changed."""
        now = int(self._java().spec().specId())
        files = self._session.sql(f"SELECT DISTINCT spec_id FROM {self.path}.files").collect()  # noqa: S608
        return any(int(row[0]) != now for row in files)

    def set_buckets(self, before: int, after: int) -> None:
        """Change the number of buckets of rows to come."""
        field = "bucket({}, change_key)"
        with conflicts():
            self._session.sql(
                f"ALTER TABLE {self.path} REPLACE PARTITION FIELD {field.format(before)} "
                f"WITH {field.format(after)}"
            )

    def _java(self) -> Any:
        """The table in Iceberg's own interface."""
        util = self._session._jvm.org.apache.iceberg.spark.Spark3Util
        return util.loadIcebergTable(self._session._jsparkSession, self.path)

    def at(self, snapshot: int | None) -> Any:
        """The rows of a snapshot; no rows before the first commit."""
        if snapshot is None:
            return self._session.table(self.path).where("false")
        return self._session.read.option("snapshot-id", str(snapshot)).table(self.path)

    def between(self, start: int, end: int) -> Any:
        """The rows that were appended after `start` until `end`."""
        reader = self._session.read.option("start-snapshot-id", str(start)).option(
            "end-snapshot-id", str(end)
        )
        return reader.table(self.path)

    def append(self, rows: Any, base: int | None) -> None:
        """Append rows, unless the table has changed since `base`. Raises ConflictError."""
        from pyspark.sql.functions import lit  # noqa: PLC0415

        with conflicts():
            _guarded(rows.writeTo(self.path), base).overwrite(lit(False))

    def replace_partitions(self, rows: Any, base: int | None) -> None:
        """Replace the partitions of these rows, unless they changed since `base`. Raises ConflictError."""
        with conflicts():
            _guarded(rows.writeTo(self.path), base).overwritePartitions()

    def replace_all(self, rows: Any, base: int | None) -> None:
        """Replace every row, unless the table has changed since `base`. Raises ConflictError."""
        from pyspark.sql.functions import lit  # noqa: PLC0415

        with conflicts():
            _guarded(rows.writeTo(self.path), base).overwrite(lit(True))


def _guarded(writer: Any, base: int | None) -> Any:
    """Without a snapshot to start from, Iceberg validates against everything that was ever committed."""
    writer = writer.option("isolation-level", "serializable")
    return writer if base is None else writer.option("validate-from-snapshot-id", str(base))


@contextmanager
def conflicts() -> Iterator[None]:
    """Turn the refusal of a commit into ConflictError."""
    try:
        yield
    except Exception as error:
        if any(name in str(error) for name in _CONFLICTS):
            raise ConflictError(str(error).splitlines()[0][:300]) from None
        raise


def check_columns(name: str, have: dict[str, str], needed: dict[str, str], text: Sequence[str]) -> None:
    """Refuse a table whose columns somebody has changed. `text` are the columns of items."""
    wrong = [column for column, kind in needed.items() if have.get(column) != kind]
    wrong += [column for column in text if have.get(column, "string") != "string"]
    wrong += [column for column in have if column not in needed and have[column] != "string"]
    if wrong:
        raise SettleError(
            f"the table {name} has another type for {', '.join(sorted(set(wrong))[:5])} than it had",
            "undo the change with ALTER TABLE, or drop the table: the next run creates it again",
        )
