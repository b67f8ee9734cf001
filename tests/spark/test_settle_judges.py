"""Two readers that share no code with the writer read the settled tables: PyIceberg, and DuckDB in C++.

PyIceberg plans in the sandbox's Athena. DuckDB reads a local copy of the table's folder. Both must read what
Spark reads, after appends, merges, a column that came later, and the upkeep; and Spark reads what the raw
rows say. Wrong readers must be told apart on the same tables.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from settled.names import CHANGES, ITEMS
from tests.ci import in_ci
from tests.settled.histories import RUNS, TABLE, rows_of, search
from tests.spark.settling import SettledLake
from tests.tool_environments import ToolMissingError, tool

PROGRAM = Path(__file__).parent / "programs" / "duckdb_rows.py"
HISTORIES = 300
LATER = "later"  # a column that only the rows of the last run have
Rows = list[list[Any]]


class Judged:
    """A lake after three runs, the last one with a new column, each with upkeep; what Spark reads in it."""

    def __init__(self, lake: SettledLake, folder: Path) -> None:
        rows = rows_of(search(HISTORIES, 5, 2_003))
        for run in range(1, RUNS + 1):
            lines = [row.line(**({LATER: "x"} if run == RUNS else {})) for row in rows if row.run == run]
            lake.put(lines, f"judged-{run}.gz", lake.day(RUNS - run))
            lake.job.run(maintain_hours="0")
        lake.compare(TABLE)
        self.lake, self._folder = lake, folder
        self.columns: dict[str, list[str]] = {}
        self.expected: dict[str, Rows] = {}
        for kind in (CHANGES, ITEMS):
            spark = lake.settled(kind + TABLE)
            self.columns[kind] = list(spark[0])
            values = ([row[column] for column in spark[0]] for row in spark)
            self.expected[kind] = sorted(values, key=repr)

    def copy(self, kind: str) -> Path:
        """The metadata file of a table, in a copy of the table's folder."""
        name = kind + TABLE
        folder = self._folder / kind
        pages = self.lake.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.lake.lake.bucket, Prefix=f"settled/{name}/"
        )
        for entry in (entry for page in pages for entry in page["Contents"]):
            path = folder / entry["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            body = self.lake.s3.get_object(Bucket=self.lake.lake.bucket, Key=entry["Key"])["Body"]
            path.write_bytes(body.read())
        table: Any = self.lake.lake.glue.get_table(DatabaseName=self.lake.lake.database, Name=name)["Table"]
        location: str = table["Parameters"]["metadata_location"]
        return folder / location.split("/", 3)[3]

    def athena(self, kind: str, *columns: str, at: str = "") -> Rows:
        """The rows of a table as the sandbox's Athena returns them, in order."""
        listed = ", ".join(f'"{column}"' for column in columns or self.columns[kind])
        _, found = self.lake.lake.query(f"SELECT {listed} FROM {kind + TABLE} {at}")
        return sorted(found, key=repr)

    def texts(self, kind: str) -> Rows:
        """What Spark reads, as Athena returns it."""
        rows = self.expected[kind]
        return sorted(([None if one is None else _text(one) for one in row] for row in rows), key=repr)


@pytest.fixture(scope="module")
def judged(settled_lake: SettledLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """The lake, for all tests of this file."""
    yield Judged(settled_lake, tmp_path_factory.mktemp("copies"))
    settled_lake.empty()


def duckdb(metadata: Path, columns: list[str]) -> subprocess.CompletedProcess[str]:
    """DuckDB's reader on a metadata file."""
    try:
        python = tool("duckdb-iceberg", "python")
    except ToolMissingError as error:
        if in_ci():
            raise
        pytest.skip(f"left out: DuckDB's reader of Iceberg: {error}")
    command = [str(python), str(PROGRAM), str(metadata), *columns]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def duckdb_rows(metadata: Path, columns: list[str]) -> Rows:
    """The rows that DuckDB reads, in order."""
    done = duckdb(metadata, columns)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _text(value: Any) -> str:
    """A value as Athena returns it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


every_table = pytest.mark.parametrize("kind", [CHANGES, ITEMS])


@every_table
def test_duckdb_reads_the_rows_of_spark(judged: Judged, kind: str) -> None:
    """Every row and column."""
    place = judged.columns[kind].index(LATER)
    assert len(judged.expected[kind]) > HISTORIES
    assert {row[place] for row in judged.expected[kind]} == {None, "x"}
    assert duckdb_rows(judged.copy(kind), judged.columns[kind]) == judged.expected[kind]


@every_table
def test_athena_reads_the_rows_of_spark(judged: Judged, kind: str) -> None:
    """Every row and column, as texts."""
    assert judged.athena(kind) == judged.texts(kind)


def earlier(content: dict[str, Any]) -> None:
    """The snapshot before the last one that changed rows is the current one."""
    changing = [one for one in content["snapshots"] if one["summary"]["operation"] != "replace"]
    content["current-snapshot-id"] = changing[-2]["snapshot-id"]
    content.get("refs", {}).pop("main", None)


def without_the_later_column(content: dict[str, Any]) -> None:
    """The last column's rows are not found: it has another field id."""
    for schema in content["schemas"]:
        for field in schema["fields"]:
            if field["name"] == LATER:
                field["id"] = content["last-column-id"] + 1


@every_table
@pytest.mark.parametrize("wrong", [earlier, without_the_later_column])
def test_a_reader_of_another_state_is_noticed(
    judged: Judged, tmp_path: Path, kind: str, wrong: Callable[[dict[str, Any]], None]
) -> None:
    """One that reads an earlier snapshot, or ignores that a column was added, reads other rows."""
    copied = judged.copy(kind)
    root = tmp_path / "table"
    shutil.copytree(copied.parent.parent, root)
    metadata = root / "metadata" / copied.name
    content = json.loads(metadata.read_text())
    wrong(content)
    metadata.write_text(json.dumps(content))
    assert duckdb_rows(metadata, judged.columns[kind]) != judged.expected[kind]


@every_table
def test_a_lost_file_is_noticed(judged: Judged, tmp_path: Path, kind: str) -> None:
    """A data file that the current snapshot has: the reader fails, and does not leave out its rows."""
    copied = judged.copy(kind)
    root = tmp_path / "table"
    shutil.copytree(copied.parent.parent, root)
    path = judged.lake.job.ask(f"SELECT file_path FROM {judged.lake.table(kind + TABLE)}.files LIMIT 1")[0][0]
    (root / path.split(f"{kind}{TABLE}/", 1)[1]).unlink()
    done = duckdb(root / "metadata" / copied.name, judged.columns[kind])
    assert done.returncode != 0
    assert "No such file" in done.stderr or "No files found" in done.stderr, done.stderr[-500:]


@every_table
def test_an_earlier_snapshot_is_noticed_in_athena(judged: Judged, kind: str) -> None:
    """As time travel reads it. It has no later column, so the others are compared."""
    name = kind + TABLE
    snapshots = judged.lake.job.ask(
        f"SELECT snapshot_id FROM {judged.lake.table(name)}.snapshots "
        "WHERE operation <> 'replace' ORDER BY committed_at"
    )
    columns = [column for column in judged.columns[kind] if column != LATER]
    then = f"FOR VERSION AS OF {snapshots[-2][0]}"
    assert judged.athena(kind, *columns, at=then) != judged.athena(kind, *columns)


@every_table
def test_no_reader_needs_to_apply_deletes(judged: Judged, kind: str) -> None:
    """The job rewrites files: a reader that ignores delete files reads the same rows."""
    found = judged.lake.job.ask(f"SELECT count(*) FROM {judged.lake.table(kind + TABLE)}.all_delete_files")
    assert found == [[0]]


def test_replaced_files_are_not_read(judged: Judged) -> None:
    """The folder of the items has files of earlier snapshots: a reader of all files has rows twice."""
    table = judged.lake.table(ITEMS + TABLE)
    [[now]] = judged.lake.job.ask(f"SELECT count(*) FROM {table}.files")
    [[ever]] = judged.lake.job.ask(f"SELECT count(DISTINCT file_path) FROM {table}.all_data_files")
    assert ever > now
