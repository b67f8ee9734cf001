"""Before a stack that streams a table is deleted its stream stops, and what is under way arrives."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import remove
from scripts.core import connection, draining
from scripts.core.console import CommandError, Output
from scripts.core.deployment.partitioning import EVENT_SUFFIX
from scripts.core.source_stream import MARGIN, PATIENCE, Clock, Source, Wait, source_of, stop
from tests.templates import launches
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Pages, refused
from tests.unit.scripts.test_remove import Removable

STREAM = "arn:aws:kinesis:eu-west-1:222222222222:stream/changes"
OTHER = f"{STREAM}-2"
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BEHIND, FRESHNESS = draining.BEHIND, draining.FRESHNESS
BUFFERED = 70 + MARGIN  # seconds, by the parameters below


class Aws:
    """DynamoDB, Firehose and CloudWatch of one account; its time goes on when somebody waits.

    `statuses` are those the destination goes through, one a look, the last for good. `metrics` are what a
    delivery stream publishes: seconds after START, and the value.
    """

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.delivery_streams = {"lake": STREAM}
        self.metrics: dict[tuple[str, str], Sequence[tuple[float, float]]] = {}
        self.denied: set[str] = set()
        self.calls: list[str] = []
        self.time, self.slept = START, list[float]()
        self.meta = SimpleNamespace(endpoint_url="https://firehose.eu-west-1.amazonaws.com")

    def client(self, _: str) -> Aws:
        return self

    def clock(self, speed: float = 1.0) -> Clock:
        return Clock(speed, lambda: self.time, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    def _called(self, name: str) -> None:
        if name in self.denied:
            raise refused("AccessDeniedException", f"not authorized to perform {name}", name)

    def describe_kinesis_streaming_destination(self, TableName: str) -> dict[str, Any]:
        self._called("DescribeKinesisStreamingDestination")
        if not self.statuses:
            raise refused("ResourceNotFoundException", TableName, "DescribeKinesisStreamingDestination")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        others = [{"StreamArn": OTHER, "DestinationStatus": "ACTIVE"}]
        own = [{"StreamArn": STREAM, "DestinationStatus": status}] if status else []
        return {"KinesisDataStreamDestinations": [*others, *own]}

    def disable_kinesis_streaming_destination(self, **request: str) -> None:
        self._called("DisableKinesisStreamingDestination")
        self.calls.append("disable {TableName} {StreamArn}".format(**request))

    def describe_delivery_stream(self, DeliveryStreamName: str) -> dict[str, Any]:
        self._called("DescribeDeliveryStream")
        if DeliveryStreamName not in self.delivery_streams:
            raise refused("ResourceNotFoundException", DeliveryStreamName, "DescribeDeliveryStream")
        source = {
            "KinesisStreamSourceDescription": {"KinesisStreamARN": self.delivery_streams[DeliveryStreamName]}
        }
        return {"DeliveryStreamDescription": {"Source": source}}

    def get_paginator(self, name: str) -> Pages:
        assert name == "get_metric_data"

        def pages(MetricDataQueries: Any, StartTime: datetime, EndTime: datetime) -> list[dict[str, Any]]:
            self._called("GetMetricData")
            results = []
            for query in MetricDataQueries:
                metric = query["MetricStat"]["Metric"]
                assert metric["Namespace"] == "AWS/Firehose"
                points = self.metrics.get((metric["Dimensions"][0]["Value"], metric["MetricName"]), [])
                published = [
                    (START + timedelta(seconds=at), value)
                    for at, value in points
                    # A minute's point is there when the minute is over.
                    if StartTime <= START + timedelta(seconds=at) < EndTime
                    and START + timedelta(seconds=at + 60) <= self.time
                ]
                # Newest first, as CloudWatch answers by default, on two pages.
                for page in (published[1::2], published[0::2]):
                    times, values = zip(*reversed(page), strict=True) if page else ((), ())
                    results.append({"Id": query["Id"], "Timestamps": list(times), "Values": list(values)})
            return [{"MetricDataResults": [result]} for result in results]

        return Pages(pages)


def stack(**parameters: str) -> dict[str, Any]:
    """A described stack that streams a table."""
    given = {"DeliveryStreamName": "lake", "BufferIntervalSeconds": "60", "PartitionBy": "delivery"}
    given |= {"ProcessorBufferIntervalSeconds": "10", **parameters}
    current = "lake-event" if given["PartitionBy"] == "event" else "lake"
    outputs = {"SourceTableName": "orders", "SourceStreamArn": STREAM, "DeliveryStreamName": current}
    return {
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()],
    }


def source(aws: Aws, **parameters: str) -> Source:
    """The source of that stack."""
    found = source_of(stack(**parameters), aws)  # type: ignore[arg-type]
    assert found is not None
    return found


# What there is


def test_a_stack_that_streams_no_table_has_no_source() -> None:
    """The consumer stack, an option, a launch that failed: nobody is asked anything."""
    aws = Aws()
    aws.denied = {"DescribeKinesisStreamingDestination", "DescribeDeliveryStream"}
    for outputs in ([], [{"OutputKey": "DeliveryStreamName", "OutputValue": "lake"}]):
        assert source_of({"Outputs": outputs}, aws) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("launch", [launches.producer, launches.single_account])
@pytest.mark.parametrize("partition_by", ["delivery", "event"])
def test_the_shipped_stacks_have_a_source(
    launch: Callable[..., Any], partition_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs and parameters have the names that are asked for; both names of a delivery stream are known."""
    launched = launch(PartitionBy=partition_by, DeliveryStreamName="lake")
    described = {
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in launched.parameters.items()],
        "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in launched.outputs.items()],
    }
    aws = Aws("")
    aws.delivery_streams = dict.fromkeys(("lake", f"lake{EVENT_SUFFIX}"), launched.outputs["SourceStreamArn"])
    found = source_of(described, aws)  # type: ignore[arg-type]
    assert found is not None
    assert found.table == launched.outputs["SourceTableName"]
    assert found.delivery_streams[0] == launched.resource("DeliveryStream").name
    assert {*found.delivery_streams[1:]} == {found.left_behind}
    assert found.buffer_seconds == 1.5 * 70 + MARGIN


