"""`python -m scripts.reconcile` as a user runs it, over the shipped stacks in two accounts."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any

import orjson
import pytest

from repair.error_objects import EMPTY, error_object
from repair.rows import snapshot
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from scripts import reconcile
from scripts.core import console
from scripts.core.reconciling.lake_states import LakeReader
from tests.sandbox.commands import run_module
from tests.sandbox.lake import Lake
from tests.sandbox.waiting import wait_until
from transform_lambda.change import line_of
from transform_lambda.values import as_sent

pytestmark = pytest.mark.sandbox

PROFILES = ("--profile", "producer", "--lake-profile", "consumer")
PARAMETERS = {"producer": ["ExcludeAttributes=secret"], "consumer": ["ItemColumns=pk,n"]}
EVERY_TYPE: dict[str, Any] = {
    "text": "a 'quoted' \"text\"\nwith lines",
    "long": Decimal("12345678901234567890123456789012345678"),
    "yes": True,
    "nothing": None,
    "bytes": b"\x00\xff",
    "texts": {"b", "a"},
    "numbers": {3, 1, 2},
    "blobs": {b"x", b"y"},
    "list": [1, "two", {"three": [3]}],
    "map": {"inner": {"deep": "x", "empty": {}}},
}


@pytest.fixture(scope="module")
def deployed() -> Iterator[Sandbox]:
    """Both stacks in a sandbox of its own: these tests delete rows of the lake."""
    with Sandbox(speed=60.0) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(plan_launches(parameters=PARAMETERS))
        yield sandbox


@pytest.fixture(scope="module")
def source(deployed: Sandbox) -> Any:
    """The source table, with an item that the lake has."""
    session: Any = deployed.session("producer")
    table = session.resource("dynamodb").Table(deployed.outputs["SourceTableName"])
    table.put_item(Item={"pk": "first"})
    delivered(deployed, 1, "first")
    return table


def verb(deployed: Sandbox, *arguments: str, table: str = "") -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    name = table or deployed.outputs["SourceTableName"]
    return run_module(deployed, "scripts.reconcile", name, *PROFILES, *arguments)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Its document."""
    assert done.returncode in {0, 1}, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in document, done.stdout
    return document


def found(document: dict[str, Any]) -> dict[str, str]:
    """The keys that differ, and how."""
    return {json.loads(each["key"])["pk"]["S"]: each["difference"] for each in document["differences"]}


def delivered(deployed: Sandbox, rows: int, unique: str) -> None:
    """Wait until the lake has this many rows of a test's keys."""
    lake = Lake(deployed)
    sql = f"SELECT count(*) FROM changes WHERE change_key LIKE '%{unique}%'"
    wait_until(lambda: lake.query(sql)[1] == [[str(rows)]], "delivery", 60)


def drop_rows(deployed: Sandbox, lost: Callable[[dict[str, Any]], bool]) -> int:
    """Take rows out of the lake's objects, as a lost change would be missing; returns their number."""
    session: Any = deployed.session("consumer")
    bucket = session.resource("s3").Bucket(deployed.outputs["LakeBucketName"])
    dropped = 0
    for entry in bucket.objects.filter(Prefix="data/"):
        lines = gzip.decompress(entry.get()["Body"].read()).splitlines(keepends=True)
        kept = [line for line in lines if not lost(orjson.loads(line))]
        dropped += len(lines) - len(kept)
        if len(kept) < len(lines):
            bucket.put_object(Key=entry.key, Body=gzip.compress(b"".join(kept)))
    return dropped


def current(deployed: Sandbox, unique: str) -> set[str | None]:
    """The keys that the view `current` shows."""
    name = deployed.outputs["SourceTableName"]
    made = run_module(deployed, "scripts.views", name, "--name", "checked", "--profile", "consumer")
    assert made.returncode == 0, made.stderr
    _, rows = Lake(deployed).query(
        f"SELECT change_key FROM current_checked WHERE change_key LIKE '%{unique}%'"
    )
    return {row[0] for row in rows}


