"""The metadata tables of an Iceberg table: `"t$snapshots"`, `"t$files"` and others.

Sources: Athena user guide, "Query Iceberg table metadata", for the names; Trino documentation, "Iceberg
connector", "Metadata tables", for the columns. Athena's columns are not documented.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile, DataFileContent, PartitionFieldSummary
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import IcebergType, NestedField, PrimitiveType

from sandbox.athena.errors import UnsupportedError
from sandbox.athena.iceberg.planning import live_files, manifests_of
from sandbox.athena.iceberg.table import IcebergTable
from sandbox.athena.iceberg.types import arrow_type, trino_type
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.trino_types import Type

_COUNTS = t.map_of(t.INTEGER, t.BIGINT)
_BOUNDS = t.map_of(t.INTEGER, t.VARCHAR)
_SUMMARY = t.row_of(
    [t.BOOLEAN, t.BOOLEAN, t.VARCHAR, t.VARCHAR],
    ["contains_null", "contains_nan", "lower_bound", "upper_bound"],
)
_COLUMNS: dict[str, dict[str, Type]] = {
    "$snapshots": {
        "committed_at": t.TIMESTAMPTZ,
        "snapshot_id": t.BIGINT,
        "parent_id": t.BIGINT,
        "operation": t.VARCHAR,
        "manifest_list": t.VARCHAR,
        "summary": t.map_of(t.VARCHAR, t.VARCHAR),
    },
    "$history": {
        "made_current_at": t.TIMESTAMPTZ,
        "snapshot_id": t.BIGINT,
        "parent_id": t.BIGINT,
        "is_current_ancestor": t.BOOLEAN,
    },
    "$refs": {
        "name": t.VARCHAR,
        "type": t.VARCHAR,
        "snapshot_id": t.BIGINT,
        "max_reference_age_in_ms": t.BIGINT,
        "min_snapshots_to_keep": t.INTEGER,
        "max_snapshot_age_in_ms": t.BIGINT,
    },
    "$manifests": {
        "path": t.VARCHAR,
        "length": t.BIGINT,
        "partition_spec_id": t.INTEGER,
        "added_snapshot_id": t.BIGINT,
        "added_data_files_count": t.INTEGER,
        "added_rows_count": t.BIGINT,
        "existing_data_files_count": t.INTEGER,
        "existing_rows_count": t.BIGINT,
        "deleted_data_files_count": t.INTEGER,
        "deleted_rows_count": t.BIGINT,
        "partitions": t.array(_SUMMARY),
    },
    "$files": {
        "content": t.INTEGER,
        "file_path": t.VARCHAR,
        "file_format": t.VARCHAR,
        "record_count": t.BIGINT,
        "file_size_in_bytes": t.BIGINT,
        "column_sizes": _COUNTS,
        "value_counts": _COUNTS,
        "null_value_counts": _COUNTS,
        "nan_value_counts": _COUNTS,
        "lower_bounds": _BOUNDS,
        "upper_bounds": _BOUNDS,
        "key_metadata": t.VARBINARY,
        "split_offsets": t.array(t.BIGINT),
        "equality_ids": t.array(t.INTEGER),
    },
}
PARTITIONS = "$partitions"
SUFFIXES = (*_COLUMNS, PARTITIONS)

Row = tuple[Any, ...]


def columns(table: IcebergTable, suffix: str) -> dict[str, Type]:
    """The columns of one of the metadata tables."""
    return _partition_columns(table) if suffix == PARTITIONS else _COLUMNS[suffix]


def load(table: IcebergTable, suffix: str) -> pa.Table:
    """The rows of one of the metadata tables."""
    rows = list(_ROWS[suffix](table))
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in columns(table, suffix).items()])
    values = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table([pa.array(list(v), f.type) for v, f in zip(values, schema, strict=True)], schema=schema)


def _snapshots(table: IcebergTable) -> Iterable[Row]:
    for snapshot in table.metadata.snapshots:
        summary = snapshot.summary
        yield (
            snapshot.timestamp_ms * 1_000,
            snapshot.snapshot_id,
            snapshot.parent_snapshot_id,
            summary.operation.value if summary else None,
            snapshot.manifest_list,
            list(summary.additional_properties.items()) if summary else None,
        )


def _history(table: IcebergTable) -> Iterable[Row]:
    ancestors = {s.snapshot_id for s in ancestors_of(table.metadata.current_snapshot(), table.metadata)}
    for entry in table.metadata.snapshot_log:
        snapshot = table.metadata.snapshot_by_id(entry.snapshot_id)
        parent = snapshot.parent_snapshot_id if snapshot else None
        yield entry.timestamp_ms * 1_000, entry.snapshot_id, parent, entry.snapshot_id in ancestors


def _refs(table: IcebergTable) -> Iterable[Row]:
    for name, ref in table.metadata.refs.items():
        yield (
            name,
            ref.snapshot_ref_type.value.upper(),
            ref.snapshot_id,
            ref.max_ref_age_ms,
            ref.min_snapshots_to_keep,
            ref.max_snapshot_age_ms,
        )


def _manifests(table: IcebergTable) -> Iterable[Row]:
    for manifest in manifests_of(table):
        spec = table.metadata.specs()[manifest.partition_spec_id]
        yield (
            manifest.manifest_path,
            manifest.manifest_length,
            manifest.partition_spec_id,
            manifest.added_snapshot_id,
            manifest.added_files_count,
            manifest.added_rows_count,
            manifest.existing_files_count,
            manifest.existing_rows_count,
            manifest.deleted_files_count,
            manifest.deleted_rows_count,
            _summaries(table, spec, manifest.partitions or []),
        )


def _summaries(
    table: IcebergTable, spec: PartitionSpec, found: Iterable[PartitionFieldSummary]
) -> list[dict[str, Any]]:
    kinds = [field.field_type for field in spec.partition_type(table.metadata.schema()).fields]
    return [
        {
            "contains_null": summary.contains_null,
            "contains_nan": summary.contains_nan,
            "lower_bound": _shown(kind, summary.lower_bound),
            "upper_bound": _shown(kind, summary.upper_bound),
        }
        for kind, summary in zip(kinds, found, strict=True)
    ]


def _files(table: IcebergTable) -> Iterable[Row]:
    kinds = _field_types(table)
    for file in live_files(table):
        yield (
            int(file.content),
            file.file_path,
            file.file_format.value,
            file.record_count,
            file.file_size_in_bytes,
            *(_pairs(c) for c in (file.column_sizes, file.value_counts)),
            *(_pairs(c) for c in (file.null_value_counts, file.nan_value_counts)),
            *(_shown_bounds(kinds, bounds) for bounds in (file.lower_bounds, file.upper_bounds)),
            file.key_metadata,
            list(file.split_offsets) if file.split_offsets else None,
            list(file.equality_ids) if file.equality_ids else None,
        )


def _pairs(counts: Any) -> list[tuple[int, int]] | None:
    return sorted(counts.items()) if counts else None


def _field_types(table: IcebergTable) -> dict[int, PrimitiveType]:
    """The primitive types of the current fields, nested ones too, by id."""
    schema = table.metadata.schema()
    found = {field_id: schema.find_type(field_id) for field_id in schema.field_ids}
    return {field_id: kind for field_id, kind in found.items() if isinstance(kind, PrimitiveType)}


def _shown_bounds(kinds: dict[int, PrimitiveType], bounds: Any) -> list[tuple[int, str | None]] | None:
    if not bounds:
        return None
    return [(at, _shown(kinds[at], bound)) for at, bound in sorted(bounds.items()) if at in kinds]


def _shown(kind: IcebergType, bound: bytes | None) -> str | None:
    """A bound as text, as Iceberg's identity transform prints it."""
    if bound is None or not isinstance(kind, PrimitiveType):
        return None
    transform: IdentityTransform[Any] = IdentityTransform()
    return transform.to_human_string(kind, from_bytes(kind, bound))


