"""Progress of long work: how much is done, how fast, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from lake.waiting import Schedule, duration
from scripts.core.console import Output
from scripts.core.source_stream import Clock

_T = TypeVar("_T")
_LOOK_EVERY = 1_000  # items between two looks at the clock


class Progress:
    """Lines at growing intervals, of a minute at most. `total` may be unknown (0)."""

    def __init__(self, clock: Clock, out: Output, verb: str, total: int, files: int) -> None:
        self._out, self._verb = out, verb
        self.total, self.files = total, files
        self.items = self.files_done = 0
        self._schedule = Schedule(lambda: clock.now().timestamp())

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
        seconds = self._schedule.elapsed
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
        if self._schedule.is_due():
            self._out.say(self.line())
