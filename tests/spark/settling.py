"""A lake, its deployed settle job, and the comparison of settled tables with the raw rows.

The comparison reads the tables with Spark and everything else with the sandbox's engine, in this process: the
raw objects, the raw views, and the views over both tables and `unsettled_changes` as the job left it.
"""

import base64
import datetime as dt
import gzip
import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from glue.tables import METADATA_COLUMNS
from sandbox.athena.engine.query import Query
from sandbox.jobs.deployed import Code
from sandbox.lifecycle import Sandbox
from scripts.core.views import Settled, View, definitions
from settled.names import CHANGES, ITEMS, LEANS, OBJECT, OBJECTS, SWITCHED, TAG, TIES, UNSETTLED, ending
from settled.unsettled import sql_of
from tests.sandbox.lake import Lake
from tests.settled.lake import differences, put_settled
from tests.spark.deployed import DeployedJob, JobEndedError
from tests.sql.lake import Lake as MemoryLake

ORDERS = {
    "current": "change_key, change_table",
    "history": "change_key, change_number",
    "gaps": "change_key, change_time, missing, broken_state",
}
Rows = list[list[Any]]
Edit = tuple[str, str, str]
# The fields of glue:GetTable's answer that glue:UpdateTable accepts.
TABLE_INPUT = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")


def view_input(name: str, select: str) -> Any:
    """A view as Athena stores it in Glue, for CreateTable."""
    text = base64.b64encode(json.dumps({"originalSql": select}).encode()).decode()
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": f"/* Presto View: {text} */",
        "ViewExpandedText": "",
    }


class SettleJob(DeployedJob):
    """The deployed job in one process. What a test does not pass is as deployed, but old days count too."""

    def __init__(
        self, sandbox: Sandbox, spark: Any, folder: Path, *, long: bool = False, edit: Edit | None = None
    ) -> None:
        """`edit` is one wrong edit of the library: the file, the text in it, and the text instead."""
        super().__init__(sandbox, spark, folder, "SettleJobName", long=long)
        self._edit = edit
        self.arguments |= {"--checked-days": "36500", "--margin-minutes": "0"}

    def prepare(self, code: Code) -> None:
        """Make the wrong edit."""
        if self._edit:
            [library] = code.libraries
            edit_library(library, self._edit)

    def peak_memory(self) -> int:
        """The sum of the most bytes that each process of the session has had, as the kernel counts."""
        total = 0
        for folder in self._processes():
            with suppress(OSError):
                found = re.search(r"^VmHWM:\s+(\d+) kB", (folder / "status").read_text(), re.MULTILINE)
                total += int(found[1]) * 1024 if found else 0
        return total

    def processor_seconds(self) -> float:
        """The seconds that the processes of the session have had a processor.

        Python workers that have ended are not counted: their parent does not wait for them.
        """
        total = 0
        for folder in self._processes():
            with suppress(OSError):
                # proc(5): fields 14 and 15 are the time of the process in user mode and in the kernel.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def _processes(self) -> Iterator[Path]:
        """The folder in /proc of each process of the session."""
        group = os.getpgid(self._process.child.pid)
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getsid(int(folder.name)) == group:
                    yield folder

    def request(self, **request: Any) -> dict[str, Any]:
        """Any request of the driver."""
        with self._lock:
            line = self._process.ask(json.dumps(request))
        if not line:
            raise JobEndedError(self._process.tail(20))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def words(self, **changed: str) -> list[str]:
        """The arguments of a run, as the script gets them."""
        arguments = self.arguments | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
        return [text for name, value in arguments.items() for text in (name, str(value))]

    def parallel(self, count: int, **changed: str) -> dict[str, Any]:
        """Several runs at the same time, in threads of one process."""
        return self.request(parallel=count, arguments=self.words(**changed))

    def ask(
        self, sql: str, views: Mapping[str, Any] | None = None, steps: Mapping[str, str] | None = None
    ) -> Rows:
        """The rows of a statement of Spark SQL, with these tables and views."""
        answer = self.request(sql=sql, views=views or {}, steps=steps or {})
        assert "error" not in answer, answer["error"]
        rows: Rows = answer["rows"]
        return rows


