"""PartitionBy of the shipped templates: late changes with both values, and a change of the value."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.check import wait_until_delivered
from sandbox.delivery import status
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox.commands import run_module
from tests.sandbox.lake import Lake as DeployedLake
from tests.sandbox.waiting import wait_until
from tests.unit.transform.records import change_record, compact

pytestmark = pytest.mark.sandbox
SPEED = 60.0
BY_DELIVERY, BY_EVENT = "ddb-lake", "ddb-lake-event"


class Lake:
    """One account with the shipped template, whose change records come from this test."""

    def __init__(self, sandbox: Sandbox, today: datetime) -> None:
        self.sandbox, self.today = sandbox, today
        self.bucket = sandbox.outputs["LakeBucketName"]

    def client(self, service: str) -> Any:
        """A client of the account."""
        session: Any = self.sandbox.session("producer")  # its client() is typed by literal names
        return session.client(service)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command as a user runs it."""
        return run_module(self.sandbox, *arguments)

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Update the stack."""
        options = ("--profile", "producer", "--stack-name", "ddb-lake", "--yes", *arguments)
        return self.run("scripts.deploy", "single-account", *options)

    def query(self, sql: str) -> tuple[list[dict[str, Any]], int]:
        """The rows of a query, each column's text by its name, and the bytes it scanned."""
        lake = DeployedLake(self.sandbox, "producer")
        columns, rows = lake.query(sql)
        names = [name for name, _ in columns]
        return [dict(zip(names, row, strict=True)) for row in rows], lake.scanned_bytes

    def day(self, days_ago: int) -> str:
        """yyyy-MM-dd."""
        return f"{self.today - timedelta(days=days_ago):%Y-%m-%d}"

    def write(self, *changes: tuple[str, int, datetime]) -> None:
        """Put change records (key, revision, time) into the stream, as a replay does; revision 0 inserts."""
        records = []
        for key, revision, moment in changes:
            microseconds = round(moment.timestamp() * 1_000_000)
            image = {"pk": {"S": key}, "revision": {"N": str(revision)}}
            record = change_record(
                "MODIFY" if revision else "INSERT",
                image,
                image | {"revision": {"N": str(revision - 1)}} if revision else None,
                keys={"pk": {"S": key}},
                change={"ApproximateCreationDateTime": microseconds},
                eventID=f"{key}-{revision}",
            )
            records.append({"Data": compact(record), "PartitionKey": key})
        answer = self.client("kinesis").put_records(
            StreamName=self.sandbox.outputs["SourceStreamName"], Records=records
        )
        assert answer["FailedRecordCount"] == 0

    def objects(self, stream: str, prefix: str = "data/") -> dict[str, int]:
        """Keys that a delivery stream wrote, with their sizes."""
        found = self.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return {
            stored["Key"]: stored["Size"]
            for stored in found
            if stored["Key"].rsplit("/", 1)[1].startswith(f"{stream}-1-")
        }

    def days_of(self, stream: str) -> dict[str, set[str]]:
        """change_id → the days (dt) under which a delivery stream wrote it, according to Athena."""
        rows, _ = self.query(
            f"SELECT DISTINCT change_id, dt FROM changes WHERE regexp_like(\"$path\", '/{stream}-1-')"
        )
        days: dict[str, set[str]] = {}
        for row in rows:
            days.setdefault(row["change_id"], set()).add(row["dt"])
        return days

    def wait_for(self, stream: str, name: str, count: int) -> None:
        """Wait until a delivery stream has counted this much."""

        def found() -> list[dict[str, Any]]:
            written = status.read(self.sandbox.folder) or {"streams": []}
            return [entry for entry in written["streams"] if entry["name"] == stream]

        wait_until(lambda: sum(entry[name] for entry in found()) >= count, f"{name} {count}:", 60, said=found)

    def settle(self) -> None:
        """Wait until both delivery streams have delivered everything: objects that come late change what
        another test counts.
        """
        wait_until_delivered(
            lambda: status.read(self.sandbox.folder), time.time(), time.monotonic() + 60, lambda _: None
        )


