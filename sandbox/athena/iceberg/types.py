"""Iceberg's types as Trino's, and Trino's as Arrow's.

Source: Athena user guide, "Supported data types for Iceberg tables": `fixed` is not supported, `uuid` is not
listed, `time` has no type in Athena. According to "Query Apache Iceberg tables", engine version 3 supports
microseconds; the sandbox has timestamps of three digits, and rejects values with more.
"""

import pyarrow as pa
from pyiceberg import types as it

from sandbox.athena.errors import UnsupportedError
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.trino_types import Type

_SIMPLE: dict[type[it.IcebergType], Type] = {
    it.BooleanType: t.BOOLEAN,
    it.IntegerType: t.INTEGER,
    it.LongType: t.BIGINT,
    it.FloatType: t.REAL,
    it.DoubleType: t.DOUBLE,
    it.DateType: t.DATE,
    it.TimestampType: t.TIMESTAMP,
    it.TimestamptzType: t.TIMESTAMPTZ,
    it.StringType: t.VARCHAR,
    it.BinaryType: t.VARBINARY,
}
_ARROW: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "varchar": pa.string(),
    "varbinary": pa.binary(),
}


def trino_type(kind: it.IcebergType) -> Type:
    """The type in a query. Raises `UnsupportedError` for a type that Athena or the sandbox lacks."""
    if isinstance(kind, it.DecimalType):
        return t.decimal(kind.precision, kind.scale)
    if isinstance(kind, it.ListType):
        return t.array(trino_type(kind.element_type))
    if isinstance(kind, it.MapType):
        return t.map_of(trino_type(kind.key_type), trino_type(kind.value_type))
    if isinstance(kind, it.StructType):
        return t.row_of([trino_type(f.field_type) for f in kind.fields], [f.name for f in kind.fields])
    if type(kind) not in _SIMPLE:
        raise UnsupportedError(f"the Iceberg type {kind}", "Do not name the column, or write it as string.")
    return _SIMPLE[type(kind)]


def arrow_type(kind: Type, unit: str = "us") -> pa.DataType:
    """The Arrow type of a Trino type's values, timestamps in this unit."""
    if kind.base == "decimal":
        return pa.decimal128(*kind.args)
    if kind.base == "array":
        return pa.list_(arrow_type(kind.args[0], unit))
    if kind.base == "map":
        return pa.map_(arrow_type(kind.args[0], unit), arrow_type(kind.args[1], unit))
    if kind.base == "row":
        return pa.struct(
            [(n, arrow_type(k, unit)) for n, k in zip(kind.field_names(), kind.args, strict=True)]
        )
    if kind.base in ("timestamp", "timestamptz"):
        return pa.timestamp(unit, tz="UTC" if kind.base == "timestamptz" else None)
    return _ARROW[kind.base]


def lower_case(kind: it.IcebergType) -> it.IcebergType:
    """The type with the names of its nested fields in lower case, as the engine has them."""
    if isinstance(kind, it.StructType):
        return it.StructType(
            *(
                it.NestedField(f.field_id, f.name.lower(), lower_case(f.field_type), required=f.required)
                for f in kind.fields
            )
        )
    if isinstance(kind, it.ListType):
        return it.ListType(kind.element_id, lower_case(kind.element_type), kind.element_required)
    if isinstance(kind, it.MapType):
        return it.MapType(
            kind.key_id, lower_case(kind.key_type), kind.value_id, lower_case(kind.value_type),
            kind.value_required,
        )  # fmt: skip
    return kind
