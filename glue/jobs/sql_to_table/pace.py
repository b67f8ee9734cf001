"""How fast a task writes: its share of the run's rate."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .arguments import Rate

_UNIT_BYTES = 1024  # of a write unit (DynamoDB developer guide, "Read and write operations")
_PER_TASK = 250  # units or items per second, which one task writes with ease
_CATCHES_UP_SECONDS = 1.0  # after a pause, a task writes at most this much faster


def units(size: int) -> int:
    """The write units of an item of `size` bytes."""
    return max(1, math.ceil(size / _UNIT_BYTES))


def tasks(rate: Rate, slots: int) -> int:
    """The number of tasks that write at once: enough for the rate, and at most `slots`, so that all run."""
    return max(1, min(slots, math.ceil(rate.amount / _PER_TASK)))


@dataclass
class Pace:
    """The share of one of `tasks` tasks. `wait` before each item keeps the task at its share."""

    rate: Rate
    tasks: int
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due: float | None = field(default=None, init=False)

    def wait(self, size: int) -> None:
        """Wait until an item of `size` bytes is due."""
        now = self.now()
        due = now if self._due is None else max(self._due, now - _CATCHES_UP_SECONDS)
        if due > now:
            self.sleep(due - now)
        cost = units(size) if self.rate.counts_units else 1
        self._due = due + cost * self.tasks / self.rate.amount