def history(today: datetime, name: str) -> list[tuple[str, int, datetime]]:
    """Late changes of two items, not in order: days late, and on both sides of midnights."""
    tick, one_day = timedelta(microseconds=1), timedelta(days=1)
    return [
        (f"{name}-a", 3, today + timedelta(seconds=1)),
        (f"{name}-a", 0, today - 9 * one_day),
        (f"{name}-b", 1, today - one_day),
        (f"{name}-b", 0, today - one_day - tick),
        (f"{name}-a", 1, today - 3 * one_day),
        (f"{name}-a", 2, today - tick),
    ]


def own_days(lake: Lake, name: str) -> dict[str, set[str]]:
    """change_id → the day of the change, of a history."""
    return {f"{key}-{revision}": {f"{at:%Y-%m-%d}"} for key, revision, at in history(lake.today, name)}


@dataclass
class Story:
    """A stack that changes from delivery to event, and its observed results."""

    lake: Lake
    refused: subprocess.CompletedProcess[str]
    streams_after_refusal: list[str]
    succeeded: subprocess.CompletedProcess[str]
    streams_after_success: list[str]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """Late changes before the change of PartitionBy, and while both delivery streams read; on any day."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    parameters = [f"FirstDay={today - timedelta(days=30):%Y-%m-%d}", "ItemColumns=pk,revision"]
    with Sandbox(speed=SPEED) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(plan_launches("single-account", parameters={"consumer": parameters}))
        lake = Lake(sandbox, today)
        firehose = lake.client("firehose")

        def streams() -> list[str]:
            return sorted(firehose.list_delivery_streams()["DeliveryStreamNames"])

        lake.write(*history(today, "before"))
        refused = lake.deploy("--parameter", "PartitionBy=event")
        after_refusal = streams()
        succeeded = lake.deploy("--parameter", "PartitionBy=event", "--second-delivery-stream")
        after_success = streams()
        lake.write(*history(today, "beside"))
        lake.wait_for(BY_DELIVERY, "delivered", 12)
        lake.wait_for(BY_EVENT, "delivered", 6)
        lake.settle()
        yield Story(lake, refused, after_refusal, succeeded, after_success)


def test_change_of_partition_by_is_rejected_before_any_change(story: Story) -> None:
    """With --yes too: a second delivery stream needs an explicit option."""
    assert story.refused.returncode == 1
    assert "--second-delivery-stream" in story.refused.stderr
    assert story.streams_after_refusal == [BY_DELIVERY]


def test_first_delivery_stream_remains_when_the_second_is_created(story: Story) -> None:
    """CloudFormation creates the successor and retains the replaced one; deploy prints the next steps."""
    assert story.succeeded.returncode == 0, story.succeeded.stderr
    assert story.streams_after_success == [BY_DELIVERY, BY_EVENT]
    assert "--delivery-stream-name ddb-lake" in " ".join(story.succeeded.stderr.split())


def test_late_changes_are_under_their_delivery_day_with_delivery(story: Story) -> None:
    """However late, with and without a successor that reads too."""
    lake = story.lake
    found = lake.days_of(BY_DELIVERY)
    assert set(found) >= {*own_days(lake, "before"), *own_days(lake, "beside")}
    deliveries = {lake.day(0), lake.day(-1)}  # the test may run across midnight
    assert set().union(*found.values()) <= deliveries
    assert all(key.split("/")[1] in {f"dt={day}" for day in deliveries} for key in lake.objects(BY_DELIVERY))


def test_late_changes_are_under_their_own_day_with_event(story: Story) -> None:
    """Days late, or a microsecond before midnight; in Athena's answer and in the object's key."""
    lake = story.lake
    wanted = own_days(lake, "beside")
    assert {key: day for key, day in lake.days_of(BY_EVENT).items() if key in wanted} == wanted
    days = {f"data/dt={day}" for days in wanted.values() for day in days}
    assert days == {f"data/dt={lake.day(ago)}" for ago in (0, 1, 2, 3, 9)}
    assert {key.rsplit("/", 1)[0] for key in lake.objects(BY_EVENT)} >= days


def test_condition_on_dt_prunes_by_the_day_of_the_change(story: Story) -> None:
    """`dt` reads only that day's objects, and finds the late change there."""
    lake = story.lake
    late = lake.day(9)
    rows, scanned = lake.query(f"SELECT change_id, \"$path\" AS path FROM changes WHERE dt = '{late}'")
    [(key, size)] = lake.objects(BY_EVENT, f"data/dt={late}/").items()
    assert rows == [{"change_id": "beside-a-0", "path": f"s3://{lake.bucket}/{key}"}]
    assert scanned == size
    _, more = lake.query(f"SELECT count(change_id) AS n FROM changes WHERE dt >= '{lake.day(20)}'")
    everything = lake.objects(BY_DELIVERY) | lake.objects(BY_EVENT)
    sizes = [size for key, size in everything.items() if key.split("/")[1] >= f"dt={lake.day(20)}"]
    assert more == sum(sizes) > scanned


