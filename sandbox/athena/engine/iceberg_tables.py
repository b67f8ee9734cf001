"""The Iceberg tables of one query: opened once each, pruned per mention, read into Arrow."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from sandbox.athena.engine import pruning
from sandbox.athena.engine.tables import HIDDEN_COLUMNS, constant, hidden_value
from sandbox.athena.errors import QueryError
from sandbox.athena.iceberg import metadata_tables
from sandbox.athena.iceberg.filters import row_filter
from sandbox.athena.iceberg.planning import PlannedFile, identity_values, plan
from sandbox.athena.iceberg.reading import Reader
from sandbox.athena.iceberg.table import IcebergTable, open_table
from sandbox.athena.iceberg.types import arrow_type
from sandbox.athena.ports import GlueTable, Store
from sandbox.athena.sql.dialect import position
from sandbox.athena.sql.translation import TableSource
from sandbox.athena.sql.trino_types import Type

_SIZE = "$file_size"  # a hidden column of Hive tables alone (Trino documentation, "Iceberg connector")


class IcebergTables:
    """The tables that one query has opened. Every mention of a table reads the same state of it."""

    def __init__(self, store: Store, cursor: duckdb.DuckDBPyConnection, now: dt.datetime) -> None:
        self._store = store
        self._cursor = cursor
        self._now = now
        self._opened: dict[tuple[str, str], IcebergTable] = {}

    def open(self, database: str, definition: GlueTable) -> IcebergTable:
        """The table in the state in which this query first met it."""
        key = (database, str(definition["Name"]).lower())
        if key not in self._opened:
            self._opened[key] = open_table(database, definition, self._store)
        return self._opened[key]

    def columns(self, database: str, definition: GlueTable) -> dict[str, str]:
        """The columns of a table and their types as information_schema shows them."""
        table = self.open(database, definition)
        kinds, refused = table.types()
        return {
            name: str(table.columns[name].kind) if name in refused else kind.shown()
            for name, kind in kinds.items()
        }

    def mentioned(self, reference: exp.Table, database: str, definition: GlueTable) -> IcebergTable:
        """The table in the state that its mention asks for: FOR VERSION or FOR TIMESTAMP, or the current."""
        table = self.open(database, definition)
        version = reference.args.get("version")
        if version is None:
            return table
        if version.args.get("kind") != "AS OF":
            message = f"{position(reference)}write FOR VERSION AS OF or FOR TIMESTAMP AS OF"
            raise QueryError("SYNTAX_ERROR", message)
        reference.set("version", None)
        found = pruning.constant(self._cursor, version.expression)
        if found is None or found[1] is None:
            message = f"{position(reference)}the value after AS OF must be a constant that is not NULL"
            raise QueryError("INVALID_ARGUMENTS", message)
        if str(version.this).upper() == "TIMESTAMP":
            return table.at_time(self._millis(reference, *found))
        kind, value = found
        if kind.is_integer:
            return table.at_snapshot(int(value))
        if kind.is_text:
            return table.at_reference(str(value))
        raise _unsupported_version(reference, kind)

    def _millis(self, reference: exp.Table, kind: Type, value: Any) -> int:
        """A time of the query as milliseconds since 1970; without a zone it is UTC."""
        if not kind.is_time:
            raise _unsupported_version(reference, kind)
        moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        if moment > self._now:
            message = f"{position(reference)}Pointer value '{value}' is not in the past"
            raise QueryError("INVALID_ARGUMENTS", message)
        return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)

    def metadata_table(self, table: IcebergTable, suffix: str) -> tuple[dict[str, Type], pa.Table]:
        """The columns and rows of a table's metadata table."""
        return metadata_tables.columns(table, suffix), metadata_tables.load(table, suffix)

    def planned(self, table: IcebergTable, where: list[exp.Expr]) -> list[PlannedFile]:
        """The files that can contain rows of the result."""
        evaluate = _evaluator(self._cursor)
        found = plan(table, row_filter(table, where, evaluate))
        kinds, _ = table.types()
        values = identity_values(table, found)
        texts = {name: [_text(value) for value in column] for name, column in values.items()}
        texts["$path"] = [one.path for one in found]
        types = {name: kinds.get(name, pruning.PATH_TYPE) for name in texts}
        return [found[at] for at in pruning.kept_rows(self._cursor, where, types, texts, len(found))]


def source(relation: str, table: IcebergTable) -> TableSource:
    """The table for the translator."""
    kinds, refused = table.types()
    errors: dict[str, QueryError] = dict(refused)
    errors[_SIZE] = QueryError("COLUMN_NOT_FOUND", f"Column '{_SIZE}' cannot be resolved")
    return TableSource(relation, kinds, refused=errors)


def scan(
    table: IcebergTable,
    planned: list[PlannedFile],
    reader: Reader,
    *,
    columns: list[str],
    hidden: list[str],
    check: Callable[[], None],
) -> pa.Table:
    """The named columns of these files; `check` is called between files and may raise an exception."""
    kinds, _ = table.types()
    schema = pa.schema(
        [(name, arrow_type(kinds[name])) for name in columns]
        + [(name, HIDDEN_COLUMNS[name]) for name in hidden]
        + [("$row", pa.bool_())]  # so that a file has its number of rows when no column is read
    )
    batches = []
    for one in planned:
        check()
        rows, arrays = reader.read(one)
        row = [arrays[name] for name in columns]
        stored = table.files.stored(one.path)
        row += [constant(hidden_value(name, stored), HIDDEN_COLUMNS[name], rows) for name in hidden]
        batches.append(pa.RecordBatch.from_arrays([*row, constant(True, pa.bool_(), rows)], schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def _evaluator(cursor: duckdb.DuckDBPyConnection) -> Callable[[exp.Expr], tuple[Type, Any] | None]:
    return lambda node: pruning.constant(cursor, node)


def _text(value: Any) -> str:
    return pruning.NULL_PARTITION if value is None else str(value)


def _unsupported_version(reference: exp.Table, kind: Type) -> QueryError:
    where = position(reference)
    return QueryError("INVALID_ARGUMENTS", f"{where}Unsupported type for table version: {kind}")
