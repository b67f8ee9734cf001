"""Waiting between attempts: exponential, capped, divided by the sandbox's speed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
SHORTEST_SECONDS = 0.05  # whatever the speed: an attempt costs the emulator more than this wait


@dataclass
class Backoff:
    """The pauses of one retried operation."""

    speed: float
    failures: int = 0

    def reset(self) -> None:
        """Start over after a success."""
        self.failures = 0

    def next_pause(self) -> float:
        """Count a failure and tell how many seconds to pause."""
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return max(SHORTEST_SECONDS, pause / self.speed)

    def wait(self, stopping: threading.Event) -> None:
        """Count a failure and pause, or return at once when delivery stops."""
        stopping.wait(self.next_pause())
