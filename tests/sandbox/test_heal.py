"""`python -m scripts.backfill --heal` as a user runs it, over the shipped stacks."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox import exports
from tests.sandbox.commands import run_module
from tests.sandbox.lake import Lake
from tests.sandbox.roles import refused_roles
from tests.sandbox.waiting import wait_until
from transform_lambda.canonical import image_digest

pytestmark = pytest.mark.sandbox
LEAST_SECONDS = 15  # of an export at this speed
BOTH = ("--profile", "producer", "--lake-profile", "consumer")


@pytest.fixture(scope="module")
def deployed() -> Iterator[Sandbox]:
    """Both stacks and both option stacks in their accounts. These tests delete rows of the lake."""
    with Sandbox(speed=60) as sandbox:
        columns = {"consumer": ["ItemColumns=pk,n"]}
        sandbox.launch(plan_launches("consumer", "producer", "backfill", "export", parameters=columns))
        sandbox.start_delivery()
        yield sandbox
        assert refused_roles(sandbox) == []


def verb(deployed: Sandbox, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, for the deployed table."""
    name = deployed.outputs["SourceTableName"]
    return run_module(deployed, "scripts.backfill", name, *BOTH, "--output", "json", *arguments)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The answer of a run that succeeded."""
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Table:
    """The source table, written one item at a time."""

    def __init__(self, deployed: Sandbox) -> None:
        self._dynamodb = deployed.session("producer").client("dynamodb")
        self._name = deployed.outputs["SourceTableName"]
        self.writes = 0

    def put(self, key: str, number: int) -> None:
        """Insert or update an item."""
        self._dynamodb.put_item(TableName=self._name, Item={"pk": {"S": key}, "n": {"N": str(number)}})
        self.writes += 1

    def delete(self, key: str) -> None:
        """Delete an item."""
        self._dynamodb.delete_item(TableName=self._name, Key={"pk": {"S": key}})
        self.writes += 1

    def digests(self) -> dict[str, str | None]:
        """Each item's digest by its key."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._name)
        return {item["pk"]["S"]: image_digest(item) for page in pages for item in page["Items"]}


def drop_rows(deployed: Sandbox, start: str, end: str) -> int:
    """Take the rows of a period out of the lake, as if the stream had lost the changes; their number."""
    session: Any = deployed.session("consumer")
    bucket = session.resource("s3").Bucket(deployed.outputs["LakeBucketName"])
    dropped = 0
    for entry in bucket.objects.filter(Prefix="data/"):
        lines = gzip.decompress(entry.get()["Body"].read()).splitlines(keepends=True)
        kept = [line for line in lines if not start <= orjson.loads(line)["change_time"] < end]
        dropped += len(lines) - len(kept)
        if len(kept) < len(lines):
            bucket.put_object(Key=entry.key, Body=gzip.compress(b"".join(kept)))
    return dropped


def current(deployed: Sandbox) -> dict[str, str | None]:
    """The view: each item's digest by its key."""
    _, rows = Lake(deployed).query("SELECT pk, change_after FROM current_healed")
    assert len({row[0] for row in rows}) == len(rows)
    return {str(row[0]): row[1] for row in rows}


def gaps(deployed: Sandbox) -> set[str]:
    """The keys of the view."""
    _, rows = Lake(deployed).query("SELECT DISTINCT change_key FROM gaps_healed")
    return {json.loads(str(row[0]))["pk"]["S"] for row in rows}


def text(second: int) -> str:
    """A second as the options take it."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_current_is_the_table_after_a_hole(deployed: Sandbox) -> None:
    """Changes are gone from the lake. One command brings the states back, a second one writes nothing."""
    table = Table(deployed)
    for number in range(60):
        table.put(f"item-{number:02}", 0)
    start = exports.wait_for_second(time.time() + LEAST_SECONDS)  # so that the window may begin earlier
    for number in range(30):
        table.put(f"item-{number:02}", 1)
        if number % 3 == 0:
            table.put(f"item-{number:02}", 2)
        if number % 5 == 0:
            table.delete(f"item-{number:02}")
    for number in range(10):
        table.put(f"hole-{number}", 1)
        if number % 2:
            table.delete(f"hole-{number}")
    table.put("item-59", 1)
    table.put("item-59", 0)  # as it was
    end = exports.wait_for_second()
    for number in range(10, 40):
        table.put(f"item-{number:02}", 9)
    lake = Lake(deployed)
    count = "SELECT count(*) FROM changes WHERE change_type <> 'SNAPSHOT'"
    wait_until(lambda: lake.query(count)[1] == [[str(table.writes)]], "delivery", 90)
    name = deployed.outputs["SourceTableName"]
    views = run_module(deployed, "scripts.views", name, "--name", "healed", "--profile", "consumer")
    assert views.returncode == 0, views.stderr
    assert (current(deployed), gaps(deployed)) == (table.digests(), set())

    times = (text(start).replace("Z", ".000000Z"), text(end).replace("Z", ".000000Z"))
    assert drop_rows(deployed, *times) == 30 + 10 + 6 + 10 + 5 + 2
    assert current(deployed) != table.digests()
    period = ("--heal", "--from", text(start), "--to", text(end))
    plan = answer(verb(deployed, *period, "--dry-run"))
    assert (plan["status"], plan["to"]) == ("dry run", text(end))
    found = answer(verb(deployed, *period, "--yes"))
    assert found["status"] == "done"
    assert current(deployed) == table.digests()
    left = gaps(deployed)
    assert left <= {f"item-{number:02}" for number in range(30)}
    assert (found["gap_keys"], found["gap_keys_explained"]) == (len(left), len(left))
    again = answer(verb(deployed, *period, "--yes"))
    assert (again["status"], again["windows"][0]["export"]) == ("already done", found["windows"][0]["export"])
    checked = run_module(deployed, "sandbox", "check", "--timeout", "60")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_period_that_recovery_does_not_reach_is_refused(deployed: Sandbox) -> None:
    """The table is younger."""
    second = exports.wait_for_second() - 24 * 3600
    done = verb(deployed, "--heal", "--from", text(second), "--to", text(second + 3600), "--yes")
    assert done.returncode == 1
    assert "reaches back to" in json.loads(done.stdout)["error"]["message"]
