"""The lines about a wait: how long it has lasted, its limit, and the reason."""

from __future__ import annotations

import pytest

from lake.waiting import WaitReport, duration


class Clock:
    """A clock that the test turns."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_wait_reports_its_time_and_limit_at_growing_intervals() -> None:
    """After 5, 10, 20 and 40 seconds, then every minute; between two lines nothing is printed."""
    clock, lines = Clock(), list[str]()
    wait = WaitReport(lines.append, clock)
    for second in range(261):
        clock.now = 100.0 + second
        wait.report(f"look {second}", 300)
    seen = (5, 10, 20, 40, 80, 140, 200, 260)
    assert lines == [f"waited {duration(second)} of at most 5 m 00 s: look {second}" for second in seen]


def test_a_wait_without_a_limit_reports_only_its_time() -> None:
    """Nobody knows when it ends."""
    lines = list[str]()
    WaitReport(lines.append, Clock(), first=0.0).report("stack lake")
    assert lines == ["waited 0 s: stack lake"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0 s"), (59, "59 s"), (60, "1 m 00 s"), (3605, "60 m 05 s")]
)
def test_durations_have_minutes_and_seconds(seconds: float, text: str) -> None:
    """Short enough for a column."""
    assert duration(seconds) == text
