"""How far each shard has been delivered: the checkpoint, kept in memory as long as the sandbox lives.

A batch leaves a shard, is spread over several buffers and reaches S3 in any order, so a shard counts as
delivered up to the last batch before the first one that is not whole.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Ticket:
    """One batch under way: `parts` places (the function's batch, S3 buffers) still hold something of it."""

    opened_at: float
    last_sequence: str = ""
    parts: int = 1
    arrived: bool = False


@dataclass(eq=False)
class ShardProgress:
    """What was read of one shard and what of it has arrived. Times are seconds since the epoch.

    `complete_through` is the newest moment of which is known that everything the shard held then has arrived.
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
        """Begin a batch."""
        ticket = Ticket(now)
        with self._lock:
            self._under_way.append(ticket)
        return ticket

    def add(self, ticket: Ticket, last_sequence: str, count: int) -> None:
        """`count` more records were read into the batch, the last of them `last_sequence`."""
        with self._lock:
            ticket.last_sequence = last_sequence
            self.read += count
            self.last_read = last_sequence

    def share(self, ticket: Ticket) -> None:
        """One more place holds something of the batch."""
        with self._lock:
            ticket.parts += 1

    def release(self, ticket: Ticket) -> None:
        """One place has handed on, or delivered, what it held of the batch."""
        with self._lock:
            ticket.parts -= 1
            self._advance()

    def caught_up(self, asked_at: float) -> None:
        """A read sent at `asked_at` found the shard's end: all it held then is under way or has arrived."""
        with self._lock:
            newest = self._under_way[-1] if self._under_way else None
            if self._caught_up and self._caught_up[-1][1] is newest:
                self._caught_up.pop()  # the same batch to wait for, so the later moment says more
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
        """Whether everything read has arrived."""
        with self._lock:
            return not self._under_way

    def oldest_opened_at(self) -> float | None:
        """When the oldest batch that has not arrived was begun."""
        with self._lock:
            return self._under_way[0].opened_at if self._under_way else None