def test_the_delivery_stream_of_an_earlier_partition_by_is_found() -> None:
    """It has the other of the two names and reads this stack's stream; another lake's namesake does not."""
    aws = Aws("ACTIVE")
    assert source(aws).left_behind is None
    aws.delivery_streams = {"lake": STREAM, "lake-event": STREAM}
    assert source(aws).left_behind == "lake-event"
    assert source(aws, PartitionBy="event").left_behind == "lake"
    aws.delivery_streams = {"lake": STREAM, "lake-event": OTHER}
    assert source(aws).delivery_streams == ("lake",)


@pytest.mark.parametrize(
    ("statuses", "streams"),
    [
        (["ACTIVE"], True),
        (["DISABLING"], True),
        (["DISABLED"], False),
        (["ENABLE_FAILED"], False),
        ([""], False),
        ([], False),
    ],
    ids=["active", "disabling", "disabled", "failed", "never", "no table"],
)
def test_only_the_stacks_own_stream_counts(statuses: list[str], streams: bool) -> None:
    """The table may stream somewhere else, too; that is none of this stack's."""
    assert source(Aws(*statuses)).streams == streams


# Stop


def test_the_stream_is_stopped_once() -> None:
    """Disabling takes a while, and one that is being enabled cannot be disabled yet."""
    aws = Aws("ENABLING", "ENABLING", "ACTIVE", "ACTIVE", "DISABLING", "DISABLED")
    stop(source(aws), aws, aws.clock(), Output())
    assert aws.calls == [f"disable orders {STREAM}"]
    assert sum(aws.slept) == 6


