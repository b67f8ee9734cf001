"""From the objects of a Glue table to columns: objects, lines, and an Arrow array per column.

An object is parsed once per column. Parsed columns stay in a cache with a limit in bytes, by the object's
ETag, so that a second query over the same lake reads no JSON.
"""

import gzip
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from sandbox.athena.engine.projection import Partition
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.formats import parquet
from sandbox.athena.formats.hive_types import HiveType, parse_type
from sandbox.athena.formats.json_lines import JSON_SERDES, parse_lines
from sandbox.athena.formats.lazy_simple import DELIMITERS, LAZY_SIMPLE_SERDE, parse_fields
from sandbox.athena.formats.openx import Literal, text_of
from sandbox.athena.locations import split_location
from sandbox.athena.ports import GlueTable, Store, StoredObject

HIDDEN_COLUMNS = {
    "$path": pa.string(),
    "$file_size": pa.int64(),
    "$file_modified_time": pa.timestamp("ms", tz="UTC"),
}
# A partitioned table has a second table with its partitions (Athena User Guide, "List partitions
# for a specific table").
PARTITIONS = "$partitions"
CACHE_BYTES = 128 * 1024 * 1024


class Table:
    """A Glue table for the engine; `columns` and `partition_columns` by lower-case name, in order."""

    def __init__(self, database: str, definition: GlueTable) -> None:
        self.database = database
        self.definition = definition
        self.name = str(definition["Name"]).lower()
        descriptor = definition.get("StorageDescriptor") or {}
        self.columns = {str(c["Name"]).lower(): parse_type(str(c["Type"])) for c in data_columns(definition)}
        self.partition_columns = {
            str(c["Name"]).lower(): parse_type(str(c["Type"])) for c in definition.get("PartitionKeys") or []
        }
        serde = descriptor.get("SerdeInfo") or {}
        self.serde = str(serde.get("SerializationLibrary") or "")
        parameters = {**(definition.get("Parameters") or {}), **(serde.get("Parameters") or {})}
        self.properties = {str(k).lower(): str(v) for k, v in parameters.items()}
        self.location = str(descriptor.get("Location") or "")

    @property
    def ignores_malformed(self) -> bool:
        """Whether a malformed line is a row of NULLs instead of an error."""
        return self.properties.get("ignore.malformed.json", "false").lower() == "true"

    def all_columns(self) -> dict[str, HiveType]:
        """The columns of `SELECT *` in order: data columns, then partition columns."""
        return {**self.columns, **self.partition_columns}


def data_columns(definition: GlueTable) -> list[dict[str, Any]]:
    """The columns of a Glue table but its partition columns.

    Iceberg leaves columns of earlier schemas in the catalog, with a parameter that says so (Apache Iceberg,
    `IcebergToGlueConverter`).
    """
    listed = (definition.get("StorageDescriptor") or {}).get("Columns") or []
    return [
        dict(column)
        for column in listed
        if (column.get("Parameters") or {}).get("iceberg.field.current", "true") == "true"
    ]


def visible(relative_key: str) -> bool:
    """False for a name that starts with `_` or `.`: Athena ignores it (Athena User Guide), and Trino too."""
    return not any(part.startswith(("_", ".")) for part in relative_key.split("/") if part)


def list_partition_objects(
    store: Store, partitions: Iterable[Partition], root: str
) -> list[tuple[StoredObject, Partition]]:
    """The visible, non-empty objects of these partitions, each with its partition.

    Partitions under the table's own root are found with one listing, not one per folder.
    """
    by_location = {partition.location.rstrip("/") + "/": partition for partition in partitions}
    if not by_location:
        return []
    bucket, prefix = split_location(root) if root else ("", "")
    inside = bool(root) and all(location.startswith(root.rstrip("/") + "/") for location in by_location)
    if not inside or len(by_location) <= 4:
        found = []
        for location, partition in by_location.items():
            bucket, prefix = split_location(location)
            found += [
                (stored, partition)
                for stored in store.list_objects(bucket, prefix)
                if stored.size and visible(stored.key[len(prefix) :])
            ]
        return found
    prefix = prefix.rstrip("/") + "/" if prefix else ""
    found = []
    for stored in store.list_objects(bucket, prefix):
        folder = stored.path
        while folder and stored.size and visible(stored.key[len(prefix) :]):
            folder = folder[: folder.rstrip("/").rfind("/") + 1]
            if len(folder) <= len("s3://") + len(bucket):
                break
            if folder in by_location:
                found.append((stored, by_location[folder]))
                break
    return found


class ColumnCache:
    """Parsed columns by (object, table reading); the least recently used are dropped first."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._cached_bytes = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[Any, ...], tuple[int, dict[str, pa.Array], int]] = OrderedDict()

    def get(self, key: tuple[Any, ...]) -> tuple[int, dict[str, pa.Array]] | None:
        """The number of rows and the cached columns of an object, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0], dict(entry[1])

    def put(self, key: tuple[Any, ...], rows: int, columns: dict[str, pa.Array]) -> None:
        """Cache these columns; the least recently used ones are dropped."""
        size = sum(column.nbytes for column in columns.values()) + 1_000
        with self._lock:
            if key in self._entries:
                self._cached_bytes -= self._entries.pop(key)[2]
            if size > self._limit:
                return
            self._entries[key] = (rows, columns, size)
            self._cached_bytes += size
            while self._cached_bytes > self._limit:
                self._cached_bytes -= self._entries.popitem(last=False)[1][2]


