"""Before a stack that streams a table goes: the table's stream is stopped, what is under way is delivered.

A delivery stream that is deleted takes what it has buffered with it: DeleteDeliveryStream deletes "a Firehose
stream and its data" and "doesn't make any guarantees with respect to delivering the data" from then on
(Firehose API reference). So first

1. the table stops streaming (`source_stream`);
2. the delivery streams read the Kinesis stream to its end: `KinesisMillisBehindLatest` says how far "the last
   read record is behind the newest record" (Firehose guide, "Monitor Amazon Data Firehose with CloudWatch
   metrics");
3. what they have read leaves their buffers, which are emptied at the latest after their intervals;
4. none of them holds older changes: `DeliveryToS3.DataFreshness` is the age of the oldest record in it, and
   "any record older than this age has been delivered" (the same page).

Each step can be interrupted and begun again: nothing is deleted here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output
from scripts.core.source_stream import PATIENCE, Clock, Source, minutes, source_of, stop

OPTION = "--no-drain"
SPEED = "ddb_lake_speed"  # of the profile: how much faster than AWS a stand-in for it delivers
NAMESPACE, BEHIND, FRESHNESS = "AWS/Firehose", "KinesisMillisBehindLatest", "DeliveryToS3.DataFreshness"
PERIOD = 60  # seconds of a point of these metrics
# Firehose pushes its metrics every five minutes (Firehose guide, the page above): a delivery stream that has
# published nothing for so long has no metrics, or none yet. PATIENCE is four times five minutes.
HISTORY = timedelta(hours=3)
LOOK = 10.0  # seconds between two looks
T = TypeVar("T")


@dataclass(frozen=True)
class Draining:
    """What comes before a deletion.

    `skipped` is --no-drain; `location` are the options that lead a command to where the stack is.
    """

    source: Source
    connection: Connection
    clock: Clock
    skipped: bool
    location: str

    @classmethod
    def of(
        cls, found: Mapping[str, Any], connection: Connection, *, skipped: bool, location: str, out: Output
    ) -> Draining | None:
        """What a described stack has under way; None where it streams no table, or none may be looked at."""
        source = _permitted(lambda: source_of(found, connection), skipped, out)
        return cls(source, connection, _clock(connection), skipped, location) if source else None

    def announce(self, out: Output) -> None:
        """Say what is done before anything is deleted."""
        source = self.source
        if source.streams:
            out.say(f"first table {source.table} stops streaming into {source.stream_arn}")
        if self.skipped:
            out.say(f"changes that are under way are lost: {OPTION}", "yellow")
        elif source.delivery_streams:
            names, seconds = " and ".join(source.delivery_streams), source.buffer_seconds / self.clock.speed
            out.say(f"then {names} delivers what is under way, which takes {seconds:.0f} s or more")

    def run(self, out: Output) -> None:
        """Stop the table's stream and wait for what is under way; Ctrl-C leaves the stack as it is."""
        source, clock, client = self.source, self.clock, self.connection.client
        try:
            _permitted(lambda: stop(source, client("dynamodb"), clock, out), self.skipped, out)
            if not self.skipped and source.delivery_streams:
                _permitted(lambda: drain(source, client("cloudwatch"), clock, out), self.skipped, out)
        except (KeyboardInterrupt, SystemExit):
            out.interruption = (
                "nothing was deleted. Run the command again to go on, or have the table stream again: "
                f"aws dynamodb enable-kinesis-streaming-destination --table-name {source.table} "
                f"--stream-arn {source.stream_arn} --enable-kinesis-streaming-configuration "
                f"ApproximateCreationDateTimePrecision=MICROSECOND{self.location}"
            )
            raise


def _permitted(call: Callable[[], T], skipped: bool, out: Output) -> T | None:
    """What `call` answers; with --no-drain None where the profile may not make it."""
    try:
        return call()
    except ClientError as error:
        refusal = error.response.get("Error", {})
        if not refusal.get("Code", "").startswith("AccessDenied"):
            raise
        if not skipped:
            raise CommandError(
                f"{error.operation_name} was refused: {refusal.get('Message') or refusal['Code']}",
                f"Nothing was deleted. Have it granted, or give {OPTION}: then the table's stream may stay "
                "on, and changes that are under way are lost.",
                code=refusal["Code"],
            ) from None
        out.say(f"{error.operation_name} is not granted: the table's stream may stay on", "yellow")
        return None


