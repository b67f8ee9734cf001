"""Data files to columns: fields found by id, deleted rows left out, and the bytes of what was read.

Source: Iceberg table spec, "Column Projection", "Position Delete Files" and "Equality Delete Files".
PyIceberg resolves fields, also nested ones, by their ids; a field that a file lacks is NULL, or the value of
its partition.
"""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import ResolveError
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask
from pyiceberg.types import NestedField

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.formats import parquet
from sandbox.athena.iceberg.planning import PlannedFile
from sandbox.athena.iceberg.table import IcebergTable
from sandbox.athena.iceberg.types import arrow_type
from sandbox.athena.sql.trino_types import Type

_FIELD_ID = b"PARQUET:field_id"


class Reader:
    """Reads columns of a table's files; each delete file is read once."""

    def __init__(self, table: IcebergTable, columns: list[str]) -> None:
        """`columns` are names in lower case."""
        self._table = table
        self._columns = columns
        kinds, _ = table.types()
        self._kinds = {name: kinds[name] for name in columns}
        self._positions: dict[str, dict[str, Any]] = {}
        self._values: dict[str, set[tuple[Any, ...]]] = {}

    def scanned_bytes(self, planned: list[PlannedFile]) -> int:
        """The stored bytes of the columns in these files, their footers, and the delete files, whole.

        Not documented for Athena: that manifests are not counted, and a delete file once.
        """
        total = 0
        for one in planned:
            file, wanted = self._opened(one.file), self._field_ids(one)
            names = [
                field.name
                for field in file.schema_arrow
                if int((field.metadata or {}).get(_FIELD_ID, b"-1")) in wanted
            ]
            total += parquet.column_bytes(file, set(names))
        deletes = {
            file.file_path: file.file_size_in_bytes
            for one in planned
            for file in (*one.position_deletes, *one.equality_deletes)
        }
        return total + sum(deletes.values())

    def read(self, one: PlannedFile) -> tuple[int, dict[str, pa.Array]]:
        """A file's number of rows that are not deleted, and their columns by name."""
        rows = int(one.file.record_count)
        fields = self._fields(self._field_ids(one))
        data = self._scanned(one.file, fields)
        if fields and data.num_rows != rows:
            raise QueryError(
                "ICEBERG_BAD_DATA", f"{one.path} has {data.num_rows} rows; its manifest says {rows}"
            )
        kept = self._kept(one, rows, data)
        if kept is not None:
            rows = int(kept.sum())
            data = data.filter(pa.array(kept)) if fields else data
        return rows, {
            name: _column(data.column(_name(self._table.columns[name].field_id)), kind, name)
            for name, kind in self._kinds.items()
        }

    # -- fields ---------------------------------------------------------------------------------------------

    def _field_ids(self, one: PlannedFile) -> list[int]:
        """The fields to read: the query's columns, and what equality deletes compare."""
        ids = [self._table.columns[name].field_id for name in self._columns]
        for delete in one.equality_deletes:
            ids += [field_id for field_id in delete.equality_ids or [] if field_id not in ids]
        return ids

    def _fields(self, ids: list[int]) -> list[NestedField]:
        known = {column.field_id: column.kind for column in self._table.columns.values()}
        for schema in self._table.metadata.schemas:  # an equality delete may name a column dropped since
            for field in schema.fields:
                known.setdefault(field.field_id, field.field_type)
        lost = [field_id for field_id in ids if field_id not in known]
        if lost:
            raise UnsupportedError(
                f"equality deletes of nested fields (field {lost[0]})", "Rewrite the table's data files."
            )
        return [NestedField(field_id, _name(field_id), known[field_id]) for field_id in ids]

    # -- files ----------------------------------------------------------------------------------------------

    def _body(self, file: DataFile) -> bytes:
        try:
            return self._table.files.read(file.file_path)
        except FileNotFoundError:
            raise _missing(file) from None

    def _opened(self, file: DataFile) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(io.BytesIO(self._body(file)))
        except (pa.ArrowInvalid, OSError):
            raise _invalid(file) from None

    def _scanned(self, file: DataFile, fields: list[NestedField]) -> pa.Table:
        if not fields:
            return pa.table({})
        scan = ArrowScan(self._table.metadata, self._table.files, Schema(*fields), AlwaysTrue())
        try:
            return scan.to_table([FileScanTask(file)])
        except FileNotFoundError:
            raise _missing(file) from None
        except (ResolveError, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            message = f"Malformed Parquet file {file.file_path}: {type(error).__name__}"
            raise QueryError("ICEBERG_BAD_DATA", message) from None
        except (pa.ArrowInvalid, OSError):
            raise _invalid(file) from None

    # -- deletes --------------------------------------------------------------------------------------------

    def _kept(self, one: PlannedFile, rows: int, data: pa.Table) -> Any:
        """Which rows are not deleted, as a boolean array; None when no delete file applies."""
        if not one.position_deletes and not one.equality_deletes:
            return None
        kept = np.ones(rows, dtype=bool)
        for delete in one.position_deletes:
            at = self._deleted_positions(delete).get(one.path)
            if at is not None:
                kept[at] = False
        for delete in one.equality_deletes:
            names = [_name(field_id) for field_id in delete.equality_ids or []]
            deleted = self._deleted_values(delete, names)
            here = zip(*(data.column(name).to_pylist() for name in names), strict=True)
            kept &= np.fromiter((values not in deleted for values in here), dtype=bool, count=rows)
        return kept

    def _deleted_positions(self, delete: DataFile) -> dict[str, Any]:
        """The positions in a delete file by the address of the data file."""
        found = self._positions.get(delete.file_path)
        if found is None:
            table = self._opened(delete).read(columns=["file_path", "pos"])
            paths = table.column("file_path").to_pylist()
            positions = table.column("pos").to_numpy()
            at: dict[str, list[int]] = {}
            for path, position in zip(paths, positions, strict=True):
                at.setdefault(path, []).append(int(position))
            found = {path: np.array(values, dtype=np.int64) for path, values in at.items()}
            self._positions[delete.file_path] = found
        return found

    def _deleted_values(self, delete: DataFile, names: list[str]) -> set[tuple[Any, ...]]:
        """The values in an equality delete file; NULL equals NULL here."""
        found = self._values.get(delete.file_path)
        if found is None:
            table = self._scanned(delete, self._fields(list(delete.equality_ids or [])))
            found = set(zip(*(table.column(name).to_pylist() for name in names), strict=True))
            self._values[delete.file_path] = found
        return found


def _name(field_id: int) -> str:
    return f"f{field_id}"  # names of columns may contain anything


def _missing(file: DataFile) -> QueryError:
    return QueryError(
        "ICEBERG_CANNOT_OPEN_SPLIT",
        f"Error opening Iceberg split {file.file_path}: the file does not exist. If its snapshot expired "
        "meanwhile, run the query again",
    )


def _invalid(file: DataFile) -> QueryError:
    return QueryError("ICEBERG_BAD_DATA", f"Not valid Parquet file: {file.file_path}")


def _column(values: pa.ChunkedArray, kind: Type, name: str) -> pa.Array:
    """A column in the engine's type. Raises `UnsupportedError` for a time with more than milliseconds."""
    try:
        cast = values.cast(arrow_type(kind, "ms")).cast(arrow_type(kind)).combine_chunks()
    except pa.ArrowInvalid:
        raise UnsupportedError(
            f"the values of column {name}: a timestamp has more than three digits of a second",
            "Do not name the column, or write milliseconds.",
        ) from None
    return cast if isinstance(cast, pa.Array) else pa.concat_arrays(cast.chunks)
