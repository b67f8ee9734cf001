"""The two engines that run the views, each with its own lakes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from sandbox.athena.engine.database import shared_database
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from scripts.core.views import definitions
from tests.sandbox.lake import Lake as AccountLake
from tests.soak.delivery import DAYS
from tests.soak.histories import TABLE
from tests.sql.lake import Lake as MemoryLake
from tests.trino import assembly
from tests.trino.server import Trino

NAME = "soak"
COLUMNS = ("n", "note", "pk")
TYPES = {"n": "bigint"}
SECONDS = 1_800.0

Object = tuple[str, str, bytes]  # day, name, body
Rows = list[list[str | None]]


class Lake(Protocol):
    """A lake with the shipped views of the table on it."""

    def ask(self, sql: str) -> Rows:
        """A query's rows, as texts."""


class Engine(Protocol):
    """Something that answers SQL over lakes."""

    name: str

    def lake(self, name: str, objects: Iterable[Object], switched_at: str | None = None, /) -> Lake:
        """A lake of these objects. Its views have a cut between two roads if `switched_at` is set."""


class DuckDb:
    """The sandbox's Athena, in this process and without accounts."""

    name = "sandbox"

    def __init__(self, memory_megabytes: int = 0) -> None:
        """With 0, the engine keeps the sandbox's memory limit."""
        if memory_megabytes:
            shared_database().cursor().execute(f"SET GLOBAL memory_limit = '{memory_megabytes}MB'")

    def lake(self, _: str, objects: Iterable[Object], switched_at: str | None = None) -> Lake:
        """A lake in memory, which needs no name."""
        lake = MemoryLake(COLUMNS)
        for day, key, body in objects:
            lake.put_bytes(body, day=day, name=key)
        for view in definitions(NAME, TABLE, COLUMNS, TYPES, switched_at):
            lake.run(view.statement)
        return lake


class RealTrino:
    """Trino on the Glue catalog and the bucket of a sandbox's consumer account."""

    name = "trino"

    def __init__(self, account: AccountLake, server: Trino) -> None:
        self._account, self._server = account, server

    def lake(self, name: str, objects: Iterable[Object], switched_at: str | None = None) -> Lake:
        """A database of this name with a table `changes` and its views."""
        database = self._account.create_database(name)
        root = self._account.declare(
            "changes", COLUMNS, first_day=DAYS[0], last_day=DAYS[-1], database=database
        )
        for day, key, body in objects:
            self._account.put_bytes(f"{root}/dt={day}/{key}", body)
        for view in definitions(NAME, TABLE, COLUMNS, TYPES, switched_at):
            self._account.query(view.statement, database)
        self._account.share_views(database)
        return _TrinoLake(self._server, database)


class _TrinoLake:
    def __init__(self, server: Trino, database: str) -> None:
        self._server, self._database = server, database

    def ask(self, sql: str) -> Rows:
        """A query's rows, as texts."""
        rows = self._server.client.execute(sql, self._database, timeout=SECONDS).rows
        return [[None if cell is None else str(cell) for cell in row] for row in rows]


@contextmanager
def real_trino(memory_megabytes: int) -> Iterator[RealTrino]:
    """A server with this much memory. Raises `EngineMissingError` if it cannot run here."""
    server = assembly.prepare()
    with Sandbox(speed=60) as sandbox, TemporaryDirectory(prefix="ddb-lake-soak-") as folder:
        sandbox.launch(plan_launches("consumer"))
        account = AccountLake(sandbox)
        day, memory = "2026-11-20", memory_megabytes
        with Trino.over(account, server, Path(folder), probed_day=day, memory_megabytes=memory) as running:
            yield RealTrino(account, running)
