"""Two readers that share no code with the writer read the settled tables: PyIceberg, and DuckDB in C++.

PyIceberg plans in the sandbox's Athena. DuckDB reads a local copy of the table's folder. Both must read what
Spark reads, after appends, merges, a column that came later, and the upkeep.
"""

from __future__ import annotations

import json
import subprocess
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


def duckdb_rows(lake: SettledLake, name: str, columns: list[str], folder: Path) -> list[list[Any]]:
    """The table's rows as DuckDB reads them from a copy of its folder."""
    try:
        python = tool("duckdb-iceberg", "python")
    except ToolMissingError as error:
        if in_ci():
            raise
        pytest.skip(f"left out: DuckDB's reader of Iceberg: {error}")
    place = f"settled/{name}/"
    pages = lake.s3.get_paginator("list_objects_v2").paginate(Bucket=lake.lake.bucket, Prefix=place)
    for entry in (entry for page in pages for entry in page["Contents"]):
        path = folder / entry["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lake.s3.get_object(Bucket=lake.lake.bucket, Key=entry["Key"])["Body"].read())
    table: Any = lake.lake.glue.get_table(DatabaseName=lake.lake.database, Name=name)["Table"]
    metadata = folder / table["Parameters"]["metadata_location"].split("/", 3)[3]
    command = [str(python), str(PROGRAM), str(metadata), *columns]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", [CHANGES, ITEMS])
def test_three_readers_read_the_same_rows(own_lake: SettledLake, tmp_path: Path, kind: str) -> None:
    """Rows of small histories in three runs, the last one with upkeep and a new column."""
    rows = rows_of(search(HISTORIES, 5, 2_003))
    for run in range(1, RUNS + 1):
        lines = [row.line(**({"later": "x"} if run == RUNS else {})) for row in rows if row.run == run]
        own_lake.put(lines, f"judged-{run}.gz", own_lake.day(RUNS - run))
        own_lake.job.run(maintain_hours="0")
    name = kind + TABLE
    spark = own_lake.settled(name)
    columns = list(spark[0])
    expected = sorted(([row[column] for column in columns] for row in spark), key=repr)
    assert len(expected) > HISTORIES
    assert any(row["later"] for row in spark)
    assert any(row["later"] is None for row in spark)
    assert duckdb_rows(own_lake, name, columns, tmp_path) == expected
    listed = ", ".join(f'"{column}"' for column in columns)
    _, found = own_lake.lake.query(f"SELECT {listed} FROM {name}")
    texts = [[None if cell is None else _text(cell) for cell in row] for row in expected]
    assert sorted(found, key=repr) == sorted(texts, key=repr)


def _text(value: Any) -> str:
    """A value as Athena returns it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
