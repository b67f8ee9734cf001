"""`python -m sandbox check`, the deployed crawler and the catalog function, in the one-account layout."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox.commands import run_module
from tests.sandbox.crawls import crawl
from tests.sandbox.lake import Lake
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox

EVERY_TYPE = {
    "text": "a 'quoted' \"text\"\nwith lines",
    "whole": 42,
    "fraction": Decimal("3.25"),
    "long": Decimal("12345678901234567890123456789012345678"),
    "yes": True,
    "nothing": None,
    "bytes": b"\x00\xff",
    "texts": {"b", "a"},
    "numbers": {3, 1, 2},
    "blobs": {b"x", b"y"},
    "list": [1, "two", {"three": [3]}],
    "map": {"inner": {"deep": "x", "empty": {}}, "other": [None]},
    "State": "upper",
    "state": "lower",
}


@pytest.fixture(scope="module")
def deployed() -> Iterator[Sandbox]:
    """The single-account stack in a separate sandbox: these tests change table, stream and catalog."""
    with Sandbox(speed=60.0) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(
            plan_launches("single-account", parameters={"consumer": ["ItemColumns=pk,whole,text"]})
        )
        yield sandbox


def check(sandbox: Sandbox, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    return run_module(sandbox, "sandbox", "check", "--timeout", "60", *arguments)


def differences(sandbox: Sandbox) -> dict[str, str]:
    """The differences that check lists: the key's text → the difference."""
    done = check(sandbox, "--output", "json")
    assert done.returncode in {0, 1}, done.stderr
    (table,) = json.loads(done.stdout)["tables"]
    assert (done.returncode == 1) == bool(table["differences"])
    return {
        json.loads(difference["key"])["pk"]["S"]: difference["what"] for difference in table["differences"]
    }


