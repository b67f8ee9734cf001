"""S3 buffers: rows wait until a size or an age is reached, then become one object.

Sizes count the bytes before compression. The sandbox's speed divides times, never sizes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sandbox.delivery.description import S3Destination
from sandbox.delivery.objects import Compressor, compressor
from sandbox.delivery.progress import ShardProgress, Ticket

Lane = tuple[str, tuple[tuple[str, str], ...]]
DATA: Lane = ("", ())


@dataclass(eq=False)
class Buffer:
    """The rows of one object. `lane` is its error type ("" for data) and its partition keys."""

    lane: Lane
    destination: S3Destination
    opened_at: float
    oldest: int
    packer: Compressor
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    packed: int = 0
    records: int = 0
    tickets: dict[Ticket, ShardProgress] = field(default_factory=dict)

    def body(self) -> bytes:
        """The object's bytes; call it once."""
        self.chunks.append(self.packer.flush())
        return b"".join(self.chunks)


@dataclass(eq=False)
class Buffers:
    """The open buffers of one destination. `seal` receives each full one."""

    destination: Callable[[], S3Destination]
    speed: float
    seal: Callable[[Buffer], None]
    clock: Callable[[], float] = time.time
    _open: dict[Lane, Buffer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, lane: Lane, rows: Sequence[bytes], oldest: int, shard: ShardProgress, ticket: Ticket
    ) -> None:
        """Add rows of one batch to the lane's buffer; `oldest` is their earliest arrival (ms)."""
        full = None
        with self._lock:
            buffer = self._open.get(lane)
            if buffer is None:
                destination = self.destination()
                buffer = self._open[lane] = Buffer(
                    lane, destination, self.clock(), oldest, compressor(destination.compression)
                )
            data = b"".join(rows)
            packed = buffer.packer.compress(data)
            if packed:
                buffer.chunks.append(packed)
                buffer.packed += len(packed)
            buffer.size += len(data)
            buffer.records += len(rows)
            buffer.oldest = min(buffer.oldest, oldest)
            if ticket not in buffer.tickets:
                buffer.tickets[ticket] = shard
                shard.share(ticket)
            if buffer.size >= buffer.destination.buffering.size:
                full = self._open.pop(lane)
        if full:
            self.seal(full)

    def seal_due(self) -> None:
        """Seal the buffers whose interval has passed."""
        now = self.clock()
        with self._lock:
            due = [
                lane
                for lane, buffer in self._open.items()
                if now - buffer.opened_at >= buffer.destination.buffering.interval / self.speed
            ]
            sealed = [self._open.pop(lane) for lane in due]
        for buffer in sealed:
            self.seal(buffer)

    def waiting(self) -> tuple[int, int]:
        """The records and bytes (as kept in memory) in the buffers."""
        with self._lock:
            buffers = list(self._open.values())
        return sum(buffer.records for buffer in buffers), sum(buffer.packed for buffer in buffers)

    def lanes(self) -> set[Lane]:
        """The lanes with an open buffer."""
        with self._lock:
            return set(self._open)