@pytest.mark.parametrize("status", [[], [""], ["DISABLED"]])
def test_a_stopped_stream_is_not_stopped_again(status: list[str]) -> None:
    """So a command that was interrupted goes on, and one that runs after the table is gone goes through."""
    aws = Aws(*status)
    stop(source(aws), aws, aws.clock(), Output())
    assert (aws.calls, aws.slept) == ([], [])


def test_a_stream_that_does_not_stop_ends_the_command() -> None:
    """Nothing is deleted over it."""
    aws = Aws("ACTIVE")
    with pytest.raises(CommandError, match="has been ACTIVE for 20 minutes"):
        stop(source(aws), aws, aws.clock(), Output())


# Drain


def reading(behind: Sequence[tuple[float, float]], age: Sequence[tuple[float, float]] = ()) -> Aws:
    """A delivery stream that has been at the end, and then publishes how far behind and how old it is."""
    aws = Aws("DISABLED")
    aws.metrics = {("lake", BEHIND): [(-120, 0), *behind], ("lake", FRESHNESS): age}
    return aws


def drained(aws: Aws, **parameters: str) -> float:
    """Drain, and give the seconds it took."""
    draining.drain(source(aws, **parameters), aws, aws.clock(), Output())
    return (aws.time - START).total_seconds()


def test_buffers_are_emptied_before_the_deletion() -> None:
    """A whole minute at the end of the stream, then the buffers' intervals: nothing is left in them."""
    assert drained(reading([(0, 0)])) == 60 + BUFFERED


def test_an_older_zero_does_not_count() -> None:
    """Firehose may have been at the end before the last change was made."""
    assert drained(reading([(-60, 0), (0, 90_000), (60, 20_000), (120, 0)])) == 180 + BUFFERED


def test_a_reader_that_falls_behind_again_is_waited_for() -> None:
    """The newest minute counts, whatever came before."""
    aws = reading([(-60, 0), (0, 5_000), (60, 0)])
    assert drained(aws) == 120 + BUFFERED


def test_every_delivery_stream_is_waited_for() -> None:
    """The one that an earlier PartitionBy has left has read what its successor has not."""
    aws = reading([(0, 0)])
    aws.delivery_streams["lake-event"] = STREAM
    aws.metrics["lake-event", BEHIND] = [(0, 60_000), (60, 1_000), (120, 0)]
    assert drained(aws) == 180 + 1.5 * 70 + MARGIN


