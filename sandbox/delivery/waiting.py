"""Waiting between attempts and between reads, divided by the sandbox's speed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
SHORTEST_SECONDS = 0.05  # at any speed: an attempt costs the emulator more than this wait

# Firehose calls GetRecords once a second for each shard (developer guide, "Amazon Data Firehose quotas").
POLL_SECONDS = 1.0
SHORTEST_POLL_SECONDS = 0.1
# A shard without records is read less often: all of the sandbox shares the emulator's time.
LONGEST_IDLE_SECONDS = 0.5


@dataclass
class Backoff:
    """The pauses of one retried operation."""

    speed: float
    failures: int = 0

    def reset(self) -> None:
        """Start over after a success."""
        self.failures = 0

    def next_pause(self) -> float:
        """Count a failure; the seconds to pause."""
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return max(SHORTEST_SECONDS, pause / self.speed)

    def wait(self, stopping: threading.Event) -> None:
        """Count a failure and pause; return at once when delivery stops."""
        stopping.wait(self.next_pause())


@dataclass
class PollPause:
    """The pauses between reads of one shard."""

    speed: float
    empty: int = 0

    def after(self, records: int) -> float:
        """The seconds to pause after a read of this many records that reached the shard's end."""
        self.empty = 0 if records else self.empty + 1
        usual = max(SHORTEST_POLL_SECONDS, POLL_SECONDS / self.speed)
        return max(usual, min(LONGEST_IDLE_SECONDS, usual * 1.2**self.empty))
