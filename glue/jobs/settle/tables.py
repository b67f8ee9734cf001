"""The Iceberg tables: create them, add columns, read snapshots, and commit only on the planned snapshot."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
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
# Rows that the reader of Parquet takes at once: Iceberg's default, and fewer with many columns.
_BATCH_ROWS, _LEAST_BATCH_ROWS, _BATCH_CELLS = 5_000, 50, 500_000
_KINDS = {"long": "bigint"}  # Iceberg's names of types that Spark calls otherwise
BUCKET = re.compile(r"bucket\[(\d+)\]")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot: its operation (append, replace, overwrite, delete), and the rows that it added."""

    id: int
    parent: int | None
    operation: str
    added: int = 0


@dataclass(frozen=True)
class State:
    """A table as one read of the catalog shows it, so that its parts belong together.

    `current` is the id of the current snapshot, None before the first commit. `buckets` is the number of
    buckets of the partitioning by key, 0 for another partitioning.
    """

    columns: dict[str, str]
    properties: dict[str, str]
    current: int | None
    buckets: int
    table: Any  # Iceberg's own interface

    def snapshot(self, identifier: int) -> Snapshot | None:
        """A snapshot; None if it has expired."""
        found = self.table.snapshot(identifier)
        if found is None:
            return None
        parent, added = found.parentId(), found.summary().get("added-records")
        return Snapshot(identifier, parent and int(parent), str(found.operation()), int(added or 0))

    def snapshots(self) -> int:
        """How many snapshots can be read."""
        return len(self.table.snapshots())


class Table:
    """One Iceberg table of the lake, by its name in Glue."""

    def __init__(self, session: Any, database: str, name: str) -> None:
        self._session, self.name = session, name
        self._width = 1  # columns, when the table was loaded last
        self.path = f"{CATALOG}.`{database}`.`{name}`"

    def create(self, bucket: str, columns: dict[str, str], partition: str, owner: str) -> None:
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
        with unless(self.exists):  # another run may create it now
            self._session.sql(
                f"CREATE TABLE IF NOT EXISTS {self.path} ({listed}) USING iceberg PARTITIONED BY "
                f"({partition}) LOCATION 's3://{bucket}/{FOLDER}{self.name}' TBLPROPERTIES ({given})"
            )

    def exists(self) -> bool:
        """Whether the catalog has the table."""
        return bool(self._session.catalog.tableExists(self.path))

    def set_order(self, state: State, order: str) -> None:
        """Have the rows of each file sorted. CREATE TABLE cannot say so."""
        if state.table.sortOrder().isUnsorted():
            with conflicts():
                self._session.sql(
                    f"ALTER TABLE {self.path} WRITE DISTRIBUTED BY PARTITION LOCALLY ORDERED BY {order}"
                )

    def load(self) -> State:
        """The table as it is now, from one read of the catalog."""
        jvm = self._session._jvm
        table = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(
            self._session._jsparkSession,
            self.path,
        )
        schema = json.loads(jvm.org.apache.iceberg.SchemaParser.toJson(table.schema()))
        self._width = max(1, len(schema["fields"]))
        snapshot, fields = table.currentSnapshot(), table.spec().fields()
        bucket = BUCKET.fullmatch(str(fields.get(0).transform().toString())) if len(fields) == 1 else None
        return State(
            {field["name"]: _kind(field["type"]) for field in schema["fields"]},
            dict(table.properties()),
            int(snapshot.snapshotId()) if snapshot else None,
            int(bucket[1]) if bucket else 0,
            table,
        )

    def add_columns(self, names: Iterable[str]) -> None:
        """Append text columns."""
        wanted = list(names)
        listed = ", ".join(f"`{name}` string" for name in wanted)
        if listed:
            with (
                conflicts(),
                unless(lambda: {*wanted} <= {*self.load().columns}),
            ):  # another run may add them now
                self._session.sql(f"ALTER TABLE {self.path} ADD COLUMNS ({listed})")

    def set_properties(self, values: dict[str, str]) -> None:
        """Set properties; the last run to do so wins."""
        with conflicts():
            update = self.load().table.updateProperties()
            for name, value in values.items():
                update = update.set(name, value)
            update.commit()

    def remove_property(self, name: str) -> None:
        """Remove a property."""
        with conflicts():
            self.load().table.updateProperties().remove(name).commit()

    def has_other_partitioning(self, state: State) -> bool:
        """Whether files are left from before the partitioning was changed."""
        if len(state.table.specs()) == 1:
            return False
        now = int(state.table.spec().specId())
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

    def at(self, snapshot: int | None) -> Any:
        """The rows of a snapshot; no rows before the first commit."""
        if snapshot is None:
            return self._session.table(self.path).where("false")
        return self._reader().option("snapshot-id", str(snapshot)).table(self.path)

    def between(self, start: int, end: int) -> Any:
        """The rows that were appended after `start` until `end`."""
        options = {"start-snapshot-id": str(start), "end-snapshot-id": str(end)}
        return self._reader().options(**options).table(self.path)

    def _reader(self) -> Any:
        """A reader whose memory does not grow with the columns: it takes it per column and row of a batch."""
        rows = max(_LEAST_BATCH_ROWS, min(_BATCH_ROWS, _BATCH_CELLS // self._width))
        return self._session.read.option("batch-size", str(rows))

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


def _kind(of: Any) -> str:
    """The type of a column as Spark writes it; a nested type as Iceberg's JSON."""
    return _KINDS.get(of, of) if isinstance(of, str) else json.dumps(of)


def _guarded(writer: Any, base: int | None) -> Any:
    """Without a snapshot to start from, Iceberg validates against everything that was ever committed."""
    writer = writer.option("isolation-level", "serializable")
    return writer if base is None else writer.option("validate-from-snapshot-id", str(base))


@contextmanager
def unless(settled: Callable[[], bool]) -> Iterator[None]:
    """Ignore an error if what was to be done is done: by another run, at the same time."""
    try:
        yield
    except Exception:
        if not settled():
            raise


@contextmanager
def conflicts() -> Iterator[None]:
    """Turn the refusal of a commit into ConflictError."""
    try:
        yield
    except Exception as error:
        if any(name in str(error) for name in _CONFLICTS):
            raise ConflictError(str(error).splitlines()[0][:300]) from None
        raise


def check_columns(name: str, have: dict[str, str], needed: dict[str, str]) -> None:
    """Refuse a table whose columns somebody has changed. Columns besides the `needed` ones are text."""
    wrong = [column for column, kind in needed.items() if have.get(column) != kind]
    wrong += [column for column, kind in have.items() if column not in needed and kind != "string"]
    if wrong:
        raise SettleError(
            f"the table {name} lacks {', '.join(sorted(set(wrong))[:5])} in the type that this job gives it",
            "undo the change (ALTER TABLE), or remove the table: the next run fills it again",
        )