def test_without_any_metric_only_the_buffers_are_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A stack of a few minutes, or a sandbox, has no metric yet. The message says so."""
    assert drained(Aws("DISABLED")) == BUFFERED
    assert "no metric shows how far Firehose has read" in capsys.readouterr().err


def test_a_wait_reports_its_time_and_limit(capsys: pytest.CaptureFixture[str]) -> None:
    """At once and then ever rarer, also within one sleep; a new state is reported when a line is due."""
    aws = Aws("DISABLED")
    wait = Wait(aws.clock(), Output())
    wait.show("A", 300)
    for seconds in (2.0, 2.0, 40.0):
        wait.sleep(seconds)
        wait.show("A", 300)
    wait.show("B")
    wait.sleep(60.3)
    assert capsys.readouterr().err.splitlines() == [
        *(f"waited {seconds} s of at most 5 m 00 s: A" for seconds in (0, 5, 15, 35)),
        "waited 1 m 15 s: B",
    ]
    assert sum(aws.slept) == pytest.approx(104.3)


def test_every_wait_of_remove_names_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    """The stop of the stream, the metric, the buffers and the delivery; not how long reading takes."""
    aws = Aws("ACTIVE", "DISABLING", "DISABLING", "DISABLED")
    stop(source(aws), aws, aws.clock(), Output())
    aws.time = START
    aws.metrics = {
        ("lake", BEHIND): [(-120, 0), (0, 5_000), (60, 0)],
        ("lake", FRESHNESS): [(0, 30), (180, 400), (240, 300)],
    }
    drained(aws)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("waited")]
    assert {line.partition(" s of at most ")[2].partition(": ")[0] for line in lines if " of " in line} == {
        "20 m 00 s",
        "3 m 10 s",
    }
    assert {line.partition(": ")[2] for line in lines if " of at most " not in line} == {"lake is 5 s behind"}


def test_a_faster_sandbox_shortens_the_wait_for_buffers() -> None:
    """It empties its buffers sooner."""
    aws = Aws("DISABLED")
    draining.drain(source(aws), aws, aws.clock(speed=10), Output())
    assert sum(aws.slept) == pytest.approx(BUFFERED / 10)


def test_a_metric_that_stops_ends_the_command() -> None:
    """Without a report nothing is deleted, and the message has the next step."""
    aws = reading([(-60, 0)])
    with pytest.raises(CommandError, match="lake has not reported for 20 minutes") as failure:
        drained(aws)
    assert "Nothing was deleted" in failure.value.next_step
    assert "--no-drain" in failure.value.next_step
    assert aws.time - START > PATIENCE


def test_an_undelivered_change_is_waited_for() -> None:
    """Firehose at the stream's end may still hold what S3 refuses: its oldest record's age says so."""
    held = [(0, 30), (180, 400), (240, 300)]
    assert drained(reading([(0, 0)], held)) > 300
    for gone in ([(0, 30), (180, 60)], [(60, 3_000), (120, 70), (180, 200)]):
        assert drained(reading([(0, 0)], gone)) == 60 + BUFFERED


def test_refused_changes_end_the_command() -> None:
    """A lake that lets nobody in any more would lose a week of changes with the stack."""
    age = [(at, 86_400.0 + at) for at in range(0, 3_600, 60)]
    with pytest.raises(CommandError, match="lake does not deliver its changes") as failure:
        drained(reading([(0, 0)], age))
    assert "log group" in failure.value.next_step


# The command


class Streaming(Removable):
    """An account with one stack that streams a table."""

    def __init__(self, aws: Aws) -> None:
        super().__init__()
        for name in ("lake", "id"):
            self.stacks[name] = {"StackStatus": "CREATE_COMPLETE", "StackId": "id", **stack()}
        self.aws = aws

    def client(self, service: str) -> Any:
        return self.aws if service in ("dynamodb", "firehose", "cloudwatch") else super().client(service)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Run `remove` against an account whose time goes by at once."""

    def command(account: Streaming, *arguments: str, speed: str | None = None) -> Ran:
        session = type("Session", (), {"region_name": "eu-west-1"})
        monkeypatch.setattr(connection, "open_session", lambda *_: session)
        monkeypatch.setattr(connection, "open_client", lambda _, service, __: account.client(service))
        monkeypatch.setattr(connection.Connection, "profile_setting", lambda *_: speed)
        monkeypatch.setattr(draining, "Clock", lambda speed=1.0: account.aws.clock(speed))
        return run_verb(remove.main, "lake", *arguments)

    return command


def test_the_stack_goes_after_its_changes_have_arrived(run: Callable[..., Ran]) -> None:
    """Confirmed, stopped, drained, deleted, in this order; machines read what it was."""
    account = Streaming(Aws("ACTIVE", "ACTIVE", "DISABLING", "DISABLED"))
    done = run(account, "--yes", "--output", "json")
    assert done.code == 0, done.err
    assert account.aws.calls == [f"disable orders {STREAM}"]
    said = [
        done.err.index(text)
        for text in (
            "no longer streams",
            "of at most 3 m 10 s: Firehose empties its buffers",
            "lake is DELETE_COMPLETE",
        )
    ]
    assert said == sorted(said)
    assert json.loads(done.out)["source"] == {"table": "orders", "stream": STREAM, "status": "ACTIVE"}


