"""`information_schema`: the catalog as tables, built when a query names them.

Source: Athena user guide, "Query the AWS Glue Data Catalog": schemata, tables, views and columns of
AwsDataCatalog; for the columns of Iceberg tables, which come from their metadata in S3, "Query Apache Iceberg
tables".
"""

from collections.abc import Callable, Iterator

import pyarrow as pa

from sandbox.athena.engine.tables import data_columns
from sandbox.athena.errors import QueryError
from sandbox.athena.iceberg.table import is_iceberg
from sandbox.athena.ports import Catalog, GlueTable
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql import views
from sandbox.athena.sql.trino_types import Type

NAME = "information_schema"
_CATALOG = "awsdatacatalog"
_COLUMNS: dict[str, dict[str, Type]] = {
    "schemata": {"catalog_name": t.VARCHAR, "schema_name": t.VARCHAR},
    "tables": {
        "table_catalog": t.VARCHAR,
        "table_schema": t.VARCHAR,
        "table_name": t.VARCHAR,
        "table_type": t.VARCHAR,
    },
    "views": {
        "table_catalog": t.VARCHAR,
        "table_schema": t.VARCHAR,
        "table_name": t.VARCHAR,
        "view_definition": t.VARCHAR,
    },
    "columns": {
        "table_catalog": t.VARCHAR,
        "table_schema": t.VARCHAR,
        "table_name": t.VARCHAR,
        "column_name": t.VARCHAR,
        "ordinal_position": t.BIGINT,
        "column_default": t.VARCHAR,
        "is_nullable": t.VARCHAR,
        "data_type": t.VARCHAR,
        "comment": t.VARCHAR,
        "extra_info": t.VARCHAR,
    },
}
_ARROW = {"varchar": pa.string(), "bigint": pa.int64()}

Row = tuple[str | int | None, ...]
Shown = Callable[[str, GlueTable], dict[str, str]]  # an Iceberg table's columns with their types


def columns(table: str) -> dict[str, Type] | None:
    """The columns of one of its tables, or None."""
    return _COLUMNS.get(table)


def load(table: str, catalog: Catalog, iceberg_columns: Shown) -> pa.Table:
    """The rows of one of its tables that the caller may read."""
    schema = pa.schema([(name, _ARROW[kind.base]) for name, kind in _COLUMNS[table].items()])
    rows = list(_rows(table, catalog, iceberg_columns))
    values = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table([pa.array(v, f.type) for v, f in zip(values, schema, strict=True)], schema=schema)


def _rows(table: str, catalog: Catalog, iceberg_columns: Shown) -> Iterator[Row]:
    for database in catalog.databases():
        if table == "schemata":
            yield _CATALOG, database
            continue
        for found in catalog.tables(database):
            name = str(found["Name"])
            if table == "columns" and is_iceberg(found):
                yield from _iceberg_rows(database, name, found, iceberg_columns)
            elif table == "columns":
                yield from _column_rows(database, name, found)
            elif table == "tables":
                yield _CATALOG, database, name, "VIEW" if views.is_view(found) else "BASE TABLE"
            elif views.is_view(found):
                yield _CATALOG, database, name, views.decode(found).sql


def _column_rows(database: str, name: str, table: GlueTable) -> Iterator[Row]:
    keys = [(str(key["Name"]), str(key["Type"]), "partition key") for key in table.get("PartitionKeys") or []]
    data = [(str(column["Name"]), str(column["Type"]), None) for column in data_columns(table)]
    listed = [*data, *keys]
    for number, (column, kind, extra) in enumerate(listed, start=1):
        shown = t.from_hive(kind).shown()
        yield _CATALOG, database, name, column.lower(), number, None, "YES", shown, None, extra


def _iceberg_rows(database: str, name: str, table: GlueTable, iceberg_columns: Shown) -> Iterator[Row]:
    try:
        listed = iceberg_columns(database, table)
    except QueryError:
        return  # not documented: a table whose metadata the caller cannot read is left out
    for number, (column, shown) in enumerate(listed.items(), start=1):
        yield _CATALOG, database, name, column, number, None, "YES", shown, None, None