def edit_library(library: Path, edit: Edit) -> None:
    """Change one file of a zip. An edit whose text is not there once is an error."""
    with zipfile.ZipFile(library) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name, old, new = edit
    text = files[name].decode()
    assert text.count(old) == 1, f"{text.count(old)} times in {name}: correct the edit"
    files[name] = text.replace(old, new).encode()
    with zipfile.ZipFile(library, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@dataclass
class SettledLake:
    """The lake of a sandbox and the job that settles it."""

    sandbox: Sandbox
    job: SettleJob
    objects: dict[str, bytes] = field(default_factory=dict)  # by key: what the lake has

    @cached_property
    def lake(self) -> Lake:
        """The lake as the account's user has it."""
        return Lake(self.sandbox)

    @property
    def s3(self) -> Any:
        """The S3 of the lake's account."""
        return self.sandbox.session("consumer").client("s3")

    def day(self, back: int = 0) -> str:
        """The day so many days ago, UTC."""
        return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=back)).isoformat()

    def put(self, lines: Iterable[str | bytes], name: str, day: str = "") -> str:
        """Write lines as one object; returns its path."""
        body = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
        return self.put_bytes(gzip.compress(body, 1, mtime=0), name, day)

    def put_bytes(self, body: bytes, name: str, day: str = "") -> str:
        """Write one object; returns its path."""
        key = f"data/dt={day or self.day()}/{name}"
        self.lake.put_bytes(key, body)
        self.objects[key] = body
        return f"s3://{self.lake.bucket}/{key}"

    def remove(self, path: str) -> None:
        """Delete an object."""
        key = path.split("/", 3)[3]
        self.s3.delete_object(Bucket=self.lake.bucket, Key=key)
        del self.objects[key]

    def remove_table(self, name: str) -> None:
        """Delete a table or view from the catalog, if it is there."""
        with suppress(self.lake.glue.exceptions.EntityNotFoundException):
            self.lake.glue.delete_table(DatabaseName=self.lake.database, Name=name)

    def empty(self) -> None:
        """Delete the raw objects, settled pairs, views that name columns of items, and these columns."""
        for path in [f"s3://{self.lake.bucket}/{key}" for key in self.objects]:
            self.remove(path)
        pages = self.lake.glue.get_paginator("get_tables").paginate(DatabaseName=self.lake.database)
        for name in [table["Name"] for page in pages for table in page["TableList"]]:
            if name.startswith((CHANGES, ITEMS, UNSETTLED, "current_")):
                self.remove_table(name)
        changes: Any = self.lake.glue.get_table(DatabaseName=self.lake.database, Name="changes")["Table"]
        definition: Any = {name: changes[name] for name in TABLE_INPUT}
        columns = definition["StorageDescriptor"]["Columns"]
        definition["StorageDescriptor"]["Columns"] = [c for c in columns if c["Name"] in METADATA_COLUMNS]
        self.lake.glue.update_table(DatabaseName=self.lake.database, TableInput=definition)

    def table(self, name: str) -> str:
        """A settled table as Spark names it."""
        return f"lake.`{self.lake.database}`.`{name}`"

    def settled(self, name: str) -> list[dict[str, Any]]:
        """The rows of a settled table; none if there is no such table yet."""
        answer = self.job.request(sql=f"SELECT * FROM {self.table(name)}")
        if "error" in answer:
            assert "TABLE_OR_VIEW_NOT_FOUND" in answer["error"], answer["error"]
            return []
        return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]

    def properties(self, name: str) -> dict[str, str]:
        """The properties of a settled table."""
        return {row[0]: row[1] for row in self.job.ask(f"SHOW TBLPROPERTIES {self.table(name)}")}

    def unsettled(self) -> str:
        """The SELECT of the view `unsettled_changes`; empty if there is none."""
        try:
            view = self.lake.glue.get_table(DatabaseName=self.lake.database, Name=UNSETTLED)["Table"]
        except self.lake.glue.exceptions.EntityNotFoundException:
            return ""
        return sql_of(view) or ""

    def columns(self) -> tuple[str, ...]:
        """The columns of items that the lake's table has."""
        table = self.lake.glue.get_table(DatabaseName=self.lake.database, Name="changes")["Table"]
        names = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
        return tuple(name for name in names if name not in METADATA_COLUMNS)

    def compare(self, *sources: str, ended: bool = True, switched_at: str | None = None) -> "Compared":
        """Compare what is settled with the raw rows of some source tables. Raises AssertionError.

        `switched_at` is the cut between two roads that the views have.

        `ended` is for a state after a run that ended well: every row is settled. Without it, the views over
        settled and unsettled rows must be right nevertheless, and no row may be settled twice.
        """
        compared = Compared(self, self.columns(), switched_at)
        for source in sources:
            compared.check(source, ended=ended)
        if ended:
            index = {row[OBJECT] for row in self.settled(OBJECTS)}
            assert index >= {f"s3://{self.lake.bucket}/{key}" for key in self.objects}
        return compared


class _Memory(MemoryLake):
    """A lake in memory whose clock is the machine's."""

    def query(self, **settings: Any) -> Query:
        """A query that has not started."""
        return Query(
            self.catalog, self.store, database="ddb_lake", now=lambda: dt.datetime.now(dt.UTC), **settings
        )