def test_check_finds_every_kind_of_difference_by_its_key(deployed: Sandbox) -> None:
    """All types agree; then a lost insert, update and delete, and a gap before a later change."""
    producer = deployed.session("producer")
    name = deployed.outputs["SourceTableName"]
    table, client = producer.resource("dynamodb").Table(name), producer.client("dynamodb")
    with table.batch_writer() as batch:
        for number in range(40):
            batch.put_item({"pk": f"check-{number}", **EVERY_TYPE, "whole": number})
    table.update_item(
        Key={"pk": "check-0"}, UpdateExpression="SET whole = :n REMOVE #t", **_names(":n", 7, "#t", "text")
    )
    table.delete_item(Key={"pk": "check-1"})
    done = check(deployed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lake and table agree, key by key" in done.stdout

    stream: dict[str, Any] = {"TableName": name, "StreamArn": deployed.outputs["SourceStreamArn"]}
    client.disable_kinesis_streaming_destination(**stream)
    wait_until(lambda: _destination(client, name) == "DISABLED", "the stream is off")
    table.put_item(Item={"pk": "lost-insert"})
    table.put_item(Item={"pk": "check-2", "whole": -1})
    table.put_item(Item={"pk": "check-3", "whole": -2})
    table.delete_item(Key={"pk": "check-4"})
    client.enable_kinesis_streaming_destination(
        **stream,
        EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )
    wait_until(lambda: _destination(client, name) == "ACTIVE", "the stream is on")
    table.put_item(Item={"pk": "check-3", "whole": -3})
    found = differences(deployed)
    assert found.pop("lost-insert") == "is in the table, not in the lake"
    assert "is not the item's state" in found.pop("check-2")
    assert "has a gap" in found.pop("check-3")
    assert found.pop("check-4") == "is in the lake, not in the table"
    assert found == {}
    done = check(deployed)
    assert done.returncode == 1
    assert done.stdout.count("  differs: ") == 4


def test_check_finds_every_fault_in_the_lake(deployed: Sandbox, unique: str) -> None:
    """A lost row, a changed digit, a row twice with different values, a lost delete: each by its key."""
    session = deployed.session("producer")
    table = session.resource("dynamodb").Table(deployed.outputs["SourceTableName"])
    keys = [f"{unique}-{fault}" for fault in ("lost", "digit", "doubled", "delete", "none")]
    for key in keys:
        table.put_item(Item={"pk": key, "whole": 12345})
    table.delete_item(Key={"pk": keys[3]})
    before = {key: problem for key, problem in differences(deployed).items() if key in keys}
    assert before == {}

    def spoilt(line: bytes) -> list[bytes]:
        other = line.replace(b'"whole":12345', b'"whole":12346')
        if keys[0].encode() in line or (keys[3].encode() in line and b'"REMOVE"' in line):
            return []
        return [other] if keys[1].encode() in line else [line, other] if keys[2].encode() in line else [line]

    bucket = session.resource("s3").Bucket(deployed.outputs["LakeBucketName"])
    whole = {stored.key: stored.get()["Body"].read() for stored in bucket.objects.filter(Prefix="data/")}
    ours = {key: gzip.decompress(body) for key, body in whole.items()}
    ours = {key: body for key, body in ours.items() if unique.encode() in body}
    for key, body in ours.items():
        lines = [kept for line in body.splitlines(keepends=True) for kept in spoilt(line)]
        bucket.put_object(Key=key, Body=gzip.compress(b"".join(lines)))
    found = {key: problem for key, problem in differences(deployed).items() if key in keys}
    for key in ours:
        bucket.put_object(Key=key, Body=whole[key])
    assert found.pop(keys[0]) == "is in the table, not in the lake"
    assert found.pop(keys[1]) == "columns differ: whole"
    assert "was delivered twice, unlike itself: whole" in found.pop(keys[2])
    assert found.pop(keys[3]) == "is in the lake, not in the table"
    assert found == {}


def _names(value: str, number: int, name: str, attribute: str) -> dict[str, Any]:
    return {
        "ExpressionAttributeValues": {value: number},
        "ExpressionAttributeNames": {name: attribute},
    }


def _destination(client: Any, table: str) -> str:
    found = client.describe_kinesis_streaming_destination(TableName=table)["KinesisDataStreamDestinations"]
    return str(found[0]["DestinationStatus"])


def test_crawl_declares_new_attributes_and_they_can_be_queried(deployed: Sandbox, unique: str) -> None:
    """With the deployed crawler, role, rule and catalog function, without naming the column."""
    session = deployed.session("producer")
    glue: Any = session.client("glue")
    name, crawler = deployed.outputs["SourceTableName"], deployed.outputs["CrawlerName"]
    table = session.resource("dynamodb").Table(name)
    table.put_item(Item={"pk": unique, unique: {"inner": 1}})
    database = deployed.outputs["DatabaseName"]

    def definition() -> dict[str, Any]:
        found: dict[str, Any] = glue.get_table(DatabaseName=database, Name="changes")["Table"]
        return found

    def columns() -> list[dict[str, str]]:
        found: list[dict[str, str]] = definition()["StorageDescriptor"]["Columns"]
        return found

    before, column = definition(), {"Name": f"{unique}__inner", "Type": "string"}
    assert column not in columns()
    assert check(deployed).returncode in {0, 1}  # delivered; another test may have left differences
    crawl(glue, crawler)
    crawled = glue.get_table(DatabaseName=database, Name="crawled_data")["Table"]
    assert {"Name": f"{unique}__inner", "Type": "bigint"} in crawled["StorageDescriptor"]["Columns"]
    wait_until(lambda: column in columns(), "the column is declared", 60)
    after = definition()
    known = before["StorageDescriptor"]["Columns"]
    assert after["StorageDescriptor"]["Columns"][: len(known)] == known
    assert {column["Type"] for column in columns()} == {"string"}
    assert after["Parameters"] == before["Parameters"]
    assert after["PartitionKeys"] == before["PartitionKeys"]

    _, rows = Lake(deployed, "producer").query(
        f"SELECT \"{unique}__inner\" FROM changes WHERE pk = '{unique}'"
    )
    assert rows == [["1"]]
