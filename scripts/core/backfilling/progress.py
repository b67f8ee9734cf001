"""Progress of long work: how much is done, how fast, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from scripts.core.console import Output
from scripts.core.source_stream import REPORT_SECONDS, Clock

_T = TypeVar("_T")
_LOOK_EVERY = 1_000  # items between two looks at the clock


class Progress:
    """One line at least every 15 seconds. `total` may be unknown (0)."""

    def __init__(self, clock: Clock, out: Output, verb: str, total: int, files: int) -> None:
        self._clock, self._out, self._verb = clock, out, verb
        self.total, self.files = total, files
        self.items = self.files_done = 0
        self._began = self._said = clock.now()

    def count(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items, counted while they pass."""
        for item in items:
            yield item
            self.items += 1
            if not self.items % _LOOK_EVERY:
                self._tell()

    def file_done(self) -> None:
        """Count a file."""
        self.files_done += 1
        self._tell()

    @property
    def rate(self) -> float:
        """Items per second so far."""
        seconds = (self._clock.now() - self._began).total_seconds()
        return self.items / seconds if seconds > 0 else 0.0

    def line(self) -> str:
        """The state in one line."""
        of_all = f" of {self.total:,}" if self.total else ""
        text = f"{self._verb}: {self.items:,}{of_all} items, {self.files_done:,} of {self.files:,} files"
        rate = self.rate
        if rate:
            text += f", {rate:,.0f} items/s"
            if self.total > self.items:
                text += f", {duration((self.total - self.items) / rate)} left"
        return text

    def _tell(self) -> None:
        now = self._clock.now()
        if (now - self._said).total_seconds() >= REPORT_SECONDS:
            self._said = now
            self._out.say(self.line())


def duration(seconds: float) -> str:
    """A span for people: 40 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
