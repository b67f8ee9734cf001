"""One delivery stream: shards → function → buffers → S3, each step repeated until it succeeds."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.delivery import processor as function
from sandbox.delivery.buffers import DATA, Lane
from sandbox.delivery.description import DeliveryStream, S3Destination
from sandbox.delivery.diagnostics import Diagnostics, error_code
from sandbox.delivery.objects import error_line
from sandbox.delivery.outlet import Outlet
from sandbox.delivery.processor import Record, Verdict
from sandbox.delivery.progress import ShardProgress, Ticket
from sandbox.delivery.source import ShardReader, list_shards, parents
from sandbox.delivery.waiting import SHORTEST_POLL_SECONDS, Backoff, PollPause
from sandbox.roles import Roles
from sandbox.running import RunningSandbox

log = logging.getLogger("delivery")

SERVICE_PRINCIPAL = "firehose.amazonaws.com"
SESSION_NAME = "AWSFirehoseToS3"  # seen in CloudTrail as the session of Firehose's S3 deliveries

# Error output types. The second was seen on AWS as the folder of an error prefix, for keys that are
# missing or empty. The third is in the developer guide, "Buffer data for dynamic partitioning", with its
# limit of 500.
PROCESSING_FAILED = "processing-failed"
METADATA_EXTRACTION_FAILED = "metadata-extraction-failed"
ACTIVE_PARTITION_EXCEEDED = "activePartitionExceeded"
ACTIVE_PARTITIONS = 500

# Reading pauses while this much data waits for S3, so that a denied PutObject does not fill the memory.
MEMORY_LIMIT = 192 * 1024 * 1024
DEFAULT_RETENTION_HOURS = 24
_TICK_SECONDS = 0.05
_SHARDS_SECONDS = 5.0
_QUIET_SECONDS = 60.0


@dataclass(eq=False)
class _Waiting:
    """The records of one shard that wait for the function."""

    ticket: Ticket
    opened_at: float
    records: list[Record] = field(default_factory=list)
    fragments: list[bytes] = field(default_factory=list)
    size: int = 0
    payload: int = function.ENVELOPE_BYTES


class Pipeline:
    """Delivers one delivery stream until `stop`."""

    def __init__(self, sandbox: RunningSandbox, stream: DeliveryStream) -> None:
        self.stream = stream
        self.shards: dict[str, ShardProgress] = {}
        self.shards_listed_at = 0.0
        self.dropped = 0
        self.invocations = 0
        self._speed = sandbox.speed
        self._retention_hours = DEFAULT_RETENTION_HOURS
        self._roles = Roles(
            sandbox, stream.account, SERVICE_PRINCIPAL, SESSION_NAME, stream.arn, external_id=stream.account
        )
        self.diagnostics = Diagnostics(
            lambda: self.stream,
            lambda: self._roles.client(self.stream.destination.role_arn, "logs"),
            _QUIET_SECONDS / self._speed,
        )
        self._main = self._outlet(lambda: self.stream.destination)
        self._backup = self._outlet(lambda: self.stream.backup or self.stream.destination)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def _outlet(self, destination: Callable[[], S3Destination]) -> Outlet:
        return Outlet(
            stream=lambda: self.stream,
            destination=destination,
            client=lambda: self._roles.client(destination().role_arn, "s3"),
            diagnostics=self.diagnostics,
            speed=self._speed,
            retention=lambda: self._retention_hours * 3600.0,
        )

    def start(self) -> None:
        """Start delivery."""
        self._spawn("shards", self._follow_shards)
        self._spawn("delivery", self._main.run, self._stopping)
        self._spawn("backup", self._backup.run, self._stopping)

    def stop(self) -> None:
        """Stop; buffered data is discarded, as when a delivery stream is deleted."""
        self._stopping.set()
        for thread in list(self._threads):
            thread.join(timeout=5)

    def _spawn(self, name: str, target: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                target(*arguments)
            except Exception:
                log.exception("%s: delivery ends here: this is a defect of the sandbox", self.stream.name)
                os._exit(1)  # a part of a pipeline would deliver a part of the data

        thread = threading.Thread(target=run, name=f"{self.stream.name} {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    # Shards

    def _kinesis(self) -> Any:
        return self._roles.client(self.stream.source_role_arn, "kinesis")

    def _follow_shards(self) -> None:
        """Read every shard of the source; a child starts after its parents were read to their end."""
        backoff = Backoff(self._speed)
        while not self._stopping.is_set():
            asked_at = time.time()
            try:
                listed = list_shards(self._kinesis(), self.stream.source_arn)
                described = self._kinesis().describe_stream(StreamARN=self.stream.source_arn, Limit=1)
            except (ClientError, BotoCoreError) as error:
                self.diagnostics.failed(error_code("Kinesis", error), error)
                backoff.wait(self._stopping)
                continue
            backoff.reset()
            self._retention_hours = described["StreamDescription"]["RetentionPeriodHours"]
            known = {shard["ShardId"] for shard in listed}
            for shard in listed:
                name = shard["ShardId"]
                before = [parent for parent in parents(shard) if parent in known]
                if name not in self.shards and all(self._finished(parent) for parent in before):
                    self.shards[name] = ShardProgress(name)
                    self._spawn(name, self._consume, self.shards[name])
            if known <= self.shards.keys():
                self.shards_listed_at = asked_at
            self._stopping.wait(max(SHORTEST_POLL_SECONDS, _SHARDS_SECONDS / self._speed))

    def _finished(self, shard: str) -> bool:
        return shard in self.shards and self.shards[shard].finished

    def _consume(self, shard: ShardProgress) -> None:
        reader = ShardReader(
            client=self._kinesis,
            stream=self.stream,
            progress=shard,
            backoff=Backoff(self._speed),
            failed=lambda error: self.diagnostics.failed(error_code("Kinesis", error), error),
            stopping=self._stopping,
        )
        waiting: _Waiting | None = None
        pause = PollPause(self._speed)
        for records, asked_at, at_end in reader.reads():
            for record in records:
                waiting = self._take(shard, waiting, record)
            if waiting and self._due(waiting):
                self._process(shard, waiting)
                waiting = None
            if at_end:
                shard.caught_up(asked_at)
                self._stopping.wait(pause.after(len(records)))
            while self._held() > MEMORY_LIMIT and not self._stopping.is_set():
                self._stopping.wait(_TICK_SECONDS)
        if waiting and not self._stopping.is_set():
            self._process(shard, waiting)
        shard.finished = True

    def _held(self) -> int:
        return self._main.waiting()[1] + self._backup.waiting()[1]

    # Function

    def _take(self, shard: ShardProgress, waiting: _Waiting | None, record: Record) -> _Waiting | None:
        """Add a record to those that wait for the function; process a full batch."""
        fragment = function.fragment(record, shard.shard_id)
        if waiting and waiting.payload + len(fragment) + 1 > function.PAYLOAD_LIMIT:
            self._process(shard, waiting)
            waiting = None
        if waiting is None:
            now = time.time()
            waiting = _Waiting(shard.open(now), now)
        waiting.records.append(record)
        waiting.fragments.append(fragment)
        waiting.size += len(record.data)
        waiting.payload += len(fragment) + 1
        shard.add(waiting.ticket, record.sequence, 1)
        if self.stream.processor is None or waiting.size >= self.stream.processor.buffering.size:
            self._process(shard, waiting)
            return None
        return waiting

    def _due(self, waiting: _Waiting) -> bool:
        processor = self.stream.processor
        interval = processor.buffering.interval if processor else 0.0
        return time.time() - waiting.opened_at >= interval / self._speed

    def _process(self, shard: ShardProgress, waiting: _Waiting) -> None:
        if self.stream.backup:
            data = [record.data for record in waiting.records]
            oldest = min(record.arrival for record in waiting.records)
            self._backup.buffers.add(DATA, data, oldest, shard, waiting.ticket)
        lanes: dict[Lane, list[Verdict]] = defaultdict(list)
        active = self._main.partitions() if self.stream.partition_keys else set()
        for verdict in self._verdicts(waiting):
            lane, judged = self._lane(verdict, active)
            if lane is None:
                with self._lock:
                    self.dropped += 1
            else:
                lanes[lane].append(judged)
        for lane, verdicts in lanes.items():
            oldest = min(verdict.record.arrival for verdict in verdicts)
            rows = [self._error_line(verdict) if lane[0] else verdict.data for verdict in verdicts]
            self._main.buffers.add(lane, rows, oldest, shard, waiting.ticket)
        shard.release(waiting.ticket)

    def _error_line(self, verdict: Verdict) -> bytes:
        processor = self.stream.processor
        return error_line(verdict, processor.function_arn if processor else "")

    def _verdicts(self, waiting: _Waiting) -> Sequence[Verdict]:
        stream, processor = self.stream, self.stream.processor
        if processor is None:
            return [Verdict(record, function.OK, record.data) for record in waiting.records]
        backoff = Backoff(self._speed)

        def failed_attempt(code: str) -> None:
            self.diagnostics.failed(code)
            backoff.wait(self._stopping)

        def new_event() -> bytes:
            with self._lock:
                self.invocations += 1
            return function.event(stream.source_arn, stream.arn, stream.region, waiting.fragments)

        return function.process(
            client=lambda: self._roles.client(processor.role_arn, "lambda"),
            processor=processor,
            records=waiting.records,
            new_event=new_event,
            failed_attempt=failed_attempt,
        )

    def _lane(self, verdict: Verdict, active: set[Lane]) -> tuple[Lane | None, Verdict]:
        """The destination of a record: data, a partition, an error type, or none (Dropped)."""
        if verdict.result == function.DROPPED:
            return None, verdict
        if verdict.result == function.FAILED:
            return (PROCESSING_FAILED, ()), verdict
        return self._partition(verdict, active) if self.stream.partition_keys else (DATA, verdict)

    def _partition(self, verdict: Verdict, active: set[Lane]) -> tuple[Lane, Verdict]:
        """The partition of a record, which is then an active one."""
        values = verdict.partition_keys or {}
        keys = tuple((name, values.get(name) or "") for name in self.stream.partition_keys)
        if not all(value for _, value in keys):
            code = "DynamicPartitioning.MetadataExtractionFailed"
            return (METADATA_EXTRACTION_FAILED, ()), verdict.failed(code)
        lane: Lane = ("", keys)
        if lane not in active:
            if len(active) >= ACTIVE_PARTITIONS:
                code = "DynamicPartitioning.ActivePartitionExceeded"
                return (ACTIVE_PARTITION_EXCEEDED, ()), verdict.failed(code)
            active.add(lane)
        return lane, verdict

    def status(self) -> dict[str, Any]:
        """This delivery stream's part of `delivery.json`; counts are records unless named otherwise."""
        shards = list(self.shards.values())
        opened = [moment for moment in (shard.oldest_opened_at() for shard in shards) if moment is not None]
        return {
            "name": self.stream.name,
            "arn": self.stream.arn,
            "account": self.stream.account,
            "source": self.stream.source_arn,
            "bucket": self.stream.destination.bucket,
            "function": self.stream.processor.function_arn if self.stream.processor else None,
            "read": sum(shard.read for shard in shards),
            "delivered": self._main.delivered,
            "failed": self._main.failed,
            "dropped": self.dropped,
            "expired": self._main.expired,
            "backed_up": self._backup.delivered,
            "objects": self._main.objects,
            "invocations": self.invocations,
            "retries": self.diagnostics.failures,
            "buffered": self._main.waiting()[0],
            "oldest_buffered_seconds": round(time.time() - min(opened), 3) if opened else 0,
            "last_error": self.diagnostics.last,
            "shards_listed_at": self.shards_listed_at,
            "shards": {
                shard.shard_id: {
                    "read": shard.read,
                    "last_read": shard.last_read,
                    "last_delivered": shard.last_delivered,
                    "complete_through": shard.complete_through,
                    "complete": shard.finished and shard.idle,
                }
                for shard in shards
            },
        }