def test_change_before_the_first_day_is_visible_after_first_day_is_set_earlier(story: Story) -> None:
    """The table has the days from FirstDay on: changes of earlier days wait there, nothing is lost."""
    lake = story.lake
    lake.write(("old", 0, lake.today - timedelta(days=40)))
    lake.settle()
    assert lake.objects(BY_EVENT, f"data/dt={lake.day(40)}/")
    found = "SELECT dt FROM changes WHERE change_id = 'old-0' AND regexp_like(\"$path\", 'event')"
    assert lake.query(found)[0] == []
    done = lake.deploy("--parameter", f"FirstDay={lake.day(50)}")
    assert done.returncode == 0, done.stderr
    assert lake.query(found)[0] == [{"dt": lake.day(40)}]


def test_current_and_history_are_the_same_for_both_delivery_streams(story: Story) -> None:
    """With the objects of either delivery stream, or of both: each change once, no gap, one last state."""
    lake = story.lake
    done = lake.run("scripts.views", "orders", "--profile", "producer", "--name", "orders")
    assert done.returncode == 0, done.stderr
    answers = {stream: seen(lake) for stream in none_or_one_hidden(lake)}
    assert answers[None]["current"] == [
        {"pk": "beside-a", "revision": "3"},
        {"pk": "beside-b", "revision": "1"},
    ]
    assert answers[None]["changes"] == [{"n": "6"}]
    assert answers[None]["gaps"] == []
    assert answers[BY_DELIVERY] == answers[BY_EVENT] == answers[None]


def seen(lake: Lake) -> dict[str, Any]:
    """The views' rows for the changes that both delivery streams delivered."""
    mine = "pk LIKE 'beside-%'"
    queries = {
        "current": f"SELECT pk, revision FROM current_orders WHERE {mine} ORDER BY pk",
        "changes": f"SELECT count(*) AS n FROM history_orders WHERE {mine}",
        "gaps": "SELECT * FROM gaps_orders WHERE change_key LIKE '%beside-%'",
    }
    return {name: lake.query(sql)[0] for name, sql in queries.items()}


def none_or_one_hidden(lake: Lake) -> Iterator[str | None]:
    """No delivery stream, then each in turn, while the objects that it wrote are hidden by delete markers."""
    yield None
    s3 = lake.client("s3")
    for stream in (BY_DELIVERY, BY_EVENT):
        markers = [
            {"Key": key, "VersionId": s3.delete_object(Bucket=lake.bucket, Key=key)["VersionId"]}
            for key in lake.objects(stream)
        ]
        yield stream
        for marker in markers:
            s3.delete_object(Bucket=lake.bucket, **marker)


def test_record_without_a_day_goes_to_the_error_prefix(story: Story) -> None:
    """Whole, under its error type, with the shipped policies; the other delivery stream needs no day."""
    lake, function = story.lake, story.lake.sandbox.outputs["TransformFunctionName"]
    functions = lake.client("lambda")
    settings = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    other = settings | {"EVENT_STREAM_NAME": "another"}
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": other})
    lake.write(("dayless", 0, lake.today - timedelta(days=2)))
    lake.wait_for(BY_EVENT, "failed", 1)
    lake.settle()
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": settings})
    [key] = lake.objects(BY_EVENT, "errors/")
    assert re.match(rf"errors/metadata-extraction-failed/dt=({lake.day(0)}|{lake.day(-1)})/", key)
    body = gzip.decompress(lake.client("s3").get_object(Bucket=lake.bucket, Key=key)["Body"].read())
    line = json.loads(body)
    assert line["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"
    assert json.loads(base64.b64decode(line["rawData"]))["eventID"] == "dayless-0"
    assert lake.objects(BY_DELIVERY, "errors/") == {}
