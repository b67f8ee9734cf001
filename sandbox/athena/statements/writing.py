"""Statements that write data: CREATE TABLE AS, INSERT INTO, UNLOAD, as Parquet or JSON objects in S3.

Source: Athena user guide, "Create a table from query results (CTAS)", "INSERT INTO", "UNLOAD"; for all three
Athena writes a manifest of the new objects next to the result.
"""

import gzip
import io
import json
import re
import uuid
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.athena.engine import results, tables
from sandbox.athena.engine.query import Query
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.formats import parquet
from sandbox.athena.formats.json_lines import JSON_SERDES
from sandbox.athena.iceberg.table import is_iceberg
from sandbox.athena.locations import split_location
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql import views
from sandbox.athena.sql.dialect import parse_query
from sandbox.athena.sql.trino_types import Type
from sandbox.athena.sql.value_text import json_value
from sandbox.athena.statements.names import WRITERS, named

PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": parquet.SERDE, "Parameters": {}},
}
JSON = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {"SerializationLibrary": JSON_SERDES[0], "Parameters": {}},
}


def _properties(text: str | None) -> dict[str, str]:
    """`format = 'PARQUET', external_location = 's3://…'` by lower-case key."""
    pattern = r"(?:^|\W)(\w+)\s*=\s*(?:'([^']*)'|(ARRAY\s*\[[^\[\]]*\]|\w+))"
    pairs = re.findall(pattern, text or "", re.IGNORECASE)
    return {key.lower(): quoted or plain for key, quoted, plain in pairs}


def _format(properties: dict[str, str]) -> str:
    for key in ("partitioned_by", "bucketed_by", "bucket_count"):
        if key in properties:
            raise UnsupportedError(f"{key} in a statement that writes data", "Remove the property.")
    if properties.get("table_type", "hive").lower() != "hive":
        raise UnsupportedError("Iceberg tables in a statement that writes", "Remove table_type.")
    kind = properties.get("format", "parquet").lower()
    if kind not in ("parquet", "json"):
        raise UnsupportedError(f"the format {kind.upper()} for writing", "Use PARQUET or JSON.")
    return kind


def _arrow_type(kind: Type) -> pa.DataType:
    simple = {"boolean": pa.bool_(), "tinyint": pa.int8(), "smallint": pa.int16(), "integer": pa.int32()}
    simple |= {"bigint": pa.int64(), "double": pa.float64(), "real": pa.float32(), "date": pa.date32()}
    simple |= {"timestamp": pa.timestamp("ms"), "varbinary": pa.binary(), "varchar": pa.string()}
    if kind.base == "decimal":
        return pa.decimal128(*kind.args)
    if kind.base == "array":
        return pa.list_(_arrow_type(kind.args[0]))
    if kind.base == "map":
        return pa.map_(_arrow_type(kind.args[0]), _arrow_type(kind.args[1]))
    if kind.base == "row":
        return pa.struct([(n, _arrow_type(k)) for n, k in zip(kind.field_names(), kind.args, strict=True)])
    if kind.base not in simple:
        raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: {kind}")
    return simple[kind.base]


def _write(query: Query, data: pa.Table, types: list[Type], location: str, kind: str) -> list[str]:
    """Write the rows into one object at the location, or none without rows. Returns the objects' paths."""
    if not data.num_rows:
        return []
    bucket, prefix = split_location(location)
    key = f"{prefix.rstrip('/')}/{uuid.uuid4()}" if prefix else str(uuid.uuid4())
    if kind == "parquet":
        schema = pa.schema([(n, _arrow_type(k)) for n, k in zip(data.column_names, types, strict=True)])
        buffer = io.BytesIO()
        pq.write_table(data.cast(schema), buffer, compression="snappy")
        query.store.write(bucket, key, buffer.getvalue(), "application/octet-stream")
    else:
        key += ".gz"
        shown = [json_value(k) for k in types]
        columns = [column.to_pylist() for column in data.columns]
        rows = (
            {
                n: None if v is None else show(v)
                for n, show, v in zip(data.column_names, shown, row, strict=True)
            }
            for row in zip(*columns, strict=True)
        )
        body = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
        query.store.write(bucket, key, gzip.compress(body.encode(), mtime=0), "application/json")
    return [f"s3://{bucket}/{key}"]


def _rows(query: Query, sql: str) -> tuple[list[str], list[Type], pa.Table]:
    translation, data = query.select_arrow(parse_query(sql))
    names = [name.lower() for name in translation.names]
    return names, translation.types, data.rename_columns(names)


