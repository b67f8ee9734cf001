"""How far each shard is delivered: the checkpoint, kept in memory until the sandbox ends.

The records of a batch go to several buffers and reach S3 in any order. A shard is therefore delivered up to
the last batch before the first incomplete one.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Ticket:
    """A batch that is not delivered yet: `parts` places (function's batch, S3 buffers) have its records."""

    opened_at: float
    last_sequence: str = ""
    parts: int = 1
    arrived: bool = False


@dataclass(eq=False)
class ShardProgress:
    """Records read from one shard, and those delivered. Times are seconds since the epoch.

    `complete_through` is the latest known time at which all records of the shard so far were delivered later.
    """

    shard_id: str
    read: int = 0
    last_read: str | None = None
    last_delivered: str | None = None
    complete_through: float = 0.0
    finished: bool = False
    _under_way: deque[Ticket] = field(default_factory=deque)
    _caught_up: deque[tuple[float, Ticket | None]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, now: float) -> Ticket:
        """Start a batch."""
        ticket = Ticket(now)
        with self._lock:
            self._under_way.append(ticket)
        return ticket

    def add(self, ticket: Ticket, last_sequence: str, count: int) -> None:
        """Add `count` records that were read into the batch, up to `last_sequence`."""
        with self._lock:
            ticket.last_sequence = last_sequence
            self.read += count
            self.last_read = last_sequence

    def share(self, ticket: Ticket) -> None:
        """One more place has records of the batch."""
        with self._lock:
            ticket.parts += 1

    def release(self, ticket: Ticket) -> None:
        """One place has passed on or delivered its records of the batch."""
        with self._lock:
            ticket.parts -= 1
            self._advance()

    def caught_up(self, asked_at: float) -> None:
        """A read sent at `asked_at` reached the shard's end: all its records are read."""
        with self._lock:
            newest = self._under_way[-1] if self._under_way else None
            if self._caught_up and self._caught_up[-1][1] is newest:
                self._caught_up.pop()  # the same batch to wait for: the later time replaces the earlier one
            self._caught_up.append((asked_at, newest))
            self._advance()

    def _advance(self) -> None:
        while self._under_way and self._under_way[0].parts == 0:
            ticket = self._under_way.popleft()
            ticket.arrived = True
            self.last_delivered = ticket.last_sequence
        while self._caught_up and ((newest := self._caught_up[0][1]) is None or newest.arrived):
            self.complete_through = self._caught_up.popleft()[0]

    @property
    def idle(self) -> bool:
        """Whether all records that were read are delivered."""
        with self._lock:
            return not self._under_way

    def oldest_opened_at(self) -> float | None:
        """The start of the oldest batch that is not delivered."""
        with self._lock:
            return self._under_way[0].opened_at if self._under_way else None
