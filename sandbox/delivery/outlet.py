"""One S3 destination of a delivery stream: buffers become objects; each put is repeated until it succeeds.

"If data delivery to your destination fails, the retry duration is as long as the retention of the source
stream" (developer guide, "Handle data delivery failures", Kinesis source). Then the object
is discarded.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.delivery.buffers import Buffer, Buffers
from sandbox.delivery.description import DeliveryStream, S3Destination
from sandbox.delivery.diagnostics import Diagnostics, error_code
from sandbox.delivery.objects import put_arguments, suffix
from sandbox.delivery.prefix import evaluate, partition_keys
from sandbox.delivery.waiting import Backoff

log = logging.getLogger("delivery")

_TICK_SECONDS = 0.05


@dataclass(eq=False)
class _Pending:
    """A sealed buffer. All attempts use one key, so that a repeated put replaces the object."""

    buffer: Buffer
    arguments: dict[str, Any]
    backoff: Backoff
    due: float = 0.0


@dataclass(eq=False)
class Outlet:
    """Delivers the buffers of one destination. `retention` is the source stream's, in seconds."""

    stream: Callable[[], DeliveryStream]
    destination: Callable[[], S3Destination]
    client: Callable[[], Any]
    diagnostics: Diagnostics
    speed: float
    retention: Callable[[], float]
    delivered: int = 0
    failed: int = 0
    expired: int = 0
    objects: int = 0
    buffers: Buffers = field(init=False)
    _pending: dict[_Pending, None] = field(default_factory=dict)  # in their order
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wake: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.buffers = Buffers(self.destination, self.speed, self._seal)

    def _seal(self, buffer: Buffer) -> None:
        """Name the object with the prefix of the current description."""
        destination = self.destination()
        error_type, keys = buffer.lane
        if not error_type and partition_keys(destination.prefix) != [name for name, _ in keys]:
            destination = buffer.destination  # the prefix has changed: only the old one fits these keys
        oldest = dt.datetime.fromtimestamp(buffer.oldest / 1000, destination.time_zone)
        prefix = evaluate(
            destination.error_prefix if error_type else destination.prefix,
            oldest,
            error_type=error_type,
            keys=dict(keys),
        )
        now = dt.datetime.now(destination.time_zone)
        key = prefix + suffix(self.stream(), buffer.destination, now)
        arguments = put_arguments(buffer.destination, key, buffer.body())
        with self._lock:
            self._pending[_Pending(buffer, arguments, Backoff(self.speed))] = None
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Deliver until stopped."""
        while not stopping.is_set():
            self.buffers.seal_due()
            with self._lock:
                due = [pending for pending in self._pending if pending.due <= time.monotonic()]
            for pending in due:
                self._attempt(pending)
                if stopping.is_set():
                    return
                self.buffers.seal_due()
            self._wake.clear()
            self._wake.wait(_TICK_SECONDS)

    def _attempt(self, pending: _Pending) -> None:
        try:
            self.client().put_object(**pending.arguments)
        except (ClientError, BotoCoreError) as error:
            self.diagnostics.failed(error_code("S3", error), error)
            pending.due = time.monotonic() + pending.backoff.next_pause()
            if time.time() - pending.buffer.oldest / 1000 > self.retention():
                log.error("%s: an object was given up after the retention", self.stream().name)
                self._done(pending, expired=True)
            return
        self._done(pending, expired=False)

    def _done(self, pending: _Pending, *, expired: bool) -> None:
        buffer = pending.buffer
        with self._lock:
            del self._pending[pending]
            if expired:
                self.expired += buffer.records
            elif buffer.lane[0]:
                self.failed += buffer.records
            else:
                self.delivered += buffer.records
            self.objects += not expired
        for ticket, shard in buffer.tickets.items():
            shard.release(ticket)

    def waiting(self) -> tuple[int, int]:
        """The records and bytes in memory that are not delivered yet."""
        records, packed = self.buffers.waiting()
        with self._lock:
            sealed = [pending.buffer for pending in self._pending]
        return records + sum(b.records for b in sealed), packed + sum(b.packed for b in sealed)

    def partitions(self) -> set[Any]:
        """The active partitions: the partition keys of data that is not delivered yet."""
        with self._lock:
            sealed = {pending.buffer.lane for pending in self._pending}
        return {lane for lane in sealed | self.buffers.lanes() if not lane[0]}
