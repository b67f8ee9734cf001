"""One seed: changes through function, delivery and redrive under faults, then the checks of the lake."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from repair import redriving
from sandbox.delivery import outlet
from sandbox.delivery.description import MIB, DeliveryStream, parse
from sandbox.delivery.pipeline import Pipeline, _Waiting
from sandbox.delivery.progress import ShardProgress
from scripts.core.console import Output
from scripts.core.lake_objects import LakeObjects
from scripts.core.redriving.run import Run
from scripts.core.redriving.selection import Wanted, prefixes, select
from tests.faults import views
from tests.faults.changes import START, Changes, key_of
from tests.faults.oracle import Oracle, Problem
from tests.faults.services import SHARDS, Bucket, Function, Stream, index_of
from transform_lambda import handler as function
from transform_lambda.configuration import Configuration
from transform_lambda.flatten import RowSettings

OWNER: Final = "222222222222"
RETRIES: Final = 3  # after the first attempt; templates/producer.yaml has 300, which would hide every failure
RECORD_BYTES: Final = 700  # about
BATCHES: Final = 200  # at least
AGAIN: Final = 0.01  # share of batches that are read from the stream again
REDRIVE_ATTEMPTS: Final = 1_000
PART_LINES: Final = 700  # of a redrive: error objects of the test have several parts
SHOWN_ROWS: Final = 40

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """One seed's figures and problems."""

    document: dict[str, Any]
    problems: list[Problem]
    smallest: list[str]  # the smallest wrong item


def description(count: int) -> dict[str, Any]:
    """The delivery stream as templates/producer.yaml declares it.

    Its buffers are small, so that a run of this many changes has some hundred batches and objects.
    """
    batch = min(0.2, count * RECORD_BYTES / BATCHES / MIB)
    return {
        "DeliveryStreamName": "ddb-lake",
        "DeliveryStreamARN": "arn:aws:firehose:eu-west-1:111111111111:deliverystream/ddb-lake",
        "Source": {
            "KinesisStreamSourceDescription": {
                "KinesisStreamARN": "arn:aws:kinesis:eu-west-1:111111111111:stream/changes",
                "RoleARN": "arn:aws:iam::111111111111:role/delivery",
                "DeliveryStartTimestamp": datetime.fromtimestamp(START / 1_000_000, UTC),
            }
        },
        "Destinations": [
            {
                "ExtendedS3DestinationDescription": {
                    "BucketARN": "arn:aws:s3:::lake",
                    "RoleARN": "arn:aws:iam::111111111111:role/delivery",
                    "BufferingHints": {"SizeInMBs": 5 * batch, "IntervalInSeconds": 60},
                    "Prefix": "data/dt=!{timestamp:yyyy-MM-dd}/",
                    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/",
                    "CompressionFormat": "GZIP",
                    "FileExtension": ".gz",
                    "ProcessingConfiguration": {
                        "Enabled": True,
                        "Processors": [
                            {
                                "Type": "Lambda",
                                "Parameters": [
                                    {"ParameterName": "LambdaArn", "ParameterValue": "arn:function"},
                                    {"ParameterName": "NumberOfRetries", "ParameterValue": str(RETRIES)},
                                    {"ParameterName": "BufferSizeInMBs", "ParameterValue": str(batch)},
                                ],
                            }
                        ],
                    },
                }
            }
        ],
    }


class _Impatient(threading.Event):
    """An event that nobody sets, and that nobody waits for."""

    def wait(self, timeout: float | None = None) -> bool:
        """Return at once."""
        del timeout
        return False


class Delivery(Pipeline):
    """The sandbox's delivery, driven record by record in one thread."""

    def __init__(self, stream: DeliveryStream, clients: dict[str, Any], seed: int) -> None:
        super().__init__(cast("Any", SimpleNamespace(speed=1_000_000.0)), stream)
        self._stopping = _Impatient()
        self._roles = cast("Any", SimpleNamespace(client=lambda _, service: clients[service]))
        self._retention_hours = 24 * 365 * 100  # the test's clock is not the machine's
        self._random = random.Random(f"delivery {seed}")  # noqa: S311  the same seed gives the same result
        self._batches: list[_Waiting | None] = [None] * SHARDS
        self.progress = [ShardProgress(f"shardId-{number:012d}") for number in range(SHARDS)]
        self.batches = self.read_again = 0

    def name(self, *_: Any) -> str:
        """An object's name after its prefix: as `suffix` writes it, and the same in every run."""
        return f"ddb-lake-1-2026-11-18-00-00-00-{self._random.getrandbits(128):032x}.gz"

    def take(self, shard: int, record: Any) -> None:
        """One record of a shard."""
        self._batches[shard] = self._take(self.progress[shard], self._batches[shard], record)

    def _process(self, shard: ShardProgress, waiting: _Waiting) -> None:
        super()._process(shard, waiting)
        self.batches += 1
        if self._random.random() < AGAIN:
            self.read_again += 1
            again = _Waiting(
                shard.open(waiting.opened_at), waiting.opened_at, waiting.records, waiting.fragments
            )
            again.ticket.last_sequence = waiting.ticket.last_sequence
            super()._process(shard, again)
        self.put_sealed()

    def put_sealed(self) -> None:
        """One attempt for each object that waits."""
        for pending in list(self._main._pending):
            self._main._attempt(pending)

    def finish(self) -> None:
        """Deliver everything that waits."""
        for shard, waiting in zip(self.progress, self._batches, strict=True):
            if waiting is not None:
                self._process(shard, waiting)
        self._main.buffers.clock = lambda: time.time() + 1e9
        self._main.buffers.seal_due()
        while self._main._pending:
            self.put_sealed()


