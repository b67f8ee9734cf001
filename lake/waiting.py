"""The lines that report a long wait, at growing intervals: its time so far, its limit, and its reason."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds between two lines; each pause is twice the one before


def duration(seconds: float) -> str:
    """Seconds as text for people: `12 s`, `3 m 05 s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


class Schedule:
    """When the next line is due: after `first` seconds, then after pauses that double up to a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, first: float = FIRST_PAUSE) -> None:
        self._clock = clock
        self._start = clock()
        self._due, self._pause = self._start + first, FIRST_PAUSE

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    @property
    def seconds_left(self) -> float:
        """Seconds until the next line; 0 if it is due."""
        return max(0.0, self._due - self._clock())

    def is_due(self) -> bool:
        """Whether a line is due now. If so, the next one is due after the next pause."""
        now = self._clock()
        if now < self._due:
            return False
        self._due = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True


class WaitReport:
    """Prints the lines of one wait with `say`. Call `report` as often as you look."""

    def __init__(
        self,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        first: float = FIRST_PAUSE,
    ) -> None:
        self._say = say
        self.schedule = Schedule(clock, first=first)

    def report(self, text: str, limit: float = math.inf) -> None:
        """Print a line if one is due: what the wait is for, and how many seconds it may last at most."""
        if self.schedule.is_due():
            self._say(self.line(text, limit))

    def line(self, text: str, limit: float = math.inf) -> str:
        """One line: `waited 20 s of at most 5 m 00 s: TEXT`."""
        most = "" if limit == math.inf else f" of at most {duration(limit)}"
        return f"waited {duration(self.schedule.elapsed)}{most}: {text}"