def _clock(connection: Connection) -> Clock:
    """The time as it is; in a sandbox that delivers faster, waiting for buffers is that much shorter."""
    text = connection.profile_setting(SPEED)
    if text is None:
        return Clock()
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf or "amazonaws.com" in connection.client("firehose").meta.endpoint_url:
        raise CommandError(
            f"the profile's {SPEED} is {text}",
            "Set it to a number above 0, for the sandbox only; take it out of a profile of AWS.",
            exit_code=EXIT_USAGE,
        )
    return Clock(speed)


def drain(source: Source, cloudwatch: Any, clock: Clock, out: Output) -> None:
    """Wait until what the delivery streams had to read and to write is in the lake.

    Raises CommandError where that does not come to pass, or cannot be told although it could before.
    """
    began = clock.now()
    known = _read_to_the_end(source, cloudwatch, began, clock, out)
    seconds = source.buffer_seconds / clock.speed
    how_far = "all is read" if known else "no metric tells how far it has been read"
    out.say(f"{how_far}: waiting {seconds:.0f} s, until every buffer has been emptied")
    clock.sleep(seconds)
    if known:
        _nothing_held(source, cloudwatch, began, clock, out)


def _read_to_the_end(source: Source, cloudwatch: Any, began: datetime, clock: Clock, out: Output) -> bool:
    """Wait for the end of the Kinesis stream; False where no delivery stream has ever told how far it is."""
    shown = ""
    while True:
        points = _points(cloudwatch, BEHIND, source.delivery_streams, began - HISTORY, clock.now())
        if not any(points.values()):
            return False
        # A minute that began earlier may hold a zero from before the last change.
        since = {name: [value for at, value in found if at >= began] for name, found in points.items()}
        waiting = {name: found[-1] for name, found in since.items() if found and found[-1] > 0}
        silent = [name for name, found in since.items() if not found]
        if not waiting and not silent:
            return True
        said = "; ".join(
            [f"{name} is {value / 1000:,.0f} s behind" for name, value in waiting.items()]
            + [f"{name}: waiting for its next metric" for name in silent]
        )
        if said != shown:
            shown = said
            out.say(said)
        if silent and clock.now() - began > PATIENCE:
            raise CommandError(
                f"delivery stream {silent[0]} has not told for {minutes(PATIENCE)} how far it has read",
                "Nothing was deleted, and the table's stream is off. See whether the last change is in the "
                f"lake, then run the command again, or with {OPTION} if you know that it is.",
                delivery_stream=silent[0],
            )
        clock.sleep(LOOK)


def _nothing_held(source: Source, cloudwatch: Any, began: datetime, clock: Clock, out: Output) -> None:
    """Wait while a delivery stream says that it holds a record from before; silence says that it does not."""
    until = clock.now() + PATIENCE
    while True:
        points = _points(cloudwatch, FRESHNESS, source.delivery_streams, began, clock.now())
        held = {
            name: found[-1][1]
            for name, found in points.items()
            # Older, at the end of that minute, than the time since the table's stream is off.
            if found and found[-1][1] > (found[-1][0] - began).total_seconds() + PERIOD
        }
        if not held:
            return
        name, age = next(iter(held.items()))
        if clock.now() > until:
            raise CommandError(
                f"delivery stream {name} holds changes that it does not deliver, the oldest {age:,.0f} s old",
                "Nothing was deleted, and the table's stream is off. The stream's log group names what is "
                f"refused: put that right and run the command again, or give those changes up with {OPTION}.",
                delivery_stream=name,
            )
        out.say(f"{name} still holds changes, the oldest {age:,.0f} s old")
        clock.sleep(PERIOD)


def _points(
    cloudwatch: Any, metric: str, names: Sequence[str], start: datetime, end: datetime
) -> dict[str, list[tuple[datetime, float]]]:
    """A metric's maxima for each delivery stream, oldest first: the minute's beginning, the value."""
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": NAMESPACE,
                    "MetricName": metric,
                    "Dimensions": [{"Name": "DeliveryStreamName", "Value": name}],
                },
                "Period": PERIOD,
                "Stat": "Maximum",
            },
        }
        for number, name in enumerate(names)
    ]
    found: dict[str, list[tuple[datetime, float]]] = {name: [] for name in names}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=end + timedelta(seconds=PERIOD)
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            name = names[int(result["Id"][1:])]
            found[name] += list(zip(result["Timestamps"], result["Values"], strict=True))
    return {name: sorted(points) for name, points in found.items()}
