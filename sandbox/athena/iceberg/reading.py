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
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import NestedField, PrimitiveType

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
        self._footers: dict[str, pq.FileMetaData] = {}

    def scanned_bytes(self, planned: list[PlannedFile]) -> int:
        """The stored bytes of the columns in these files, their footers, and the delete files, whole.

        Not documented for Athena: that manifests are not counted, and a delete file once.
        """
        total = 0
        for one in planned:
            names = self._names(one.file)
            wanted = {names[field_id] for field_id in self._field_ids(one) if field_id in names}
            total += parquet.column_bytes(self._footer(one.file), wanted)
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
        fields = []
        for field_id in ids:
            kind = known.get(field_id) or self._table.earlier_field(field_id)
            if kind is None:
                raise UnsupportedError(
                    f"equality deletes of nested fields (field {field_id})", "Rewrite the table's data files."
                )
            fields.append(NestedField(field_id, _name(field_id), kind))
        return fields

    # -- files ----------------------------------------------------------------------------------------------

    def _body(self, file: DataFile) -> bytes:
        try:
            return self._table.files.read(file.file_path)
        except FileNotFoundError:
            raise _missing(file) from None

    def _footer(self, file: DataFile) -> pq.FileMetaData:
        found = self._footers.get(file.file_path)
        if found is None:
            try:
                found = pq.read_metadata(io.BytesIO(self._body(file)))
            except (pa.ArrowInvalid, OSError):
                raise _invalid(file) from None
            self._footers[file.file_path] = found
        return found

    def _names(self, file: DataFile) -> dict[int, str]:
        """The top-level columns of a file by field id; the name mapping has those of a file without ids."""
        columns = self._footer(file).schema.to_arrow_schema()
        found = {
            int(column.metadata[_FIELD_ID]): column.name
            for column in columns
            if column.metadata and _FIELD_ID in column.metadata
        }
        mapping = self._table.metadata.name_mapping()
        if found or mapping is None:
            return found
        return {
            mapped.field_id: name
            for mapped in mapping.root
            for name in mapped.names
            if mapped.field_id is not None and name in columns.names
        }

    def _scanned(self, file: DataFile, fields: list[NestedField]) -> pa.Table:
        if not fields:
            return pa.table({})
        names = self._names(file)
        try:
            if names and all(isinstance(field.field_type, PrimitiveType) for field in fields):
                return self._flat(file, fields, names)
            scan = ArrowScan(self._table.metadata, self._table.files, Schema(*fields), AlwaysTrue())
            return scan.to_table([FileScanTask(file)])
        except FileNotFoundError:
            raise _missing(file) from None
        except (ResolveError, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            message = f"Malformed Parquet file {file.file_path}: {type(error).__name__}"
            raise QueryError("ICEBERG_BAD_DATA", message) from None
        except (pa.ArrowInvalid, OSError):
            raise _invalid(file) from None

    def _flat(self, file: DataFile, fields: list[NestedField], names: dict[int, str]) -> pa.Table:
        """Columns that are not nested, by the same rules: PyIceberg's scan takes 0.1 s per file of 1,000."""
        opened = pq.ParquetFile(io.BytesIO(self._body(file)), metadata=self._footer(file))
        data = opened.read(columns=[names[field.field_id] for field in fields if field.field_id in names])
        spec = self._table.metadata.specs()[file.spec_id]
        of_partition = {
            field.source_id: file.partition[at]
            for at, field in enumerate(spec.fields)
            if isinstance(field.transform, IdentityTransform)
        }
        columns = {}
        for field in fields:
            kind = schema_to_pyarrow(field.field_type)
            if field.field_id in names:
                columns[field.name] = data.column(names[field.field_id])
            elif of_partition.get(field.field_id) is not None:
                value = pa.scalar(of_partition[field.field_id], kind)
                columns[field.name] = pa.chunked_array([pa.repeat(value, opened.metadata.num_rows)])
            else:
                columns[field.name] = pa.chunked_array([pa.nulls(opened.metadata.num_rows, kind)])
        return pa.table(columns)

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
            try:
                table = pq.read_table(io.BytesIO(self._body(delete)), columns=["file_path", "pos"])
            except (pa.ArrowInvalid, OSError):
                raise _invalid(delete) from None
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
        wanted = arrow_type(kind)
        if values.type != wanted or kind.base not in ("varchar", "bigint", "integer", "boolean", "double"):
            values = values.cast(arrow_type(kind, "ms")).cast(wanted)
        cast = values.combine_chunks()
    except pa.ArrowInvalid:
        raise UnsupportedError(
            f"the values of column {name}: a timestamp has more than three digits of a second",
            "Do not name the column, or write milliseconds.",
        ) from None
    return cast if isinstance(cast, pa.Array) else pa.concat_arrays(cast.chunks)
