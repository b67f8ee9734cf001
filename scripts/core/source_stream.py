"""The stream of changes of a stack's table: who writes into it, who reads it, and how that is stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from scripts.core.connection import Connection
from scripts.core.console import CommandError, Output
from scripts.core.deployment.partitioning import EVENT_SUFFIX, PARTITION_BY, STREAM
from scripts.core.stack import outputs_of

BUFFERS = ("BufferIntervalSeconds", "ProcessorBufferIntervalSeconds")  # parameters
# With dynamic partitioning an interval may take half as long again (Firehose guide, "Buffer data for dynamic
# partitioning").
EVENT_FACTOR = 1.5
# Seconds beyond the buffers' own intervals: the function's call, 120 at most, and the object that is written.
MARGIN = 120.0
# [unverified] That DISABLED means that every change made before is in the stream stands on no AWS page.
STOPPED = ("DISABLED", "ENABLE_FAILED")
NOT_THERE = "ResourceNotFoundException"
PATIENCE = timedelta(minutes=20)
LOOK = 2.0  # seconds between two looks


@dataclass(frozen=True)
class Clock:
    """The time, and waiting. `speed` divides the buffers' intervals, as in a sandbox that delivers faster."""

    speed: float = 1.0
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Source:
    """A stack's table, the Kinesis stream of its changes and the delivery streams that read it.

    `status` is the table's DestinationStatus, None where it does not stream into this Kinesis stream or is
    gone. `left_behind` is a delivery stream that an earlier PartitionBy has left reading; it is among
    `delivery_streams`. `buffer_seconds` is how long a change may stay in one of them.
    """

    table: str
    stream_arn: str
    status: str | None
    delivery_streams: tuple[str, ...]
    left_behind: str | None
    buffer_seconds: float

    @property
    def streams(self) -> bool:
        """Whether the table still writes into the stream, or is about to."""
        return self.status is not None and self.status not in STOPPED


def source_of(found: Mapping[str, Any], connection: Connection) -> Source | None:
    """The source of a described stack; None for a stack that streams no table."""
    outputs = outputs_of(found)
    if not {"SourceTableName", "SourceStreamArn", STREAM} <= set(outputs):
        return None
    given = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}
    stream_arn, current = outputs["SourceStreamArn"], outputs[STREAM]
    base = given.get(STREAM, current.removesuffix(EVENT_SUFFIX))
    firehose = connection.client("firehose")
    names = (current, *({base, base + EVENT_SUFFIX} - {current}))
    reading = tuple(name for name in names if _reads(firehose, name, stream_arn))
    by_event = given.get(PARTITION_BY) == "event" or len(reading) > 1
    return Source(
        outputs["SourceTableName"],
        stream_arn,
        status_of(connection.client("dynamodb"), outputs["SourceTableName"], stream_arn),
        reading,
        next((name for name in reading if name != current), None),
        sum(float(given.get(name) or 0) for name in BUFFERS) * (EVENT_FACTOR if by_event else 1) + MARGIN,
    )


def _reads(firehose: Any, name: str, stream_arn: str) -> bool:
    """Whether there is a delivery stream of that name that reads this Kinesis stream."""
    try:
        found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == NOT_THERE:
            return False
        raise
    source = found.get("Source", {}).get("KinesisStreamSourceDescription", {})
    return bool(source.get("KinesisStreamARN") == stream_arn)


def status_of(dynamodb: Any, table: str, stream_arn: str) -> str | None:
    """The DestinationStatus of a table's stream of changes; None where there is none, or no table."""
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
    """Turn the table's stream off and wait until it is. Raises CommandError when it does not become so.

    Disabling takes a while: the destination is DISABLING, then DISABLED; one that is ENABLING or UPDATING
    cannot be disabled yet (DynamoDB API reference, DisableKinesisStreamingDestination and
    KinesisDataStreamDestination).
    """
    asked, shown, until = False, "", clock.now() + PATIENCE
    while True:
        status = status_of(dynamodb, source.table, source.stream_arn)
        if status is None or status in STOPPED:
            break
        if status == "ACTIVE" and not asked:
            asked = True
            dynamodb.disable_kinesis_streaming_destination(
                TableName=source.table, StreamArn=source.stream_arn
            )
            continue
        if status != shown:
            shown = status
            out.say(f"table {source.table}: its stream of changes is {status}, waiting until it is DISABLED")
        if clock.now() > until:
            raise CommandError(
                f"the stream of table {source.table} has been {status} for {minutes(PATIENCE)}",
                "Nothing was deleted. Run the command again: it goes on from here.",
                status=status,
            )
        clock.sleep(LOOK)
    if asked or shown:
        out.say(f"table {source.table} no longer streams its changes", "green")


def minutes(span: timedelta) -> str:
    """A span of time for people."""
    return f"{math.ceil(span.total_seconds() / 60)} minutes"