def scanned_bytes(table: Table, stored: StoredObject, columns: list[str], store: Store) -> int:
    """The stored bytes that Athena counts for reading these columns of an object."""
    if table.serde == parquet.SERDE:
        return parquet.scanned_bytes(stored, [name for name in columns if name in table.columns], store)
    return stored.size


def read_object(
    table: Table, stored: StoredObject, columns: list[str], store: Store, cache: ColumnCache
) -> tuple[int, dict[str, pa.Array]]:
    """The object's number of rows, and these data columns.

    A JSON array fills the columns a statement reads by position, so its values do not belong to a column: an
    object with such a line is parsed again for every statement.
    """
    if table.serde == parquet.SERDE:
        return parquet.read(stored, {name: table.columns[name] for name in columns}, store)
    if table.serde not in (*JSON_SERDES, LAZY_SIMPLE_SERDE):
        raise UnsupportedError(
            f"the SerDe {table.serde or '(none)'}", "Use a SerDe for JSON, delimited text or Parquet."
        )
    reading = (
        table.serde,
        table.ignores_malformed,
        tuple(table.properties.get(name) for name in DELIMITERS),
        tuple((name, table.columns[name].text) for name in table.columns),
    )
    key = (stored.bucket, stored.key, stored.etag, stored.size, hash(reading))
    rows, known = cache.get(key) or (-1, {})
    missing = [name for name in columns if name not in known]
    if missing or rows < 0:
        lines = _lines(store.read(stored), stored.key)
        rows = len(lines)
        if missing and table.serde == LAZY_SIMPLE_SERDE:
            known.update(parse_fields(lines, table.columns, missing, table.properties))
        elif missing:  # COUNT(*) reads no JSON: every line is a row, a malformed one a row of NULLs
            positional = any(line.lstrip().startswith(b"[") for line in lines)
            wanted = {name: table.columns[name] for name in (columns if positional else missing)}
            known.update(parse_lines(lines, wanted, table.ignores_malformed))
            if positional:
                return rows, known
        cache.put(key, rows, known)
    else:  # cached by another caller's query: this caller's permissions still decide
        store.require_read(stored)
    return rows, {name: known[name] for name in columns}


def _lines(body: bytes, key: str) -> list[bytes]:
    """The object's lines; its name alone determines the compression, as in Hive.

    Seen on Trino 435: a byte order mark before the first line is skipped, and a line also ends at `\\r`.
    """
    if key.endswith(".gz"):
        if body and not body.startswith(b"\x1f\x8b"):
            raise QueryError("HIVE_CANNOT_OPEN_SPLIT", f"Error opening Hive split {key}: not in GZIP format")
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise QueryError(
                "HIVE_CURSOR_ERROR", f"Failed to read file: {key}: {type(error).__name__}"
            ) from None
    elif key.endswith((".bz2", ".zst", ".snappy", ".lz4", ".lzo", ".deflate")):
        raise UnsupportedError(
            f"the compression of .{key.rsplit('.', 1)[1]} files",
            "Write the objects with GZIP or uncompressed.",
        )
    body = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = body.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


def scan(
    table: Table,
    found: list[tuple[StoredObject, Partition]],
    store: Store,
    *,
    columns: list[str],
    hidden: list[str],
    cache: ColumnCache,
    check: Callable[[], None],
) -> pa.Table:
    """The named columns of these objects; `check` is called between objects and may raise an exception."""
    data = [name for name in columns if name in table.columns]
    schema = pa.schema(
        [(name, table.columns[name].arrow) for name in data]
        + [(name, kind.arrow) for name, kind in table.partition_columns.items()]
        + [(name, HIDDEN_COLUMNS[name]) for name in hidden]
    )
    batches = []
    for stored, partition in found:
        check()
        rows, arrays = read_object(table, stored, data, store, cache)
        values = dict(partition.values)
        row: list[pa.Array] = [arrays[name] for name in data]
        row += [
            constant(partition_value(values[n], t), t.arrow, rows) for n, t in table.partition_columns.items()
        ]
        row += [constant(hidden_value(name, stored), HIDDEN_COLUMNS[name], rows) for name in hidden]
        batches.append(pa.RecordBatch.from_arrays(row, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def partition_rows(table: Table, partitions: list[Partition]) -> pa.Table:
    """The values of these partitions, one row each."""
    rows = [dict(partition.values) for partition in partitions]
    return pa.table(
        {
            name: pa.array([partition_value(row[name], kind) for row in rows], type=kind.arrow)
            for name, kind in table.partition_columns.items()
        }
    )


def partition_value(text: str, hive: HiveType) -> Any:
    """A folder's value in its column's type."""
    if text == "__HIVE_DEFAULT_PARTITION__":
        return None
    return hive.decode(Literal(text)) if hive.decode is not text_of else text


def constant(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    """A column of one value."""
    return pa.repeat(pa.scalar(value, type=kind), rows)


def hidden_value(name: str, stored: StoredObject) -> Any:
    """The value of a hidden column in every row of an object."""
    if name == "$path":
        return stored.path
    if name == "$file_size":
        return stored.size
    return pa.scalar(stored.modified).cast(HIDDEN_COLUMNS[name])