def create_table_as(query: Query, match: re.Match[str]) -> results.Result:
    """CREATE TABLE … AS: an external table over objects written now."""
    if_not_exists, (database, name) = match.group(1), named(query, match.group(2))
    properties, sql, no_data = _properties(match.group(3)), match.group(4), match.group(5)
    kind = _format(properties)
    if query.catalog.database(database) is None:
        raise QueryError("SCHEMA_NOT_FOUND", f"line 1:1: Schema '{database}' does not exist")
    if query.catalog.table(database, name) is not None:
        if if_not_exists:
            return results.Result(text=True)
        raise QueryError(
            "TABLE_ALREADY_EXISTS",
            f"line 1:1: Destination table 'awsdatacatalog.{database}.{name}' already exists",
        )
    location = properties.get("external_location") or f"{query.default_location}/tables/{uuid.uuid4()}/"
    bucket, prefix = split_location(location)
    if any(True for _ in query.store.list_objects(bucket, prefix.rstrip("/") + "/" if prefix else "")):
        raise QueryError(
            "HIVE_PATH_ALREADY_EXISTS",
            f"Target directory for table '{database}.{name}' already exists: {location}",
        )
    names, types, data = _rows(query, sql)
    _require_names(names, types)
    written = [] if no_data else _write(query, data, types, location, kind)
    storage = PARQUET if kind == "parquet" else JSON
    columns = [{"Name": n, "Type": views.hive_name(k)} for n, k in zip(names, types, strict=True)]
    descriptor: dict[str, Any] = {**storage, "Columns": columns, "Location": location, "Compressed": False}
    table = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE"},
        "PartitionKeys": [],
    }
    query.catalog.put_table(database, {**table, "StorageDescriptor": descriptor}, replace=False)
    return results.Result(
        scanned_bytes=query.scanned_bytes, text=True, update_count=data.num_rows, manifest=written
    )


def _require_names(names: list[str], types: list[Type]) -> None:
    counted = Counter(names)
    for number, (name, kind) in enumerate(zip(names, types, strict=True), start=1):
        if re.fullmatch(r"_col\d+", name):
            raise QueryError(
                "MISSING_COLUMN_NAME", f"line 1:1: Column name not specified at position {number}"
            )
        if kind.base == "unknown":
            raise QueryError("COLUMN_TYPE_UNKNOWN", f"line 1:1: Column type is unknown at position {number}")
        if counted[name] > 1:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{name}' specified more than once"
            )


def insert(query: Query, match: re.Match[str]) -> results.Result:
    """INSERT INTO an unpartitioned table: one more object under its location."""
    database, name = named(query, match.group(1))
    found = query.catalog.table(database, name)
    if found is None:
        raise QueryError(
            "TABLE_NOT_FOUND", f"line 1:1: Table 'awsdatacatalog.{database}.{name}' does not exist"
        )
    if views.is_view(found):
        raise QueryError("NOT_SUPPORTED", "Inserting into views is not supported")
    if is_iceberg(found):
        raise UnsupportedError("INSERT INTO an Iceberg table", WRITERS)
    if found.get("PartitionKeys"):
        raise UnsupportedError("INSERT INTO a partitioned table", "Write the objects to S3 instead.")
    if match.group(2):
        raise UnsupportedError(
            "INSERT INTO with a column list", "Remove the list and select all columns in the table's order."
        )
    table = tables.Table(database, found)
    columns = {n: t.from_hive(k.text) for n, k in table.columns.items()}
    names, types, data = _rows(query, match.group(3))
    fits = len(names) == len(columns) and all(
        (common := t.common(have, want)) is not None and common.base == want.base
        for have, want in zip(types, columns.values(), strict=False)
    )
    if not fits:
        have, want = ", ".join(map(str, types)), ", ".join(k.shown() for k in columns.values())
        raise QueryError(
            "TYPE_MISMATCH", f"Insert query has mismatched column types: Table: [{want}], Query: [{have}]"
        )
    cast = data.rename_columns(list(columns)).cast(
        pa.schema([(n, _arrow_type(k)) for n, k in columns.items()])
    )
    kind = "parquet" if table.serde == parquet.SERDE else "json"
    written = _write(query, cast, list(columns.values()), table.location, kind)
    return results.Result(
        scanned_bytes=query.scanned_bytes, text=True, update_count=data.num_rows, manifest=written
    )


def unload(query: Query, match: re.Match[str]) -> results.Result:
    """UNLOAD (query) TO 's3://…' WITH (format = '…')."""
    sql, location, properties = match.group(1), match.group(2), _properties(match.group(3))
    kind = _format(properties)
    bucket, prefix = split_location(location)
    if any(True for _ in query.store.list_objects(bucket, prefix)):
        raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory already exists: {location}")
    names, types, data = _rows(query, sql)
    _require_names(names, types)
    written = _write(query, data, types, location, kind)
    return results.Result(
        scanned_bytes=query.scanned_bytes, text=True, update_count=data.num_rows, manifest=written
    )
