"""The two engines that run the views, each with its own lakes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from glue.tables import METADATA_COLUMNS
from sandbox.athena.engine.database import shared_database
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from scripts.core.views import definitions
from settled.unsettled import statement
from tests.sandbox.lake import Lake as AccountLake
from tests.settled.lake import plain_tables
from tests.soak.delivery import DAYS
from tests.soak.histories import COLUMNS, TABLE
from tests.soak.settled import Object, Part
from tests.sql.lake import Lake as MemoryLake
from tests.trino import assembly
from tests.trino.server import Trino

NAME = "soak"
TYPES = {"n": "bigint"}
SECONDS = 1_800.0

Rows = list[list[str | None]]


class Views(Protocol):
    """The shipped views of the table."""

    def ask(self, sql: str) -> Rows:
        """A query's rows, as texts."""


class Lake(Views, Protocol):
    """A lake with the shipped views of the table on it."""

    def put(self, objects: Iterable[Object]) -> None:
        """Write more objects."""

    def settled(self, part: Part) -> "Lake":
        """The same objects with settled tables, as plain tables, and the views over them.

        A lake in memory has one settled part: this one replaces the one before.
        """


class Engine(Protocol):
    """Something that answers SQL over lakes."""

    name: str

    def lake(self, name: str, objects: Iterable[Object], switched_at: str | None = None, /) -> Lake:
        """A lake of these objects. Its views have a cut between two roads if `switched_at` is set."""


def _statements(part: Part, root: str) -> list[str]:
    """The statements that create the views over a settled part of the objects below `root`."""
    unsettled = statement(part.split.opening(root), (*METADATA_COLUMNS, *COLUMNS))
    views = definitions(NAME, TABLE, COLUMNS, TYPES, part.switched_at, settled=part.tables)
    return [unsettled, *(view.statement for view in views)]


class DuckDb:
    """The sandbox's Athena, in this process and without accounts."""

    name = "sandbox"

    def __init__(self, memory_megabytes: int = 0) -> None:
        """With 0, the engine keeps the sandbox's memory limit."""
        if memory_megabytes:
            shared_database().cursor().execute(f"SET GLOBAL memory_limit = '{memory_megabytes}MB'")

    def lake(self, _: str, objects: Iterable[Object], switched_at: str | None = None) -> "SandboxLake":
        """A lake in memory, which needs no name."""
        lake = SandboxLake(MemoryLake(COLUMNS))
        lake.put(objects)
        for view in definitions(NAME, TABLE, COLUMNS, TYPES, switched_at):
            lake.memory.run(view.statement)
        return lake


class SandboxLake:
    """A lake in memory."""

    def __init__(self, memory: MemoryLake) -> None:
        self.memory = memory

    def ask(self, sql: str) -> Rows:
        """A query's rows, as texts."""
        return self.memory.ask(sql)

    def put(self, objects: Iterable[Object]) -> None:
        """Write more objects."""
        for day, name, body in objects:
            self.memory.put_bytes(body, day=day, name=name)

    def settled(self, part: Part) -> "SandboxLake":
        """The same objects, with settled tables."""
        lake = MemoryLake(COLUMNS)
        lake.store = store = self.memory.store
        for _, key in [one for one in store.objects if one[1].startswith("settled/")]:
            del store.objects["lake", key]
        lake.catalog.definitions["ddb_lake"] |= plain_tables(COLUMNS, TABLE)
        for table, objects in part.objects.items():
            for name, body in objects:
                store.add(f"settled/{table}/{name}", body)
        for sql in _statements(part, "s3://lake/data"):
            lake.run(sql)
        return SandboxLake(lake)


class RealTrino:
    """Trino on the Glue catalog and the bucket of a sandbox's consumer account."""

    name = "trino"

    def __init__(self, account: AccountLake, server: Trino) -> None:
        self._account, self._server = account, server

    def lake(self, name: str, objects: Iterable[Object], switched_at: str | None = None) -> "_TrinoLake":
        """A database of this name with a table `changes` and its views."""
        lake = _TrinoLake(self._account, self._server, name)
        lake.put(objects)
        for view in definitions(NAME, TABLE, COLUMNS, TYPES, switched_at):
            self._account.query(view.statement, name)
        self._account.share_views(name)
        return lake


class _TrinoLake:
    def __init__(self, account: AccountLake, server: Trino, database: str, root: str = "") -> None:
        """A database with a table `changes`, on the objects at `root` or on none."""
        self._account, self._server = account, server
        self._database, self._parts = account.create_database(database), 0
        self._root = account.declare(
            "changes", COLUMNS, first_day=DAYS[0], last_day=DAYS[-1], database=database, root=root
        )

    def ask(self, sql: str) -> Rows:
        """A query's rows, as texts."""
        rows = self._server.client.execute(sql, self._database, timeout=SECONDS).rows
        return [[None if cell is None else str(cell) for cell in row] for row in rows]

    def put(self, objects: Iterable[Object]) -> None:
        """Write more objects."""
        for day, name, body in objects:
            self._account.put_bytes(f"{self._root}/dt={day}/{name}", body)

    def settled(self, part: Part) -> "_TrinoLake":
        """The same objects in another database, with settled tables."""
        self._parts += 1
        account, database = self._account, f"{self._database}_settled_{self._parts}"
        lake = _TrinoLake(account, self._server, database, self._root)
        place = f"tables/{database}/settled"
        tables: Any = plain_tables(COLUMNS, TABLE, f"s3://{account.bucket}/{place}")
        for table, definition in tables.items():
            del definition["DatabaseName"]
            account.glue.create_table(DatabaseName=database, TableInput=definition)
            for name, body in part.objects[table]:
                account.put_bytes(f"{place}/{table}/{name}", body)
        for sql in _statements(part, f"s3://{account.bucket}/{self._root}"):
            account.query(sql, database)
        account.share_views(database)
        return lake


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