def test_lost_changes_are_found_by_key_and_repaired(deployed: Sandbox, source: Any, unique: str) -> None:
    """A lost insert, update and deletion: missing, stale, extra; written once, then equal."""
    kinds = {f"{unique}-insert": "missing", f"{unique}-update": "stale", f"{unique}-delete": "extra"}
    for key in (*kinds, f"{unique}-good"):
        source.put_item(Item={"pk": key, **EVERY_TYPE, "secret": "s", "n": 1})
    source.put_item(Item={"pk": f"{unique}-update", **EVERY_TYPE, "secret": "t", "n": 1})
    source.delete_item(Key={"pk": f"{unique}-delete"})
    delivered(deployed, 6, unique)
    equal = answer(verb(deployed, "--output", "json"))
    assert (equal["status"], equal["differences"]) == ("equal", [])

    dropped = drop_rows(
        deployed,
        lambda row: (
            unique in row["change_key"]
            and ("insert" in row["change_key"] or row["change_type"] in {"MODIFY", "REMOVE"})
        ),
    )
    assert dropped == 3
    done = verb(deployed, "--output", "json")
    document = answer(done)
    assert (done.returncode, document["status"], found(document)) == (1, "different", kinds)
    assert {each["cause"] for each in document["differences"]} == {"a lost change"}
    assert (document["missing"], document["stale"], document["extra"]) == (1, 1, 1)

    refused = verb(deployed, "--repair")
    assert (refused.returncode, "not confirmed: nothing was written" in refused.stderr) == (1, True)
    repaired = answer(verb(deployed, "--repair", "--yes", "--output", "json"))
    assert (repaired["status"], repaired["written"], repaired["left"]) == ("repaired", 3, 0)
    assert found(repaired) == kinds
    again = verb(deployed, "--repair", "--yes")
    assert (again.returncode, again.stdout) == (0, "table and lake are equal\n")
    _, rows = Lake(deployed).query(
        "SELECT change_key, change_after IS NULL, change_before, change_sequence FROM changes "
        f"WHERE change_type = 'SNAPSHOT' AND change_key LIKE '%{unique}%' ORDER BY change_key"
    )
    assert [row[1:] for row in rows] == [["true", None, None], ["false", None, None], ["false", None, None]]
    keys = {f'{{"pk":{{"S":"{unique}-{name}"}}}}' for name in ("insert", "update", "good")}
    assert current(deployed, unique) == keys
    checked = run_module(deployed, "sandbox", "check", "--timeout", "60")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_changes_during_the_comparison_are_no_difference(
    deployed: Sandbox,
    source: Any,
    unique: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Inserted, changed and deleted after the scan, and in the lake before the first query."""
    for name in ("changed", "deleted"):
        source.put_item(Item={"pk": f"{unique}-{name}"})
    delivered(deployed, 2, unique)
    items = LakeReader.items

    def after_changes(lake: LakeReader, into: Any) -> None:
        source.put_item(Item={"pk": f"{unique}-changed", "n": 1})
        source.put_item(Item={"pk": f"{unique}-inserted"})
        source.delete_item(Key={"pk": f"{unique}-deleted"})
        delivered(deployed, 5, unique)
        items(lake, into)

    monkeypatch.setattr(LakeReader, "items", after_changes)
    for name, value in deployed.environment().items():
        monkeypatch.setenv(name, value)
    code = console.run(reconcile.main, [source.name, *PROFILES])
    said = capsys.readouterr()
    assert (code, said.out) == (0, "table and lake are equal\n"), said.err
    assert "3 keys to look at again" in said.err
    assert "3 keys changed meanwhile" in said.err


def test_failed_records_are_named_as_the_likely_cause(deployed: Sandbox, source: Any, unique: str) -> None:
    """A change that lies below errors/ is missing, and redrive is the next step."""
    source.put_item(Item={"pk": unique})
    delivered(deployed, 1, unique)
    drop_rows(deployed, lambda row: unique in row["change_key"])
    session: Any = deployed.session("consumer")
    failed = session.resource("s3").Object(
        deployed.outputs["LakeBucketName"],
        "errors/processing-failed/dt=2026-11-20/ddb-lake-3-2026-11-20-09-15-02-6f1c0d4e",
    )
    failed.put(Body=b"{}\n")
    done = verb(deployed)
    source_of_failure = error_object(failed.key)
    assert source_of_failure is not None
    receipt = session.resource("s3").Object(failed.bucket_name, source_of_failure.receipt_key)
    receipt.put(Body=EMPTY)
    redriven = answer(verb(deployed, "--output", "json"))
    failed.delete()
    receipt.delete()
    assert [each["cause"] for each in redriven["causes"]] == ["a lost change"]
    assert done.returncode == 1
    assert done.stdout.endswith("table and lake differ in 1 key\n")
    assert "missing" in done.stdout
    assert "(1 object below errors/)" in done.stderr
    assert "`python -m scripts.redrive --profile consumer" in done.stderr
    assert verb(deployed, "--repair", "--yes").returncode == 0


def exported(deployed: Sandbox, source: Any, bucket: str) -> str:
    """The ARN of a complete export whose rows the lake has, as a backfill writes them."""
    session: Any = deployed.session("producer")
    session.client("s3").create_bucket(Bucket=bucket)
    client = session.client("dynamodb")
    request = {"TableArn": source.table_arn, "S3Bucket": bucket}
    arn = client.export_table_to_point_in_time(**request)["ExportDescription"]["ExportArn"]

    def complete() -> dict[str, Any] | None:
        found: dict[str, Any] = client.describe_export(ExportArn=arn)["ExportDescription"]
        return found if found["ExportStatus"] == "COMPLETED" else None

    description: dict[str, Any] = wait_until(complete, "the export", 30)
    moment = description.get("ExportTime") or description["StartTime"]
    second = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000000Z"
    items = client.scan(TableName=source.name)["Items"]
    rows = [
        snapshot(arn.rpartition("/")[2], second, source.name, {"pk": one["pk"]}, as_sent(one))
        for one in items
    ]
    lines = [line_of(row).rstrip(b"\n") for row in rows]
    Lake(deployed).put(lines, second[:10], f"repair-backfill-{bucket}.gz")
    return str(arn)


def test_an_export_is_compared_in_athena(deployed: Sandbox, source: Any, unique: str) -> None:
    """Before its rows a lost change is stale; they make it good; what was deleted stays, until repaired."""
    for name in ("stale", "extra", "same"):
        source.put_item(Item={"pk": f"{unique}-{name}", **EVERY_TYPE})
    source.put_item(Item={"pk": f"{unique}-stale", "n": 2})
    source.delete_item(Key={"pk": f"{unique}-extra"})
    delivered(deployed, 5, unique)
    lost = {"MODIFY", "REMOVE"}
    assert drop_rows(deployed, lambda row: unique in row["change_key"] and row["change_type"] in lost) == 2
    time.sleep(1.1)  # an export has whole seconds
    export = ("--export", exported(deployed, source, unique))

    document = answer(verb(deployed, *export, "--output", "json"))
    kinds = {f"{unique}-stale": "stale", f"{unique}-extra": "extra"}
    assert (found(document), document["covered"], document["mode"]) == (kinds, 1, "export")
    repaired = answer(verb(deployed, *export, "--repair", "--yes", "--output", "json"))
    assert (repaired["written"], repaired["left"], repaired["status"]) == (1, 0, "repaired")
    assert found(answer(verb(deployed, *export, "--output", "json"))) == {f"{unique}-stale": "stale"}
    assert verb(deployed).stdout == "table and lake are equal\n"
    unknown = verb(deployed, "--export", f"{export[1][:-8]}ffffffff")
    assert (unknown.returncode, "there is no export" in unknown.stderr) == (1, True)


def test_plan_reads_no_item_and_writes_nothing(deployed: Sandbox, source: Any) -> None:
    """--dry-run shows both sides and the cost of the scan."""
    done = verb(deployed, "--dry-run", "--repair", "--read-capacity", "5", "--output", "json")
    document = answer(done)
    assert (document["status"], document["mode"], document["table"]) == ("dry run", "scan", source.name)
    assert "at most 5 read capacity units a second" in done.stderr


def test_table_of_no_stack_is_refused(deployed: Sandbox) -> None:
    """The lake's rows of another table would all be extra."""
    done = verb(deployed, table="customers")
    assert done.returncode == 2
    assert "not customers" in done.stderr
