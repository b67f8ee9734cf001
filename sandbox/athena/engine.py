"""DuckDB as Athena's engine: one in-process database, a cursor a query, nothing reachable but the tables given."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from sandbox.athena import results, tables, translate
from sandbox.athena.errors import CancelledError, QueryError, UnsupportedError
from sandbox.athena.ports import Catalog, GlueTable, Store
from sandbox.athena.projection import Partition, is_projected, projected_partitions

MEMORY_LIMIT = "256MB"
THREADS = 2
_SETTINGS = (
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL default_null_order = 'nulls_last'",  # Trino's default for ASC and for DESC
    "SET GLOBAL integer_division = true",
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL enable_external_access = false",  # last: what follows can reach neither disk nor network
)


class Database:
    """The in-process DuckDB that every query shares; its memory limit is for all of them together."""

    def __init__(self) -> None:
        self._root = duckdb.connect(":memory:", config={"memory_limit": MEMORY_LIMIT, "threads": THREADS})
        for setting in _SETTINGS:
            self._root.execute(setting)
        self.cache = tables.ColumnCache()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own: what it registers, no other sees."""
        return self._root.cursor()


_shared: Database | None = None
_shared_lock = threading.Lock()


def shared_database() -> Database:
    """The process's database, made on first use."""
    global _shared  # noqa: PLW0603  one a process, so that memory is bounded once
    with _shared_lock:
        if _shared is None:
            _shared = Database()
        return _shared


class Query:
    """One running query over a catalog and a store: `run` it once, `cancel` it from another thread."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        *,
        database: str = "default",
        scan_limit: int | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        engine: Database | None = None,
    ) -> None:
        self.catalog = catalog
        self.store = store
        self.database = database
        self.scan_limit = scan_limit
        self.now = now().astimezone(dt.UTC)
        self.engine = engine or shared_database()
        self.cursor = self.engine.cursor()
        self.scanned_bytes = 0
        self._cancelled: str | None = None

    def cancel(self, reason: str) -> None:
        """Stop the query; `run` then raises `CancelledError` with this reason."""
        self._cancelled = reason
        self.cursor.interrupt()

    def check(self) -> None:
        """Raise `CancelledError` when the query was cancelled."""
        if self._cancelled is not None:
            raise CancelledError(self._cancelled)

    def run(self, sql: str) -> results.Result:
        """The statement's result. Raises `QueryError`, `CancelledError`."""
        statement = translate.parse(sql)
        try:
            if isinstance(statement, exp.Query):
                return self._select(statement)
            raise UnsupportedError(f"the statement {type(statement).__name__}")
        finally:
            self.cursor.close()

    def _select(self, statement: exp.Expression) -> results.Result:
        translate.name_outputs(statement)
        references = translate.table_references(statement)
        hidden = sorted({i.name for i in statement.find_all(exp.Identifier)} & set(tables.HIDDEN_COLUMNS))
        names = {self._register(reference, hidden): reference for reference in references}
        by_id = {id(reference): name for name, reference in names.items()}
        translate.replace_tables(references, lambda table: exp.to_table(by_id[id(table)]))
        arrow, types = self._execute(translate.to_duckdb(statement))
        kinds = [athena_type(kind) for kind in types]
        shown = translate.output_names(list(arrow.column_names))
        columns = [results.column_of(name, kind) for name, kind in zip(shown, kinds, strict=True)]
        return results.Result(columns, results.text_rows(arrow), self.scanned_bytes)

    def _register(self, reference: exp.Table, hidden: list[str]) -> str:
        table = self._table(reference)
        partitions = self._partitions(table.definition, table)
        found = tables.list_partition_objects(self.store, partitions, table.location)
        self.scanned_bytes += sum(stored.size for stored, _ in found)
        if self.scan_limit is not None and self.scanned_bytes > self.scan_limit:
            raise CancelledError("Query cancelled! : Bytes scanned limit was exceeded")
        data = tables.scan(
            table, found, list(table.columns), hidden, self.store, self.engine.cache, self.check
        )
        name = f"table_{id(reference):x}"
        self.cursor.register(name, data)
        return name

    def _table(self, reference: exp.Table) -> tables.Table:
        database = (reference.db or self.database).lower()
        name = reference.name.lower()
        where = translate.position(reference)
        definition = self.catalog.table(database, name)
        if definition is None:
            if self.catalog.database(database) is None:
                raise QueryError("SCHEMA_NOT_FOUND", f"{where}: Schema '{database}' does not exist")
            raise QueryError(
                "TABLE_NOT_FOUND", f"{where}: Table 'awsdatacatalog.{database}.{name}' does not exist"
            )
        return tables.Table(database, definition)

    def _partitions(self, definition: GlueTable, table: tables.Table) -> list[Partition]:
        if not table.partition_columns:
            return [Partition((), table.location)]
        if is_projected(definition):
            return list(projected_partitions(definition, lambda _: True, self.now.replace(tzinfo=None)))
        return [
            Partition(
                tuple(zip(table.partition_columns, map(str, registered["Values"]), strict=True)),
                str((registered.get("StorageDescriptor") or {}).get("Location") or ""),
            )
            for registered in self.catalog.partitions(table.database, table.name)
        ]

    def _execute(self, sql: str) -> tuple[pa.Table, list[Any]]:
        self.check()
        try:
            relation = self.cursor.sql(sql)
            types = list(relation.types)
            arrow = relation.to_arrow_table()
        except duckdb.InterruptException:
            raise CancelledError(self._cancelled or "Query was cancelled") from None
        except duckdb.Error as error:
            raise engine_error(error) from None
        return arrow, types


def engine_error(error: duckdb.Error) -> QueryError:
    """DuckDB's complaint as a query's failure: its first line, which names no data."""
    return QueryError("GENERIC_USER_ERROR", str(error).split("\n", 1)[0])


_TYPES = {
    "VARCHAR": "varchar",
    "BOOLEAN": "boolean",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double",
}
_TYPES |= {
    "HUGEINT": "bigint",
    "FLOAT": "float",
    "SMALLINT": "smallint",
    "TINYINT": "tinyint",
    "DATE": "date",
}
_TYPES |= {
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "BLOB": "varbinary",
}
_TYPES |= {"JSON": "json", "UBIGINT": "bigint", "UINTEGER": "bigint", '"NULL"': "unknown", "TIME": "time"}


def athena_type(kind: Any) -> str:
    """A DuckDB type as Athena's result metadata names it."""
    text = str(kind)
    if text in _TYPES:
        return _TYPES[text]
    if text.startswith("DECIMAL"):
        return text.lower()
    if text.endswith("]"):
        return "array"
    return {"STRUCT": "row", "MAP": "map", "INTERVAL": "interval day to second"}.get(
        text.split("(")[0], "varchar"
    )
