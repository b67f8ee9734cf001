"""Progress on stderr while the command works."""

from __future__ import annotations

import sys
import time

from .errors import printable


def say(text: str) -> None:
    """Write a message to stderr immediately, with escapes for control characters."""
    sys.stderr.write("\n".join(map(printable, text.split("\n"))) + "\n")
    sys.stderr.flush()


class Progress:
    """Progress on stderr: a bar on a terminal if rich is installed, else a line every two seconds."""

    def __init__(self, total: int) -> None:
        self._total, self._bar, self._task = total, None, None
        self._shown = self._begun = time.monotonic()
        if sys.stderr.isatty():
            try:
                from rich.console import Console  # noqa: PLC0415
                from rich.progress import Progress as Bar  # noqa: PLC0415
            except ImportError:
                return
            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("putting", total=total)
            self._bar.start()

    def __call__(self, done: int) -> None:
        """Show how many items are done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)
        elif time.monotonic() - self._shown >= 2:
            self._shown = time.monotonic()
            say(f"{done:,} of {self._total:,} items")

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
