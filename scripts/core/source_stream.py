"""The Kinesis stream of a stack's table: what writes into it, what reads it, and how to stop the writing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from lake.waiting import WaitReport
from scripts.core.connection import Connection
from scripts.core.console import CommandError, Output
from scripts.core.delivery_time import BUFFERS
from scripts.core.deployment.partitioning import EVENT_SUFFIX, PARTITION_BY, STREAM
from scripts.core.stack import outputs_of

# With dynamic partitioning an interval may take half as long again (Firehose guide, "Buffer data for dynamic
# partitioning").
EVENT_FACTOR = 1.5
# Seconds beyond the buffers' own intervals: at most 120 for the function's call, and the write to S3.
MARGIN = 120.0
# [unverified] No AWS page states that at DISABLED every earlier change is in the stream.
STOPPED = ("DISABLED", "ENABLE_FAILED")
NOT_THERE = "ResourceNotFoundException"
PATIENCE = timedelta(minutes=20)
POLL_SECONDS = 2.0
REPORT_SECONDS = 15.0  # long work that is not a wait reports at least this often
SHORTEST_SLEEP = 0.001  # a shorter one could be lost in the rounding of the clock


@dataclass(frozen=True)
class Clock:
    """The time, and waiting. `speed` divides the buffers' intervals, for a sandbox that delivers faster."""

    speed: float = 1.0
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], None] = time.sleep


class Wait:
    """A wait that reports its reason, its time so far and its limit: at once, then at growing intervals."""

    def __init__(self, clock: Clock, out: Output) -> None:
        self._clock, start = clock, clock.now()

        def seconds() -> float:
            return (clock.now() - start).total_seconds()

        self._report = WaitReport(out.say, seconds, first=0.0)
        self._text, self._limit = "", math.inf

    def show(self, text: str, limit: float = math.inf) -> None:
        """Set what is waited for, and the limit in seconds since the start; print it if a line is due."""
        self._text, self._limit = text, limit
        self._report.report(text, limit)

    def sleep(self, seconds: float) -> None:
        """Wait, and report on the way."""
        while seconds > 0:
            step = min(seconds, max(self._report.schedule.seconds_left, SHORTEST_SLEEP))
            self._clock.sleep(step)
            seconds -= step
            if seconds > 0:  # otherwise the caller looks again first
                self._report.report(self._text, self._limit)


@dataclass(frozen=True)
class Source:
    """A stack's table, the Kinesis stream of its changes and the delivery streams that read it.

    `status` is the table's DestinationStatus; None if the table does not stream into this Kinesis stream or
    does not exist. `left_behind` is a delivery stream of an earlier PartitionBy that still reads; it is one
    of `delivery_streams`. `buffer_seconds` is the longest time that a change stays in one of them.
    """

    table: str
    stream_arn: str
    status: str | None
    delivery_streams: tuple[str, ...]
    left_behind: str | None
    buffer_seconds: float

    @property
    def streams(self) -> bool:
        """Whether the table writes into the stream, or is about to."""
        return self.status is not None and self.status not in STOPPED


def source_of(description: Mapping[str, Any], connection: Connection) -> Source | None:
    """The source of a described stack; None for a stack that streams no table."""
    outputs = outputs_of(description)
    if not {"SourceTableName", "SourceStreamArn", STREAM} <= set(outputs):
        return None
    parameters = parameters_of(description)
    stream_arn, current = outputs["SourceStreamArn"], outputs[STREAM]
    base = parameters.get(STREAM, current.removesuffix(EVENT_SUFFIX))
    firehose = connection.client("firehose")
    names = (current, *({base, base + EVENT_SUFFIX} - {current}))
    reading = tuple(name for name in names if _reads(firehose, name, stream_arn))
    by_event = parameters.get(PARTITION_BY) == "event" or len(reading) > 1
    return Source(
        outputs["SourceTableName"],
        stream_arn,
        status_of(connection.client("dynamodb"), outputs["SourceTableName"], stream_arn),
        reading,
        next((name for name in reading if name != current), None),
        buffer_seconds(parameters, by_event=by_event),
    )


def parameters_of(description: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a described stack."""
    return {
        each["ParameterKey"]: each.get("ParameterValue", "") for each in description.get("Parameters", [])
    }


def buffer_seconds(parameters: Mapping[str, str], *, by_event: bool) -> float:
    """The longest time that a change stays in a delivery stream, by the parameters of its stack."""
    seconds = sum(float(parameters.get(name) or 0) for name in BUFFERS)
    return seconds * (EVENT_FACTOR if by_event else 1) + MARGIN


def _reads(firehose: Any, name: str, stream_arn: str) -> bool:
    """Whether a delivery stream of that name exists and reads this Kinesis stream."""
    try:
        found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == NOT_THERE:
            return False
        raise
    source = found.get("Source", {}).get("KinesisStreamSourceDescription", {})
    return bool(source.get("KinesisStreamARN") == stream_arn)


def status_of(dynamodb: Any, table: str, stream_arn: str) -> str | None:
    """The DestinationStatus of a table for a Kinesis stream; None if there is none, or no table."""
    try:
        found = dynamodb.describe_kinesis_streaming_destination(TableName=table)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == NOT_THERE:
            return None
        raise
    statuses = [
        str(one["DestinationStatus"])
        for one in found.get("KinesisDataStreamDestinations", [])
        if one["StreamArn"] == stream_arn
    ]
    return next((status for status in statuses if status not in STOPPED), statuses[0] if statuses else None)


def stop(source: Source, dynamodb: Any, clock: Clock, out: Output) -> None:
    """Turn the table's stream off and wait until it is off. Raises CommandError if that takes too long.

    Disabling takes a while: the destination is DISABLING, then DISABLED. A destination that is ENABLING or
    UPDATING cannot be disabled yet (DynamoDB API reference, DisableKinesisStreamingDestination and
    KinesisDataStreamDestination).
    """
    wait, until = Wait(clock, out), clock.now() + PATIENCE
    requested = waited = False
    while True:
        status = status_of(dynamodb, source.table, source.stream_arn)
        if status is None or status in STOPPED:
            break
        if status == "ACTIVE" and not requested:
            requested = True
            dynamodb.disable_kinesis_streaming_destination(
                TableName=source.table, StreamArn=source.stream_arn
            )
            continue
        waited = True
        wait.show(
            f"table {source.table}: the stream of its changes is {status}, not yet DISABLED",
            PATIENCE.total_seconds(),
        )
        if clock.now() > until:
            raise CommandError(
                f"the stream of table {source.table} has been {status} for {minutes(PATIENCE)}",
                "Nothing was deleted. Run the command again; it continues where it stopped.",
                status=status,
            )
        wait.sleep(POLL_SECONDS)
    if requested or waited:
        out.say(f"table {source.table} no longer streams its changes", "green")


def minutes(span: timedelta) -> str:
    """A time span for messages."""
    return f"{math.ceil(span.total_seconds() / 60)} minutes"
