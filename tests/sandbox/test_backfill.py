"""`python -m scripts.backfill` as a user runs it, over the shipped stacks, while the table is written."""

from __future__ import annotations

import gzip
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox import exports
from tests.sandbox.commands import run_module
from tests.sandbox.roles import refused_roles
from tests.sandbox.waiting import wait_until
from transform_lambda.canonical import image_digest

pytestmark = pytest.mark.sandbox
BOTH = ("--profile", "producer", "--lake-profile", "consumer")
ALL_TYPES: dict[str, Any] = {
    "pk": {"S": "all types"},
    "n": {"N": "12345678901234567890123456789012345678"},
    "tiny": {"N": "-0.00000123"},
    "b": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "l": {"L": [{"N": "100"}, {"M": {"a b": {"S": "x\n\u00e4"}}}]},
    "ss": {"SS": ["b", "a"]},
    "ns": {"NS": ["10", "2.5"]},
    "bs": {"BS": [b"a", b"b"]},
}
Verb = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def lake() -> Iterator[Sandbox]:
    """All four stacks in their accounts, and a table with items that the stream never told."""
    with Sandbox(speed=20) as sandbox:
        columns = {"consumer": ["ItemColumns=pk,n"]}
        sandbox.launch(plan_launches("consumer", "producer", "backfill", "export", parameters=columns))
        dynamodb, table = sandbox.session("producer").client("dynamodb"), sandbox.outputs["SourceTableName"]
        stream = sandbox.outputs["SourceStreamArn"]
        dynamodb.disable_kinesis_streaming_destination(TableName=table, StreamArn=stream)
        for number in range(40):
            dynamodb.put_item(TableName=table, Item={"pk": {"S": f"old-{number:02}"}, "n": {"N": "0"}})
        dynamodb.put_item(TableName=table, Item=ALL_TYPES)
        dynamodb.enable_kinesis_streaming_destination(TableName=table, StreamArn=stream)
        sandbox.start_delivery()
        yield sandbox
        assert refused_roles(sandbox) == []


@pytest.fixture
def verb(lake: Sandbox) -> Verb:
    """Run `backfill` for the table."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        table = lake.outputs["SourceTableName"]
        return run_module(lake, "scripts.backfill", table, *BOTH, "--output", "json", *arguments)

    return run


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The answer of a run that succeeded."""
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ask(lake: Sandbox, sql: str) -> list[dict[str, Any]]:
    """A query's rows."""
    done = run_module(lake, "scripts.query", "--profile", "consumer", "--output", "json", sql)
    found: list[dict[str, Any]] = answer(done)["rows"]
    return found


def objects(lake: Sandbox, part: str) -> dict[str, bytes]:
    """The repair's objects whose keys have this part, uncompressed."""
    s3, bucket = lake.session("consumer").client("s3"), lake.outputs["LakeBucketName"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="data/").get("Contents", [])]
    return {
        key: gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        for key in keys
        if part in key
    }


class Writer(threading.Thread):
    """Changes, inserts and deletes items until it is stopped."""

    def __init__(self, lake: Sandbox, name: str) -> None:
        super().__init__(daemon=True)
        self._dynamodb = lake.session("producer").client("dynamodb")
        self._table, self._name = lake.outputs["SourceTableName"], name
        self._ended = threading.Event()

    def run(self) -> None:
        """Write."""
        number = 0
        while not self._ended.wait(0.02):
            number += 1
            key = {"pk": {"S": f"old-{number % 20:02}" if number % 2 else f"{self._name}-{number % 7}"}}
            if number % 11 == 0:
                self._dynamodb.delete_item(TableName=self._table, Key={"pk": {"S": f"{self._name}-3"}})
            self._dynamodb.put_item(TableName=self._table, Item={**key, "n": {"N": str(number)}})

    def __enter__(self) -> Writer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def digests(lake: Sandbox) -> dict[str, str | None]:
    """The table: each item's digest by its key."""
    dynamodb = lake.session("producer").client("dynamodb")
    pages = dynamodb.get_paginator("scan").paginate(TableName=lake.outputs["SourceTableName"])
    return {item["pk"]["S"]: image_digest(item) for page in pages for item in page["Items"]}


@pytest.mark.parametrize("way", [(), ("--scan",)], ids=["export", "scan"])
def test_lake_is_the_table_although_it_is_written_meanwhile(
    lake: Sandbox, verb: Verb, unique: str, way: tuple[str, ...]
) -> None:
    """Every item is current once, with its newest state, and is no gap; a second run changes nothing."""
    with Writer(lake, unique):
        found = answer(verb("--yes", *way))
    assert found["status"] == "done"
    assert found["rows"] >= 41
    table = lake.outputs["SourceTableName"]
    views = run_module(lake, "scripts.views", table, "--name", "items", "--profile", "consumer")
    assert views.returncode == 0, views.stderr

    def current() -> dict[str, str]:
        rows = ask(lake, "SELECT change_key, change_after FROM current_items")
        assert len({row["change_key"] for row in rows}) == len(rows)
        return {json.loads(row["change_key"])["pk"]["S"]: row["change_after"] for row in rows}

    wait_until(lambda: current() == digests(lake), "every item with its newest state", 90)
    assert ask(lake, "SELECT * FROM gaps_items") == []
    if not way:
        before = objects(lake, "repair-backfill-")
        again = answer(verb("--yes"))
        assert (again["status"], again["export"]) == ("already done", found["export"])
        assert objects(lake, "repair-backfill-") == before


def test_ion_gives_the_rows_of_json(lake: Sandbox, verb: Verb, unique: str) -> None:
    """Two exports of one second into a bucket of one's own: the same bytes, but for the id of the export."""
    dynamodb, s3 = lake.session("producer").client("dynamodb"), lake.session("producer").client("s3")
    s3.create_bucket(Bucket=unique)
    arn = dynamodb.describe_table(TableName=lake.outputs["SourceTableName"])["Table"]["TableArn"]
    second = exports.wait_for_second()
    written = []
    for form in ("DYNAMODB_JSON", "ION"):
        made = exports.export(dynamodb, arn, unique, ExportTime=second, ExportFormat=form)
        export_id = made["ExportArn"].rpartition("/")[2]
        assert answer(verb("--export", made["ExportArn"], "--yes"))["rows"] == made["ItemCount"]
        lines = b"".join(objects(lake, f"repair-backfill-{export_id}-").values()).splitlines()
        written.append(sorted(line.replace(export_id.encode(), b"") for line in lines))
    assert written[0] == written[1]
    assert any(b"12345678901234567890123456789012345678" in line for line in written[0])


def test_changed_export_is_refused_and_nothing_is_written(lake: Sandbox, verb: Verb, unique: str) -> None:
    """A data file is cut short after DynamoDB wrote it."""
    dynamodb, s3 = lake.session("producer").client("dynamodb"), lake.session("producer").client("s3")
    s3.create_bucket(Bucket=unique)
    arn = dynamodb.describe_table(TableName=lake.outputs["SourceTableName"])["Table"]["TableArn"]
    made = exports.export(dynamodb, arn, unique)
    file = next(file for file in exports.Written(s3, unique, made).files if file["itemCount"])
    body = s3.get_object(Bucket=unique, Key=file["dataFileS3Key"])["Body"].read()
    s3.put_object(Bucket=unique, Key=file["dataFileS3Key"], Body=body[:-10])
    done = verb("--export", made["ExportArn"], "--yes")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["reason"] == "TruncatedFile"
    assert objects(lake, made["ExportArn"].rpartition("/")[2]) == {}