# -- $partitions --------------------------------------------------------------------------------------------


def _partition_fields(table: IcebergTable) -> list[NestedField]:
    """The partition fields of all specs; a file of a spec without a field has NULL."""
    return list(table.metadata.specs_struct().fields)


def _data_fields(table: IcebergTable) -> dict[str, tuple[int, PrimitiveType]]:
    """The columns with statistics: primitive, not partition columns by identity, of a type queries have."""
    identity = {
        field.source_id
        for spec in table.metadata.partition_specs
        for field in spec.fields
        if isinstance(field.transform, IdentityTransform)
    }
    _, refused = table.types()
    return {
        name: (column.field_id, column.kind)
        for name, column in table.columns.items()
        if isinstance(column.kind, PrimitiveType) and column.field_id not in identity and name not in refused
    }


def _partition_columns(table: IcebergTable) -> dict[str, Type]:
    fields = _partition_fields(table)
    found: dict[str, Type] = {}
    if fields:
        kinds = [_partition_type(field.field_type) for field in fields]
        found["partition"] = t.row_of(kinds, [field.name for field in fields])
    found |= {"record_count": t.BIGINT, "file_count": t.BIGINT, "total_size": t.BIGINT}
    if data := _data_fields(table):
        ranges = [
            t.row_of([kind, kind, t.BIGINT, t.BIGINT], ["min", "max", "null_count", "nan_count"])
            for kind in (trino_type(kind) for _, kind in data.values())
        ]
        found["data"] = t.row_of(ranges, list(data))
    return found


def _partition_type(kind: IcebergType) -> Type:
    try:
        return trino_type(kind)
    except UnsupportedError:
        return t.VARCHAR


def _partitions(table: IcebergTable) -> Iterable[Row]:
    fields, data = _partition_fields(table), _data_fields(table)
    groups: dict[Row, list[DataFile]] = {}
    specs = table.metadata.specs()
    for file in live_files(table):
        if file.content == DataFileContent.DATA:
            own = {field.field_id: file.partition[at] for at, field in enumerate(specs[file.spec_id].fields)}
            groups.setdefault(tuple(own.get(field.field_id) for field in fields), []).append(file)
    for values, files in groups.items():
        row: list[Any] = []
        if fields:
            row.append({field.name: value for field, value in zip(fields, values, strict=True)})
        row += [sum(f.record_count for f in files), len(files), sum(f.file_size_in_bytes for f in files)]
        if data:
            row.append({name: _range(files, at, kind) for name, (at, kind) in data.items()})
        yield tuple(row)


def _range(files: list[DataFile], field_id: int, kind: PrimitiveType) -> dict[str, Any]:
    """The range of a column in these files; a part is NULL if one of them lacks it."""

    def known(counts: str) -> list[Any] | None:
        found = [(getattr(file, counts) or {}).get(field_id) for file in files]
        return None if any(value is None for value in found) else found

    lower, upper = known("lower_bounds"), known("upper_bounds")
    nulls, nans = known("null_value_counts"), known("nan_value_counts")
    return {
        "min": min(from_bytes(kind, bound) for bound in lower) if lower else None,
        "max": max(from_bytes(kind, bound) for bound in upper) if upper else None,
        "null_count": sum(nulls) if nulls else None,
        "nan_count": sum(nans) if nans else None,
    }


_ROWS = {
    "$snapshots": _snapshots,
    "$history": _history,
    "$refs": _refs,
    "$manifests": _manifests,
    "$files": _files,
    PARTITIONS: _partitions,
}
