"""Before deleting a stack that streams a table: stop the stream and wait until Firehose has delivered it all.

Deleting a delivery stream also deletes its buffered records: DeleteDeliveryStream deletes "a Firehose stream
and its data" and "doesn't make any guarantees with respect to delivering the data" from then on (Firehose API
reference). So these steps come first:

1. The table stops streaming (`source_stream`).
2. The delivery streams read the Kinesis stream to its end. `KinesisMillisBehindLatest` is how far "the last
   read record is behind the newest record" (Firehose guide, "Monitor Amazon Data Firehose with CloudWatch
   metrics").
3. Firehose empties the buffers, at the latest when their intervals end.
4. No delivery stream has older changes left: `DeliveryToS3.DataFreshness` is the age of its oldest record,
   and "any record older than this age has been delivered" (the same page).

Each step can be interrupted and repeated. Nothing is deleted here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from lake.waiting import duration
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output
from scripts.core.source_stream import PATIENCE, Clock, Source, Wait, minutes, source_of, stop

OPTION = "--no-drain"
SPEED = "ddb_lake_speed"  # profile setting: how many times faster than AWS the sandbox delivers
NAMESPACE, BEHIND, FRESHNESS = "AWS/Firehose", "KinesisMillisBehindLatest", "DeliveryToS3.DataFreshness"
PERIOD = 60  # seconds between two points of these metrics
# Firehose publishes its metrics every five minutes (Firehose guide, the page above). A delivery stream
# without a point in this time has no metrics, or none yet. PATIENCE is four times five minutes.
HISTORY = timedelta(hours=3)
POLL_SECONDS = 10.0
T = TypeVar("T")


@dataclass(frozen=True)
class Draining:
    """The steps before a deletion.

    `skipped` is --no-drain. `location` is the --profile and --region of the stack, for commands in messages.
    """

    source: Source
    connection: Connection
    clock: Clock
    skipped: bool
    location: str

    @classmethod
    def of(
        cls,
        description: Mapping[str, Any],
        connection: Connection,
        *,
        skipped: bool,
        location: str,
        out: Output,
    ) -> Draining | None:
        """Create the steps for a described stack.

        None if the stack streams no table, or if --no-drain is given and the profile may not look.
        """
        source = _permitted(lambda: source_of(description, connection), skipped, out)
        return cls(source, connection, clock_of(connection), skipped, location) if source else None

    def announce(self, out: Output) -> None:
        """Print what happens before anything is deleted."""
        source = self.source
        if source.streams:
            out.say(f"first: table {source.table} stops streaming into {source.stream_arn}")
        if self.skipped:
            out.say(f"{OPTION}: changes that Firehose has not delivered yet are lost", "yellow")
        elif source.delivery_streams:
            names, seconds = " and ".join(source.delivery_streams), source.buffer_seconds / self.clock.speed
            out.say(f"then: {names} delivers the remaining changes, which takes {duration(seconds)} or more")

    def run(self, out: Output) -> None:
        """Stop the table's stream and wait for the delivery. Ctrl-C leaves the stack unchanged."""
        source, clock, client = self.source, self.clock, self.connection.client
        try:
            _permitted(lambda: stop(source, client("dynamodb"), clock, out), self.skipped, out)
            if not self.skipped and source.delivery_streams:
                _permitted(lambda: drain(source, client("cloudwatch"), clock, out), self.skipped, out)
        except (KeyboardInterrupt, SystemExit):
            out.interruption = (
                "nothing was deleted. Run the command again to continue, or turn the table's stream on: "
                f"aws dynamodb enable-kinesis-streaming-destination --table-name {source.table} "
                f"--stream-arn {source.stream_arn} --enable-kinesis-streaming-configuration "
                f"ApproximateCreationDateTimePrecision=MICROSECOND{self.location}"
            )
            raise


def _permitted(call: Callable[[], T], skipped: bool, out: Output) -> T | None:
    """The result of `call`. With --no-drain, None if the profile may not make the call."""
    try:
        return call()
    except ClientError as error:
        refusal = error.response.get("Error", {})
        if not refusal.get("Code", "").startswith("AccessDenied"):
            raise
        if not skipped:
            raise CommandError(
                f"{error.operation_name} was refused: {refusal.get('Message') or refusal['Code']}",
                f"Nothing was deleted. Get permission for {error.operation_name}, or add {OPTION}. With "
                f"{OPTION}, changes that Firehose has not delivered yet are lost, and the table's stream may "
                "stay on.",
                code=refusal["Code"],
            ) from None
        out.say(f"no permission for {error.operation_name}: the table's stream may stay on", "yellow")
        return None