class _Quiet(Output):
    """Says nothing."""

    def say(self, text: str, style: str | None = None) -> None:
        """Nothing."""


class Redrive:
    """The verb's engine over the test's bucket, run until every error object is complete."""

    def __init__(self, bucket: Bucket, settings: RowSettings) -> None:
        lake: Any = SimpleNamespace(
            bucket="lake", outputs={"ConsumerAccountId": OWNER}, repair_client=lambda _: bucket
        )
        self._objects, self._settings = LakeObjects(lake), settings
        self.runs = self.interrupted = 0

    def run(self) -> bool:
        """Redrive everything. Returns False if that does not end."""
        wanted = Wanted()
        for _ in range(REDRIVE_ATTEMPTS):
            self.runs += 1
            try:
                found = select(
                    (one for prefix in prefixes(wanted) for one in self._objects.listed(prefix)), wanted
                )
                if not found.pending:
                    return True
                result = Run(self._objects, self._settings, _Quiet()).redrive(found)
                if result.problems:
                    return False
            except (ClientError, BotoCoreError):
                self.interrupted += 1
        return False


def run(seed: int, count: int, say: Say, *, with_views: bool = True, faults: float = 1.0) -> Result:
    """Changes of one seed, delivered, redriven and checked."""
    logging.getLogger("delivery").setLevel(logging.CRITICAL)
    started = time.monotonic()
    settings = RowSettings(keep_images=bool(seed % 2))
    changes = Changes(seed, count, keep_images=settings.keep_images)
    stream = Stream(changes, seed)
    oracle = Oracle(changes, stream.poison)
    bucket = Bucket(seed, oracle.take, faults)

    def excuse(sequences: list[str]) -> None:
        oracle.excused.update(map(index_of, sequences))

    service = Function(seed, excuse)
    delivery = Delivery(parse(description(count)), {"s3": bucket, "lambda": service}, seed)
    redrive = Redrive(bucket, settings)
    earlier = function.CONFIGURATION, redriving.PART_LINES, cast("Any", outlet).suffix
    function.CONFIGURATION = Configuration(rows=settings)
    cast("Any", redriving).PART_LINES = max(5, min(PART_LINES, count // 1_000))
    cast("Any", outlet).suffix = delivery.name
    step = max(1, count // 10)
    records, ended = 0, True
    try:
        for shard, record, _ in stream:
            delivery.take(shard, record)
            records += 1
            if records % step == 0:
                say(
                    f"seed {seed}: {records:,} records, {oracle.rows:,} rows, "
                    f"{bucket.counts.total():,} faults of S3"
                )
                ended = ended and redrive.run()  # error objects arrive all the time, as redrives do
        delivery.finish()
        ended = ended and redrive.run()
    finally:
        function.CONFIGURATION = earlier[0]
        cast("Any", redriving).PART_LINES = earlier[1]
        cast("Any", outlet).suffix = earlier[2]
    if not ended:
        oracle.problems.add("redrive", "a redrive does not end, or cannot read an error object")
    for shard_progress in delivery.progress:
        if not shard_progress.idle or shard_progress.last_delivered != shard_progress.last_read:
            oracle.problems.add("checkpoint", f"{shard_progress.shard_id} is not at the last record")
    if delivery.dropped:
        oracle.problems.add("lost", f"the function dropped {delivery.dropped} records")
    oracle.missing()
    items = oracle.newest()
    say(f"seed {seed}: the lake has {oracle.rows:,} rows of {count:,} changes; {items:,} items compared")
    shown = views.check(changes, oracle) if with_views else {}
    document = {
        "seed": seed,
        "changes": count,
        "items": items,
        "records": records,
        "invocations": service.invocations,
        "objects": oracle.objects,
        "rows": oracle.rows,
        "rows_twice_or_more": oracle.copies,
        "failed_records": oracle.failed_lines,
        "redelivered": oracle.redriven_rows,
        "poison_records": len(stream.poison),
        "unrecoverable": oracle.unrecoverable_lines,
        "redrives": redrive.runs,
        "redrives_interrupted": redrive.interrupted,
        "batches_read_again": delivery.read_again,
        "objects_put_again": oracle.replaced,
        "faults": dict(sorted((stream.counts + service.counts + bucket.counts).items())),
        "views": shown,
        "wrong": dict(sorted(oracle.problems.counts.items())),
        "seconds": round(time.monotonic() - started, 1),
    }
    return Result(document, oracle.problems.first, _smallest(changes, oracle))


def _smallest(changes: Changes, oracle: Oracle) -> list[str]:
    """The wrong item with the fewest changes: each change, and how often it is in the lake."""
    wrong = {problem.item for problem in oracle.problems.first if problem.item is not None}
    if not wrong:
        return []
    item = min(wrong, key=lambda each: len(changes.of_item(each)))
    lines = [f"the smallest wrong item is {key_of(item)}; its state in the table is {changes.state[item]}"]
    lines += [
        f"  change {number} at {changes.moment[number]}: {changes.before[number]} -> "
        f"{changes.after[number]}, {oracle.delivered[number]} times in the lake"
        for number in changes.of_item(item)[:SHOWN_ROWS]
    ]
    return lines