def test_nothing_stops_without_confirmation(run: Callable[..., Ran]) -> None:
    """What would be done is shown, and the table streams on."""
    for arguments, code in ((["--dry-run"], 0), ([], 1)):
        account = Streaming(Aws("ACTIVE"))
        done = run(account, *arguments)
        assert (done.code, account.aws.calls, account.aws.slept, account.calls) == (code, [], [], [])
        assert f"first: table orders stops streaming into {STREAM}" in done.err
        assert "then: lake delivers the remaining changes, which takes 3 m 10 s or more" in done.err


def test_no_drain_stops_the_stream_without_waiting(run: Callable[..., Ran]) -> None:
    """The loss is said plainly."""
    account = Streaming(Aws("ACTIVE", "ACTIVE", "DISABLED"))
    done = run(account, "--yes", "--no-drain")
    assert done.code == 0, done.err
    assert (account.aws.calls, account.aws.slept) == ([f"disable orders {STREAM}"], [])
    assert "--no-drain: changes that Firehose has not delivered yet are lost" in done.err
    assert "delete_stack" in account.calls


@pytest.mark.parametrize(
    "action",
    [
        "DescribeDeliveryStream",
        "DescribeKinesisStreamingDestination",
        "DisableKinesisStreamingDestination",
        "GetMetricData",
    ],
)
def test_missing_permissions_delete_nothing_without_no_drain(run: Callable[..., Ran], action: str) -> None:
    """A stack may be deleted by who may not see its table; --no-drain lets them, and says what follows."""
    account = Streaming(Aws("ACTIVE"))
    account.aws.denied = {action}
    done = run(account, "--yes")
    if action == "GetMetricData":
        account.aws.statuses = ["DISABLED"]
        done = run(account, "--yes")
    assert (done.code, account.calls) == (1, [])
    assert f"not authorized to perform {action}" in done.err
    assert "--no-drain" in done.err
    skipped = run(account, "--yes", "--no-drain")
    assert (skipped.code, "delete_stack" in account.calls) == (0, True), skipped.err
    no_permission = f"no permission for {action}: the table's stream may stay on" in skipped.err
    assert no_permission == (action != "GetMetricData")


def test_an_interruption_leaves_the_stack_unchanged(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways on are named: the command again, or the stream on again."""
    account = Streaming(Aws("ACTIVE", "ACTIVE", "DISABLED"))

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(account.aws, "_sleep", interrupted)
    done = run(account, "--yes", "--profile", "p")
    assert (done.code, account.calls) == (130, [])
    assert "nothing was deleted. Run the command again to continue" in done.err
    assert (
        f"aws dynamodb enable-kinesis-streaming-destination --table-name orders --stream-arn {STREAM}"
        in done.err
    )
    assert "MICROSECOND --profile p" in done.err


def test_an_earlier_delivery_stream_is_listed_with_its_command(run: Callable[..., Ran]) -> None:
    """It is no stack's resource, and billed on."""
    account = Streaming(Aws("DISABLED"))
    account.aws.delivery_streams["lake-event"] = STREAM
    done = run(account, "--yes", "--output", "json")
    assert "aws firehose delete-delivery-stream --delivery-stream-name lake-event\n" in done.err
    assert "lake-event" in [stays["name"] for stays in json.loads(done.out)["stays"]]


def test_the_sandboxs_speed_is_refused_for_aws(run: Callable[..., Ran]) -> None:
    """On AWS it would delete a stack before its buffers are empty."""
    account = Streaming(Aws("DISABLED"))
    assert (run(account, "--yes", speed="60").code, account.calls) == (2, [])
    account.aws.meta = SimpleNamespace(endpoint_url="https://localhost:1")
    assert run(account, "--yes", speed="nan").code == 2
    assert run(account, "--yes", speed="10").code == 0
    assert sum(account.aws.slept) == pytest.approx(BUFFERED / 10)