class Compared:
    """A copy of the lake in memory, in which both kinds of views are asked."""

    def __init__(self, lake: SettledLake, columns: tuple[str, ...], switched_at: str | None = None) -> None:
        self._lake, self._columns, self._switched_at = lake, columns, switched_at
        self.memory = _Memory(columns)
        for key, body in lake.objects.items():
            self.memory.store.add(key, body)
        self.items: dict[str, list[dict[str, Any]]] = {}
        self.settled: dict[str, Settled] = {}

    def check(self, source: str, *, ended: bool) -> None:
        """Compare one source table."""
        columns = (*METADATA_COLUMNS, "dt", *self._columns)
        changes = [
            row for row in self._lake.settled(CHANGES + ending(source)) if row["change_table"] == source
        ]
        raw = Counter(self._raw(source, columns))
        settled = Counter(
            (row[OBJECT].split("/", 3)[3], *(row.get(column) for column in columns)) for row in changes
        )
        assert {row: count for row, count in settled.items() if count > raw[row]} == {}, (
            "a row is settled twice"
        )
        if ended:
            assert {row: count for row, count in raw.items() if count > settled[row]} == {}, (
                "a row is missing"
            )
        items = [row for row in self._lake.settled(ITEMS + ending(source)) if row["change_table"] == source]
        assert len({row["change_key"] for row in items}) == len(items), "an item is there twice"
        self.items[source] = items
        wanted = self._views(source, None)
        if ended:
            view = wanted["current"]
            shown, names = self.by_key(view), self._shown(view)
            stored = {
                row["change_key"]: [[row[column] for column in names]]
                for row in items
                if row["change_type"] != "REMOVE"
                and not (row["change_type"] == "SNAPSHOT" and not row["change_after"])
            }
            assert differences(shown, stored) == {}, "settled_items is not the raw view"
        if changes or items:
            self._check_views(source, wanted, changes, items)

    def _raw(self, source: str, columns: Sequence[str]) -> Iterable[tuple[Any, ...]]:
        listed = ", ".join(f'"{column}"' for column in columns)
        rows = self.memory.ask(
            f"SELECT \"$path\", {listed} FROM changes WHERE change_table = '{source}' "
            "AND change_key IS NOT NULL AND change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"
        )
        return ((str(row[0]).split("/", 3)[3], *row[1:]) for row in rows)

    def _check_views(
        self,
        source: str,
        wanted: Mapping[str, View],
        changes: list[dict[str, Any]],
        items: list[dict[str, Any]],
    ) -> None:
        """The views over what is settled and what the job shows as unsettled."""
        stored_changes, stored_items = (
            [
                json.dumps(
                    {
                        name: value
                        for name, value in row.items()
                        if value is not None and name not in (OBJECT, TAG)
                    }
                )
                for row in rows
            ]
            for rows in (changes, items)
        )
        put_settled(self.memory, stored_changes, stored_items, self._columns, source)
        select = self._lake.unsettled().replace(f"s3://{self._lake.lake.bucket}/", "s3://lake/")
        self.memory.run(f"CREATE OR REPLACE VIEW {UNSETTLED} AS\n{select or 'SELECT * FROM changes'}")
        stored = (*METADATA_COLUMNS, "dt", *self._columns)
        cut = self._lake.properties(ITEMS + ending(source)).get(SWITCHED, "none") if items else "none"
        settled = self.settled[source] = Settled(stored, stored, None if cut == "none" else cut)
        for kind, view in self._views(source, settled).items():
            assert differences(self.by_key(wanted[kind]), self.by_key(view)) == {}, f"{kind} differs"

    def _views(self, source: str, settled: Settled | None) -> dict[str, View]:
        made = definitions("raw", source, self._columns, {}, self._switched_at, settled=settled)
        return {view.name.removesuffix("_raw"): view for view in made}

    def create_views(self, name: str, source: str, types: Mapping[str, str]) -> MemoryLake:
        """The lake in memory, with the shipped views over a source table's settled tables."""
        settled, cut = self.settled[source], self._switched_at
        for view in definitions(name, source, self._columns, types, cut, settled=settled):
            self.memory.run(view.statement)
        return self.memory

    def by_key(self, view: View) -> dict[str, Rows]:
        """The rows of a view by the item's key, in order."""
        order = ORDERS[view.name.removesuffix("_raw")].replace(", change_table", "")
        result = self.memory.run(f"SELECT * FROM ({view.select}) ORDER BY {order}")
        place = [column.name for column in result.columns].index("change_key")
        rows: dict[str, Rows] = {}
        for row in result.rows or []:
            rows.setdefault(str(row[place]), []).append(row)
        return rows

    def _shown(self, view: View) -> list[str]:
        result = self.memory.run(f"SELECT * FROM ({view.select}) LIMIT 0")
        return [column.name for column in result.columns]

    def ties(self, source: str) -> dict[str, tuple[int, bool]]:
        """By key: how many changes an item has at its newest time, and whether the state before decides."""
        return {row["change_key"]: (row[TIES], row[LEANS]) for row in self.items[source]}
