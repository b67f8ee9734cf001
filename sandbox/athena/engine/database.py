"""DuckDB as Athena's engine: one in-process database, a cursor per query, no access to other tables."""

import threading

import duckdb

from sandbox.athena.engine.tables import ColumnCache
from sandbox.athena.sql import udfs

MEMORY_LIMIT = "1GB"  # 2,048 rows of a thousand text columns are 32 MB, in every step of a plan
THREADS = 2
_SETTINGS = (
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL default_null_order = 'nulls_last'",  # Trino's default for ASC and for DESC
    "SET GLOBAL ieee_floating_point_ops = true",  # 1e0 / 0 is Infinity
    "SET GLOBAL error_on_division_by_zero = false",  # integers and decimals check for themselves
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL enable_external_access = false",  # last: after this, DuckDB uses neither disk nor network
)


class Database:
    """The in-process DuckDB that every query shares; its memory limit is for all of them together."""

    def __init__(self) -> None:
        self._root = duckdb.connect(":memory:", config={"memory_limit": MEMORY_LIMIT, "threads": THREADS})
        udfs.install(self._root)
        for setting in _SETTINGS:
            self._root.execute(setting)
        self.cache = ColumnCache()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A separate connection: its tables are not visible to others."""
        return self._root.cursor()


_shared: Database | None = None
_shared_lock = threading.Lock()


def shared_database() -> Database:
    """The process's database, created on first use."""
    global _shared  # noqa: PLW0603  one a process, so that memory is bounded once
    with _shared_lock:
        if _shared is None:
            _shared = Database()
        return _shared
