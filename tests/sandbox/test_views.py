"""`python -m scripts.views` as a user runs it, over the shipped stacks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.commands import run_module
from tests.sandbox.crawls import crawl, wait_for_column
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
Verb = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def verb(two_accounts: Sandbox) -> Verb:
    """Run a verb of scripts with the consumer's profile."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_module(two_accounts, f"scripts.{name}", "--profile", "consumer", *arguments)

    return run


def rows(verb: Verb, sql: str) -> list[dict[str, Any]]:
    """A query's rows."""
    done = verb("query", "--output", "json", sql)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return found


def test_views_show_the_items_their_history_and_no_gap(
    two_accounts: Sandbox, verb: Verb, unique: str, tmp_path: Path
) -> None:
    """With the proposed types; refreshed after the schema grew; a wrong option changes nothing."""
    table = two_accounts.outputs["SourceTableName"]
    client = two_accounts.session("producer").client("dynamodb")
    for total in ("1.5", "2.25"):
        client.put_item(
            TableName=table, Item={"pk": {"S": unique}, unique: {"N": total}, "valid_from": {"S": "x"}}
        )
    client.put_item(TableName=table, Item={"pk": {"S": f"{unique}-gone"}})
    client.delete_item(TableName=table, Key={"pk": {"S": f"{unique}-gone"}})
    mine = f"change_key LIKE '%{unique}%'"
    wait_until(
        lambda: rows(verb, f"SELECT count(*) AS n FROM changes WHERE {mine}") == [{"n": 4}], "delivery", 60
    )
    glue = two_accounts.session("consumer").client("glue")
    crawl(glue, two_accounts.outputs["CrawlerName"])
    database = two_accounts.outputs["DatabaseName"]
    wait_for_column(glue, database, unique)

    nobody = verb("views", "no-such-table")
    assert (nobody.returncode, "has no changes of table no-such-table" in nobody.stderr) == (1, True)
    proposed = verb("views", table, "--name", unique, "--propose-types")
    assert f"{unique}: decimal(38, 4)" in proposed.stdout.splitlines()
    shown = verb("views", table, "--name", unique, "--dry-run")
    assert shown.stdout.count("CREATE OR REPLACE VIEW") == 3
    tables = glue.get_tables(DatabaseName=database)["TableList"]
    assert not any(unique in view["Name"] for view in tables)

    types = tmp_path / "types.yaml"
    types.write_text(f"{unique}: decimal(38, 2)\n")
    created = verb("views", table, "--name", unique, "--types", str(types))
    assert created.returncode == 0, created.stderr
    assert created.stdout.split() == [f"current_{unique}", f"gaps_{unique}", f"history_{unique}"]
    assert rows(verb, f"SELECT pk, {unique} + 1 AS more FROM current_{unique} WHERE {mine}") == [
        {"pk": unique, "more": 3.25}
    ]
    history = (
        f"SELECT change_number, change_type FROM history_{unique} WHERE {mine} ORDER BY pk, change_number"
    )
    assert [(row["change_number"], row["change_type"]) for row in rows(verb, history)] == [
        (1, "INSERT"),
        (2, "MODIFY"),
        (1, "INSERT"),
        (2, "REMOVE"),
    ]
    assert rows(verb, f"SELECT * FROM gaps_{unique} WHERE {mine}") == []
