"""Parquet objects: only the columns in a statement are read and counted as scanned.

AWS fact: for columnar formats Athena reads, and bills, the columns that a query needs (Athena user guide,
"Use columnar storage formats"; Athena pricing). Trino reads the footer and
these column chunks. Row groups that statistics exclude are read here.
"""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.athena.errors import QueryError
from sandbox.athena.formats.hive_types import HiveType
from sandbox.athena.ports import Store, StoredObject

SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_TAIL = 8  # the footer's length and the magic number


def _opened(stored: StoredObject, store: Store) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(io.BytesIO(store.read(stored)))
    except (pa.ArrowInvalid, OSError):
        raise QueryError("HIVE_BAD_DATA", f"Not valid Parquet file: {stored.path}") from None


def _names(file: pq.ParquetFile) -> dict[str, str]:
    """The file's columns by lower-case name."""
    return {name.lower(): name for name in file.schema_arrow.names}


def scanned_bytes(stored: StoredObject, columns: list[str], store: Store) -> int:
    """The stored bytes of these columns: their chunks in every row group, and the footer."""
    file = _opened(stored, store)
    names = _names(file)
    return column_bytes(file.metadata, {names[name] for name in columns if name in names})


def column_bytes(metadata: pq.FileMetaData, names: set[str]) -> int:
    """The stored bytes of the columns with these names in a file, and of its footer."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    data = sum(chunk.total_compressed_size for chunk in chunks if _belongs(chunk.path_in_schema, names))
    return int(data) + int(metadata.serialized_size) + _TAIL


def _belongs(path: str, names: set[str]) -> bool:
    """Whether a chunk is of one of these columns: a nested one's path continues after the column's name."""
    return path in names or any(path[:at] in names for at, char in enumerate(path) if char == ".")


def read(stored: StoredObject, columns: dict[str, HiveType], store: Store) -> tuple[int, dict[str, pa.Array]]:
    """The object's number of rows, and these columns by name; missing ones are NULL."""
    file = _opened(stored, store)
    rows, names = int(file.metadata.num_rows), _names(file)
    data = file.read(columns=[names[name] for name in columns if name in names])
    found: dict[str, pa.Array] = {}
    for name, hive in columns.items():
        if name not in names:
            found[name] = pa.nulls(rows, hive.arrow)
            continue
        try:
            column = data.column(names[name]).cast(hive.arrow).combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            message = f"Malformed Parquet file. Field {name}'s type in the file does not fit {hive.text}"
            raise QueryError("HIVE_BAD_DATA", message) from None
        found[name] = column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)
    return rows, found
