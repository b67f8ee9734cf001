"""A table of the lake is dropped by hand, and the commands of its page in docs/operations/ recover it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from scripts.core.athena import LAKE_TABLES, RECOVERY
from tests.sandbox.commands import run_module
from tests.sandbox.crawls import crawl, wait_for_column
from tests.sandbox.lake import Lake
from tests.sandbox.rows import item_lines

pytestmark = pytest.mark.sandbox

DAY = "2026-11-19"
QUERY = ("scripts.query", "--profile", "consumer", "--output", "csv")
COUNTED = "SELECT count(total) AS n FROM current_orders"


@pytest.fixture
def lake() -> Iterator[Lake]:
    """A separate lake, with an item, its columns and its views."""
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches("consumer", parameters={"consumer": ["ItemColumns=named"]}))
        lake = Lake(sandbox)
        lake.put(item_lines({"pk": {"S": "a"}, "total": {"N": "1"}}), DAY)
        crawl(lake.glue, sandbox.outputs["CrawlerName"])
        wait_for_column(lake.glue, lake.database, "total")
        views = run_module(sandbox, "scripts.views", "orders", "--profile", "consumer")
        assert views.returncode == 0, views.stderr
        yield lake


def recovery() -> str:
    """The first block of commands on the page."""
    page = (REPOSITORY / RECOVERY).read_text(encoding="utf-8")
    return page.partition("```sh\n")[2].partition("```\n")[0]


def follow(lake: Lake, commands: str) -> None:
    """Run the commands as written, with the tests' `python` and `aws`."""
    environment = lake.sandbox.environment()
    folders = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=REPOSITORY,
        env={**environment, "PATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_dropped_table_is_restored_with_its_columns_and_rows(lake: Lake) -> None:
    """The error of the query leads to the page; after its two commands every query works as before."""
    before: Any = lake.glue.get_table(DatabaseName=lake.database, Name="changes")["Table"]
    for name in ("changes", "change_lines"):
        lake.glue.delete_table(DatabaseName=lake.database, Name=name)
    for sql in ("SELECT count(*) FROM changes", "SELECT count(*) FROM change_lines", COUNTED):
        failed = run_module(lake.sandbox, *QUERY, sql)
        assert (failed.returncode, RECOVERY in failed.stderr) == (1, True), failed.stderr
    lake.glue.delete_table(DatabaseName=lake.database, Name="errors")

    create, deploy = recovery().splitlines()
    tables = [create.replace("changes", name) for name in sorted(LAKE_TABLES)]
    follow(lake, "\n".join([*tables, f"{deploy} --yes"]))  # no one confirms the plan here

    after: Any = lake.glue.get_table(DatabaseName=lake.database, Name="changes")["Table"]
    before["Parameters"]["projection.dt.range"] = "2025-12-31,NOW+1DAY"
    for name in ("Parameters", "PartitionKeys", "TableType"):
        assert after[name] == before[name]
    for name in before["StorageDescriptor"].keys() - {"Columns"}:
        assert after["StorageDescriptor"][name] == before["StorageDescriptor"][name], name
    columns = [
        {column["Name"]: column["Type"] for column in t["StorageDescriptor"]["Columns"]}
        for t in (before, after)
    ]
    assert columns[1] == columns[0]
    for sql in (COUNTED, 'SELECT count(total) AS "n" FROM changes', "SELECT count(*) AS n FROM change_lines"):
        answered = run_module(lake.sandbox, *QUERY, sql)
        assert answered.stdout == '"n"\n"1"\n', answered.stderr
