"""The whole path in both layouts: put, deliver, compare lake and table, crawl, query, and denied access."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.demo import _batches, _write
from sandbox.lifecycle import Sandbox
from sandbox.workload import KeySchema, Workload
from tests.sandbox.commands import run_module
from tests.sandbox.crawls import crawl, wait_for_column

pytestmark = pytest.mark.sandbox
ITEMS = 300


def run(sandbox: Sandbox, *arguments: str) -> dict[str, Any]:
    """Run a command, which must succeed, as a user does; its JSON."""
    done = run_module(sandbox, *arguments, "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def whole_job(sandbox: Sandbox, producer: str, consumer: str) -> None:
    """Every attribute type, updates and deletes, to queried rows; `producer` and `consumer` are profiles."""
    workload = Workload(KeySchema(("pk", "S")), items=ITEMS)
    dynamodb = sandbox.session(producer).client("dynamodb")
    for batch in _batches(workload):
        _write(dynamodb, sandbox.outputs["SourceTableName"], batch)
    [table] = run(sandbox, "sandbox", "check")["tables"]
    assert table["figures"]["keys that differ"] == 0
    assert table["figures"]["items in the table"] >= ITEMS - ITEMS // 10
    assert table["figures"]["changes in the lake"] >= workload.writes

    glue = sandbox.session(consumer).client("glue")
    crawl(glue, sandbox.outputs["CrawlerName"])
    wait_for_column(glue, sandbox.outputs["DatabaseName"], "customer__address__geo__lat")
    [table] = run(sandbox, "sandbox", "check")["tables"]
    assert table["figures"]["values whose column is not declared yet"] == 0
    assert table["figures"]["column values compared"] >= 15 * (ITEMS - ITEMS // 10)

    query = ("scripts.query", "--profile", consumer, "--named", "changes-by-day-and-type")
    counted = {row["change_type"]: row["changes"] for row in run(sandbox, *query)["rows"]}
    assert counted["INSERT"] >= ITEMS
    assert counted["MODIFY"] >= ITEMS // 3
    assert counted["REMOVE"] >= ITEMS // 10

    with pytest.raises(ClientError, match="AccessDenied"):
        sandbox.session("stranger").client("s3").list_objects_v2(Bucket=sandbox.outputs["LakeBucketName"])


def test_two_accounts_do_the_whole_job(two_accounts: Sandbox) -> None:
    """The producer's changes arrive in the consumer's lake."""
    whole_job(two_accounts, "producer", "consumer")


def test_one_account_does_the_whole_job(one_account: Sandbox) -> None:
    """The same with the template that combines both."""
    whole_job(one_account, "producer", "producer")
