"""One delivery stream put together: shards → function → buffers → S3, each step retried until it succeeds."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.delivery import processor as function
from sandbox.delivery.buffers import DATA, Buffer, Buffers
from sandbox.delivery.description import DeliveryStream
from sandbox.delivery.objects import error_line, put_arguments, suffix
from sandbox.delivery.prefix import evaluate
from sandbox.delivery.processor import Record
from sandbox.delivery.progress import ShardProgress, Ticket
from sandbox.delivery.roles import Roles, Sandbox
from sandbox.delivery.source import POLL_SECONDS, SHORTEST_POLL_SECONDS, ShardReader, list_shards, parents
from sandbox.delivery.waiting import Backoff

log = logging.getLogger("delivery")

SERVICE_PRINCIPAL = "firehose.amazonaws.com"
SESSION_NAME = "AWSFirehoseToS3"  # seen in CloudTrail as the session of Firehose's S3 deliveries
PROCESSING_FAILED = "processing-failed"
# Reading pauses while this much waits for S3, so that a refused PutObject does not fill the memory.
MEMORY_LIMIT = 192 * 1024 * 1024
_TICK_SECONDS = 0.05


@dataclass
class Counts:
    """What happened so far, in records except where the name says otherwise."""

    delivered: int = 0
    dropped: int = 0
    failed: int = 0
    objects: int = 0
    invocations: int = 0
    retries: int = 0
    expired: int = 0


@dataclass(eq=False)
class _Open:
    """The records of one shard that wait for the function."""

    ticket: Ticket
    opened_at: float
    records: list[Record] = field(default_factory=list)
    fragments: list[bytes] = field(default_factory=list)
    size: int = 0
    payload: int = function.ENVELOPE_BYTES


class Pipeline:
    """Delivers one delivery stream until `stop`."""

    def __init__(self, sandbox: Sandbox, stream: DeliveryStream) -> None:
        self.stream = stream
        self.sandbox = sandbox
        self.roles = Roles(
            sandbox, stream.account, SERVICE_PRINCIPAL, SESSION_NAME, stream.arn, external_id=stream.account
        )
        self.counts = Counts()
        self.shards: dict[str, ShardProgress] = {}
        self.shards_listed_at = 0.0
        self.last_error: dict[str, Any] | None = None
        self._sealed: deque[Buffer] = deque()
        self._sealed_bytes = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._buffers = Buffers(lambda: self.stream.destination, sandbox.speed, self._seal)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to deliver."""
        self._spawn(self._follow_shards, f"{self.stream.name} shards")
        self._spawn(self._deliver, f"{self.stream.name} delivery")

    def stop(self) -> None:
        """End; what is buffered is given up, as when a delivery stream is deleted."""
        self._stopping.set()
        self._wake.set()
        for thread in list(self._threads):
            thread.join(timeout=5)

    def _spawn(self, target: Any, name: str, *arguments: Any) -> None:
        thread = threading.Thread(target=target, name=name, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _note(self, code: str, error: Exception | None = None) -> None:
        """Remember a failure: its code and the service's message, which never holds a payload."""
        message = function.MESSAGES.get(code, "") if error is None else str(error)
        with self._lock:
            self.counts.retries += 1
            self.last_error = {"code": code, "message": message, "at": time.time()}
        log.warning("%s: %s: %s", self.stream.name, code, message)

    # Shards

    def _kinesis(self) -> Any:
        return self.roles.client(self.stream.source_role_arn, "kinesis")

    def _follow_shards(self) -> None:
        backoff = Backoff(self.sandbox.speed)
        while not self._stopping.is_set():
            asked_at = time.time()
            try:
                listed = list_shards(self._kinesis(), self.stream.source_arn)
            except (ClientError, BotoCoreError) as error:
                self._note("Kinesis.ListShards", error)
                backoff.wait(self._stopping)
                continue
            backoff.reset()
            known = {shard["ShardId"] for shard in listed}
            for shard in listed:
                name = shard["ShardId"]
                before = [parent for parent in parents(shard) if parent in known]
                if name not in self.shards and all(
                    parent in self.shards and self.shards[parent].finished for parent in before
                ):
                    self.shards[name] = ShardProgress(name)
                    self._spawn(self._consume, f"{self.stream.name} {name}", self.shards[name])
            if all(name in self.shards for name in known):
                self.shards_listed_at = asked_at
            self._stopping.wait(max(SHORTEST_POLL_SECONDS, POLL_SECONDS / self.sandbox.speed) * 5)

    def _consume(self, shard: ShardProgress) -> None:
        reader = ShardReader(
            client=self._kinesis,
            stream=self.stream,
            progress=shard,
            backoff=Backoff(self.sandbox.speed),
            failed=self._note,
            stopping=self._stopping,
        )
        batch: _Open | None = None
        for records, asked_at, at_end in reader.reads():
            for record in records:
                batch = self._take(shard, batch, record)
            if batch and self._due(batch):
                self._process(shard, batch)
                batch = None
            if at_end:
                shard.caught_up(asked_at)
                self._stopping.wait(max(SHORTEST_POLL_SECONDS, POLL_SECONDS / self.sandbox.speed))
            while self._held() > MEMORY_LIMIT and not self._stopping.is_set():
                self._stopping.wait(_TICK_SECONDS)
        if batch and not self._stopping.is_set():
            self._process(shard, batch)
        shard.finished = True

    # Function

    def _take(self, shard: ShardProgress, batch: _Open | None, record: Record) -> _Open | None:
        """Add a record to the shard's batch, which is processed when it is full."""
        fragment = function.fragment(record, shard.shard_id)
        if batch and batch.payload + len(fragment) + 1 > function.PAYLOAD_LIMIT:
            self._process(shard, batch)
            batch = None
        if batch is None:
            now = time.time()
            batch = _Open(shard.open(now), now)
        batch.records.append(record)
        batch.fragments.append(fragment)
        batch.size += len(record.data)
        batch.payload += len(fragment) + 1
        shard.add(batch.ticket, record.sequence, 1)
        if self.stream.processor is None or batch.size >= self.stream.processor.buffering.size:
            self._process(shard, batch)
            return None
        return batch

    def _due(self, batch: _Open) -> bool:
        processor = self.stream.processor
        interval = processor.buffering.interval if processor else 0.0
        return time.time() - batch.opened_at >= interval / self.sandbox.speed

    def _process(self, shard: ShardProgress, batch: _Open) -> None:
        stream, processor = self.stream, self.stream.processor
        records = batch.records
        if processor is None:
            verdicts = [function.Verdict(record, function.OK, record.data) for record in records]
        else:
            backoff = Backoff(self.sandbox.speed)

            def failed_attempt(_number: int, code: str) -> None:
                self._note(code)
                backoff.wait(self._stopping)

            def new_event() -> bytes:
                self.counts.invocations += 1
                return function.event(stream.source_arn, stream.arn, stream.region, batch.fragments)

            verdicts = function.process(
                lambda: self.roles.client(processor.role_arn, "lambda"),
                processor,
                records,
                new_event,
                failed_attempt,
            )
        good = [verdict for verdict in verdicts if verdict.result == function.OK]
        bad = [verdict for verdict in verdicts if verdict.result == function.FAILED]
        if good:
            oldest = min(verdict.record.arrival for verdict in good)
            self._buffers.add(DATA, [verdict.data for verdict in good], oldest, shard, batch.ticket)
        if bad and processor:
            oldest = min(verdict.record.arrival for verdict in bad)
            lines = [error_line(verdict, processor.function_arn) for verdict in bad]
            self._buffers.add((PROCESSING_FAILED, ()), lines, oldest, shard, batch.ticket)
        with self._lock:
            self.counts.dropped += len(verdicts) - len(good) - len(bad)
        shard.release(batch.ticket)

    # S3

    def _seal(self, buffer: Buffer) -> None:
        with self._lock:
            self._sealed.append(buffer)
            self._sealed_bytes += buffer.packed
        self._wake.set()

    def _held(self) -> int:
        return self._sealed_bytes + self._buffers.waiting()[1]

    def _deliver(self) -> None:
        while not self._stopping.is_set():
            self._buffers.seal_due()
            while self._sealed and not self._stopping.is_set():
                self._put(self._sealed[0])
                with self._lock:
                    self._sealed_bytes -= self._sealed.popleft().packed
                self._buffers.seal_due()
            self._wake.clear()
            self._wake.wait(_TICK_SECONDS)

    def _put(self, buffer: Buffer) -> None:
        destination = self.stream.destination
        moment = dt.datetime.fromtimestamp(buffer.oldest / 1000, ZoneInfo(destination.time_zone))
        error_type, keys = buffer.lane
        prefix = evaluate(
            destination.error_prefix if error_type else destination.prefix,
            moment,
            error_type=error_type,
            partition_keys=dict(keys),
        )
        key = prefix + suffix(self.stream, destination, dt.datetime.now(ZoneInfo(destination.time_zone)))
        arguments = put_arguments(destination, key, buffer.body())
        backoff = Backoff(self.sandbox.speed)
        while not self._stopping.is_set():
            try:
                self.roles.client(destination.role_arn, "s3").put_object(**arguments)
            except (ClientError, BotoCoreError) as error:
                self._note("S3.PutObject", error)
                backoff.wait(self._stopping)
                continue
            with self._lock:
                self.counts.objects += 1
                if error_type:
                    self.counts.failed += buffer.records
                else:
                    self.counts.delivered += buffer.records
            for ticket, shard in buffer.tickets.items():
                shard.release(ticket)
            return

    def status(self) -> dict[str, Any]:
        """What `delivery.json` says of this delivery stream."""
        buffered, _, _ = self._buffers.waiting()
        sealed = sum(buffer.records for buffer in list(self._sealed))
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
            **vars(self.counts),
            "buffered": buffered + sealed,
            "oldest_buffered_seconds": round(time.time() - min(opened), 3) if opened else 0,
            "last_error": self.last_error,
            "shards_listed_at": self.shards_listed_at,
            "shards": {
                shard.shard_id: {
                    "read": shard.read,
                    "last_read": shard.last_read,
                    "last_delivered": shard.last_delivered,
                    "complete_through": shard.complete_through,
                    "finished": shard.finished,
                }
                for shard in shards
            },
        }
