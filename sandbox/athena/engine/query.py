"""One query: its catalog, store and cursor, and the tables that a SELECT reads, loaded into DuckDB."""

import datetime as dt
from collections.abc import Callable

import duckdb
import pyarrow as pa
from sqlglot import exp

from sandbox.athena.engine import iceberg_tables, information_schema, pruning, results, tables
from sandbox.athena.engine.database import shared_database
from sandbox.athena.engine.failures import query_error
from sandbox.athena.engine.projection import Partition, is_projected, projected_partitions
from sandbox.athena.errors import CancelledError, QueryError, UnsupportedError
from sandbox.athena.iceberg import metadata_tables
from sandbox.athena.iceberg.reading import Reader
from sandbox.athena.iceberg.table import IcebergTable, is_iceberg
from sandbox.athena.ports import Catalog, GlueTable, Store
from sandbox.athena.sql import dialect, views
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.translation import TableSource, Translation, Translator


class Query:
    """A query over a catalog and a store: run it once with `dispatch.run`; another thread may `cancel` it."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        *,
        database: str = "default",
        scan_limit: int | None = None,
        default_location: str = "",
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.catalog = catalog
        self.store = store
        self.database = database.lower()
        self.scan_limit = scan_limit
        self.default_location = default_location.rstrip("/")
        self.now = now().astimezone(dt.UTC)
        self.engine = shared_database()
        self.cursor = self.engine.cursor()
        self.scanned_bytes = 0
        self._cancelled: str | None = None
        self._tables: dict[str, tuple[tables.Table, TableSource]] = {}
        self._iceberg = iceberg_tables.IcebergTables(store, self.cursor, self.now)
        self._iceberg_tables: dict[str, tuple[IcebergTable, TableSource]] = {}
        self._listings = 0  # tables whose rows come from the catalog or from metadata

    def cancel(self, reason: str) -> None:
        """Stop the query: its run then raises `CancelledError` with this reason."""
        self._cancelled = reason
        self.cursor.interrupt()

    def check(self) -> None:
        """Raise `CancelledError` if the query was cancelled."""
        if self._cancelled is not None:
            raise CancelledError(self._cancelled)

    def close(self) -> None:
        """Close the cursor and remove its tables."""
        self.cursor.close()

    def select(self, statement: exp.Expr) -> results.Result:
        """The result of a parsed SELECT as text."""
        translation, arrow = self.select_arrow(statement)
        kinds = zip(translation.names, translation.types, strict=True)
        columns = [results.column_of(name, kind.athena()) for name, kind in kinds]
        rows = results.text_rows(arrow, translation.types)
        return results.Result(columns, rows, self.scanned_bytes)

    def select_arrow(self, statement: exp.Expr) -> tuple[Translation, pa.Table]:
        """The result of a parsed SELECT: column names and types, and values."""
        translation = self.analyse(statement)
        for name, (table, source) in self._tables.items():
            self._load(name, table, source)
        for name, (iceberg, source) in self._iceberg_tables.items():
            self._load_iceberg(name, iceberg, source)
        return translation, self._execute(translation.sql)

    def analyse(self, statement: exp.Expr) -> Translation:
        """The translated statement; nothing is read yet. Raises `QueryError` as Trino's analyzer does."""
        self._set_clock()
        views.expand(statement, self._definition, self.database)
        try:
            return Translator(self._source).translate(statement)
        except RecursionError:
            raise QueryError(
                "STACK_OVERFLOW", "statement is too large (stack overflow during analysis)"
            ) from None
        except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise UnsupportedError(f"this query: its analysis ended with {type(error).__name__}") from error

    # -- tables ---------------------------------------------------------------------------------------------

    def _source(self, reference: exp.Table) -> TableSource:
        """The table for the translator; each mention has its own source and is pruned separately."""
        database = (reference.db or self.database).lower()
        if database == information_schema.NAME:
            return self._catalog_source(reference)
        definition = self._definition(reference)
        if is_iceberg(definition):
            return self._iceberg_source(reference, database, definition)
        if reference.name.lower().endswith(tables.PARTITIONS):
            return self._partitions_source(definition, database)
        table = tables.Table(database, definition)
        columns = {name: t.from_hive(kind.text) for name, kind in table.all_columns().items()}
        source = TableSource(f"table_{len(self._tables)}", columns)
        self._tables[source.relation] = (table, source)
        return source

    def _catalog_source(self, reference: exp.Table) -> TableSource:
        """A table of information_schema; its few rows are registered at once."""
        name = reference.name.lower()
        columns = information_schema.columns(name)
        if columns is None:
            where = dialect.position(reference)
            message = f"{where}Table 'awsdatacatalog.{information_schema.NAME}.{name}' does not exist"
            raise QueryError("TABLE_NOT_FOUND", message)
        source = TableSource(f"catalog_{name}", columns)
        self.cursor.register(
            source.relation, information_schema.load(name, self.catalog, self._iceberg.columns)
        )
        return source

    def _iceberg_source(self, reference: exp.Table, database: str, definition: GlueTable) -> TableSource:
        """An Iceberg table, or one of its metadata tables, whose rows are registered at once."""
        _, suffix = _parts(reference.name.lower())
        if suffix:
            table = self._iceberg.open(database, definition)
            columns, rows = self._iceberg.metadata_table(table, suffix)
            return self._listing(columns, rows)
        table = self._iceberg.mentioned(reference, database, definition)
        source = iceberg_tables.source(f"iceberg_{len(self._iceberg_tables)}", table)
        self._iceberg_tables[source.relation] = (table, source)
        return source

    def _listing(self, columns: dict[str, t.Type], rows: pa.Table) -> TableSource:
        self._listings += 1
        source = TableSource(f"listing_{self._listings}", columns)
        self.cursor.register(source.relation, rows)
        return source

    def _partitions_source(self, definition: GlueTable, database: str) -> TableSource:
        """A table's partitions as a table; its rows are registered at once, without reading objects."""
        table = tables.Table(database, definition)
        if is_projected(table.definition):
            raise UnsupportedError(  # not documented
                f"the table of partitions of {table.name}, which has partition projection",
                "Query the partition columns of the table instead.",
            )
        columns = {name: t.from_hive(kind.text) for name, kind in table.partition_columns.items()}
        return self._listing(columns, tables.partition_rows(table, self.partitions(table)))

    def _definition(self, reference: exp.Table) -> GlueTable:
        catalog = (reference.catalog or "awsdatacatalog").lower()
        where = dialect.position(reference)
        if catalog != "awsdatacatalog":
            raise QueryError("CATALOG_NOT_FOUND", f"{where}Catalog '{catalog}' not found")
        database, name = (reference.db or self.database).lower(), reference.name.lower()
        if not isinstance(reference.this, exp.Identifier):
            raise UnsupportedError("table functions")
        own, suffix = _parts(name)
        definition = self.catalog.table(database, own)
        partitioned = bool(definition and definition.get("PartitionKeys"))
        if definition and suffix and not is_iceberg(definition):
            # a view, or a table of one folder, has no table of partitions
            definition = definition if suffix == tables.PARTITIONS and partitioned else None
        if definition is None:
            if self.catalog.database(database) is None:
                raise QueryError("SCHEMA_NOT_FOUND", f"{where}Schema '{database}' does not exist")
            raise QueryError(
                "TABLE_NOT_FOUND", f"{where}Table 'awsdatacatalog.{database}.{name}' does not exist"
            )
        return definition

    def _load(self, name: str, table: tables.Table, source: TableSource) -> None:
        partitions = pruning.kept_partitions(self.cursor, table, source.where, self.partitions(table))
        found = tables.list_partition_objects(self.store, partitions, table.location)
        paths = pruning.kept_paths(self.cursor, source.where, [stored.path for stored, _ in found])
        found = [(stored, partition) for stored, partition in found if stored.path in paths]
        columns = [column for column in table.columns if column in source.uses]
        self._count(sum(tables.scanned_bytes(table, stored, columns, self.store) for stored, _ in found))
        hidden = [column for column in dialect.PSEUDOCOLUMNS if column in source.uses]
        data = tables.scan(
            table,
            found,
            self.store,
            columns=columns,
            hidden=hidden,
            cache=self.engine.cache,
            check=self.check,
        )
        self.cursor.register(name, data)

    def _load_iceberg(self, name: str, table: IcebergTable, source: TableSource) -> None:
        planned = self._iceberg.planned(table, source.where)
        columns = [column for column in table.columns if column in source.uses]
        reader = Reader(table, columns)
        self._count(reader.scanned_bytes(planned))
        hidden = [column for column in dialect.PSEUDOCOLUMNS if column in source.uses]
        data = iceberg_tables.scan(table, planned, reader, columns=columns, hidden=hidden, check=self.check)
        self.cursor.register(name, data)

    def _count(self, scanned: int) -> None:
        """Add scanned bytes. Raises `CancelledError` above the workgroup's limit."""
        self.scanned_bytes += scanned
        if self.scan_limit is not None and self.scanned_bytes > self.scan_limit:
            raise CancelledError("Query cancelled! : Bytes scanned limit was exceeded")

    def partitions(self, table: tables.Table) -> list[Partition]:
        """Every partition of the table."""
        if not table.partition_columns:
            return [Partition((), table.location)]
        if is_projected(table.definition):
            return projected_partitions(table.definition, self.now.replace(tzinfo=None))
        found = []
        for registered in self.catalog.partitions(table.database, table.name):
            values = zip(table.partition_columns, map(str, registered["Values"]), strict=True)
            location = str((registered.get("StorageDescriptor") or {}).get("Location") or "")
            found.append(Partition(tuple(values), location))
        return found

    # -- DuckDB ---------------------------------------------------------------------------------------------

    def _set_clock(self) -> None:
        """One `now()` per query, in whole milliseconds as in Trino."""
        micros = int(self.now.timestamp() * 1_000) * 1_000
        self.cursor.execute(f"CREATE OR REPLACE TEMP MACRO trino_now() AS make_timestamptz({micros})")
        self.cursor.execute(
            f"CREATE OR REPLACE TEMP MACRO trino_today() AS DATE '{self.now.date().isoformat()}'"
        )

    def _execute(self, sql: str) -> pa.Table:
        self.check()
        try:
            return self.cursor.sql(sql).to_arrow_table()
        except duckdb.InterruptException:
            raise CancelledError(self._cancelled or "Query was cancelled") from None
        except duckdb.Error as error:
            raise query_error(error) from None


def _parts(name: str) -> tuple[str, str]:
    """A table's name and the ending of a table about it: `t$partitions` is `t` and `$partitions`."""
    for suffix in metadata_tables.SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix), suffix
    return name, ""