def clock_of(connection: Connection) -> Clock:
    """The real clock. In a sandbox that delivers faster, the wait for buffers is shorter by that factor."""
    text = connection.profile_setting(SPEED)
    if text is None:
        return Clock()
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf or "amazonaws.com" in connection.client("firehose").meta.endpoint_url:
        raise CommandError(
            f"the profile has {SPEED} = {text}",
            f"Remove {SPEED} from a profile for AWS. For the sandbox, set it to a number above 0.",
            exit_code=EXIT_USAGE,
        )
    return Clock(speed)


def drain(source: Source, cloudwatch: Any, clock: Clock, out: Output) -> None:
    """Wait until the delivery streams have written every change into the lake.

    Raises CommandError if they do not finish, or if they stop reporting how far they are.
    """
    began = clock.now()
    measured = _wait_for_reading(source, cloudwatch, began, clock, out)
    seconds = source.buffer_seconds / clock.speed
    out.say("Firehose has read every change" if measured else "no metric shows how far Firehose has read")
    wait = Wait(clock, out)
    wait.show("Firehose empties its buffers", seconds)
    wait.sleep(seconds)
    if measured:
        _wait_for_delivery(source, cloudwatch, began, clock, out)


def _wait_for_reading(source: Source, cloudwatch: Any, began: datetime, clock: Clock, out: Output) -> bool:
    """Wait until Firehose has read the Kinesis stream to its end.

    Returns False without waiting if no delivery stream has published how far it is.
    """
    wait = Wait(clock, out)
    while True:
        points = _points(cloudwatch, BEHIND, source.delivery_streams, began - HISTORY, clock.now())
        if not any(points.values()):
            return False
        # A minute that began earlier may have a zero from before the last change.
        since = {name: [value for at, value in found if at >= began] for name, found in points.items()}
        behind = {name: found[-1] for name, found in since.items() if found and found[-1] > 0}
        silent = [name for name, found in since.items() if not found]
        if not behind and not silent:
            return True
        wait.show(
            "; ".join(
                [f"{name} is {value / 1000:,.0f} s behind" for name, value in behind.items()]
                + [f"{name} has not yet reported how far it is" for name in silent]
            ),
            PATIENCE.total_seconds() if silent else math.inf,  # a delivery stream that reads may take longer
        )
        if silent and clock.now() - began > PATIENCE:
            raise CommandError(
                f"delivery stream {silent[0]} has not reported for {minutes(PATIENCE)} how far it has read",
                "Nothing was deleted, and the table's stream is off. Check whether the last change is in the "
                f"lake. If it is, add {OPTION}; otherwise run the command again.",
                delivery_stream=silent[0],
            )
        wait.sleep(POLL_SECONDS)


def _wait_for_delivery(source: Source, cloudwatch: Any, began: datetime, clock: Clock, out: Output) -> None:
    """Wait while a delivery stream reports a record older than the stop. No report means: none is left."""
    wait, until = Wait(clock, out), clock.now() + PATIENCE
    while True:
        points = _points(cloudwatch, FRESHNESS, source.delivery_streams, began, clock.now())
        undelivered = {
            name: found[-1][1]
            for name, found in points.items()
            # At the end of that minute, the record is older than the stop of the table's stream.
            if found and found[-1][1] > (found[-1][0] - began).total_seconds() + PERIOD
        }
        if not undelivered:
            return
        name, age = next(iter(undelivered.items()))
        if clock.now() > until:
            raise CommandError(
                f"delivery stream {name} does not deliver its changes, the oldest {age:,.0f} s old",
                "Nothing was deleted, and the table's stream is off. The delivery stream's log group shows "
                "why S3 or the function refuses them. Correct that and run the command again, or lose these "
                f"changes with {OPTION}.",
                delivery_stream=name,
            )
        wait.show(
            f"{name} still has undelivered changes, the oldest {age:,.0f} s old", PATIENCE.total_seconds()
        )
        wait.sleep(PERIOD)


def _points(
    cloudwatch: Any, metric: str, names: Sequence[str], start: datetime, end: datetime
) -> dict[str, list[tuple[datetime, float]]]:
    """A metric's maxima for each delivery stream, oldest first: (beginning of the minute, value)."""
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
