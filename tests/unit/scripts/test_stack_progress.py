"""The progress of a stack: one live table on a terminal, few lines elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from rich.console import Console

from scripts.core.console import Output
from scripts.core.stack import Event
from scripts.core.stack_progress import StackProgress, duration

RESOURCES = [(f"Resource{n}", "AWS::S3::Bucket") for n in range(4)]


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def event(logical_id: str, status: str, reason: str = "") -> Event:
    """An event of a resource; of the stack itself if it is called lake."""
    is_stack = logical_id == "lake"
    return Event(
        "1",
        datetime(2026, 11, 20, tzinfo=UTC),
        logical_id,
        "AWS::CloudFormation::Stack" if is_stack else "AWS::S3::Bucket",
        status,
        reason,
        "id" if is_stack else logical_id,
        "id",
    )


def terminal(*, height: int = 20, width: int = 100) -> tuple[Output, io.StringIO]:
    """An output to a terminal, and all that was written to it."""
    written = io.StringIO()
    out = Output()
    out._console = Console(
        file=written,
        force_terminal=True,
        width=width,
        height=height,
        color_system=None,
        _environ={"TERM": "xterm"},
    )
    return out, written


def table(progress: StackProgress, out: Output) -> list[str]:
    """The live table as it is now, without blanks at the ends."""
    with out.console.capture() as captured:
        out.console.print(progress._table())
    return [line.strip() for line in captured.get().splitlines() if line.strip()]


def test_a_terminal_shows_one_table_with_states_and_durations() -> None:
    """Failures first, then the slowest, then what has ended, then what waits; counts are in the title."""
    out, _ = terminal()
    clock = Clock()
    progress = StackProgress(out, "lake", "create", RESOURCES, clock=clock)
    progress.show(event("lake", "CREATE_IN_PROGRESS"))
    progress.show(event("Resource1", "CREATE_IN_PROGRESS"))
    progress.show(event("Resource2", "CREATE_IN_PROGRESS"))
    clock.now += 5
    progress.show(event("Resource0", "CREATE_IN_PROGRESS"))
    progress.show(event("Resource2", "CREATE_COMPLETE"))
    progress.show(event("Unplanned", "UPDATE_COMPLETE"))
    clock.now += 65
    title, _, _, *rows = table(progress, out)
    assert title == "stack lake CREATE_IN_PROGRESS: 1 of 4 done, 2 in progress, 1 m 10 s"
    assert [(row.split()[0], row.split()[2], " ".join(row.split()[3:])) for row in rows] == [
        ("Resource1", "CREATE_IN_PROGRESS", "1 m 10 s"),
        ("Resource0", "CREATE_IN_PROGRESS", "1 m 05 s"),
        ("Resource2", "CREATE_COMPLETE", "5 s"),
        ("Resource3", "waiting", ""),
    ]


def test_the_table_never_exceeds_the_height_of_the_terminal() -> None:
    """The rest is counted below it."""
    out, _ = terminal(height=12)
    progress = StackProgress(out, "lake", "create", [(f"R{n}", "AWS::S3::Bucket") for n in range(50)])
    progress.show(event("R49", "CREATE_FAILED", "taken"))
    shown = table(progress, out)
    assert shown[3].startswith("R49")
    assert shown[-1] == "and 45 more: 45 waiting"
    assert len(shown) < 12


def test_the_live_table_disappears_and_a_failure_stays_with_its_whole_reason() -> None:
    """The summary that follows takes the table's place; a reason is not cut."""
    out, written = terminal()
    reason = "no permission " * 20 + "end"
    with StackProgress(out, "lake", "create", RESOURCES) as progress:
        progress.show(event("Resource1", "CREATE_FAILED", reason))
        progress.show(event("Resource2", "CREATE_FAILED", "Resource creation cancelled"))
        progress.look()
    text = written.getvalue()
    assert f"Resource1 (AWS::S3::Bucket) CREATE_FAILED: {reason}\n" in text.replace("\r\n", "\n")
    assert "cancelled" not in text
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[1A" in text, "the table is erased"


@pytest.fixture
def clock() -> Iterator[Clock]:
    """A clock for the tests without a terminal."""
    return Clock()  # type: ignore[return-value]


def test_without_a_terminal_a_line_comes_every_fifteen_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Start, counts with the slowest resources, and every failure: not one line per event."""
    with StackProgress(Output(), "lake", "create", RESOURCES, clock=clock) as progress:
        for name, _ in RESOURCES[:3]:
            progress.show(event(name, "CREATE_IN_PROGRESS"))
            progress.look()
            clock.now += 1
        progress.show(event("Resource0", "CREATE_COMPLETE"))
        clock.now += 11
        progress.look()
        clock.now += 1
        progress.look()
        progress.look()
        progress.show(event("Resource1", "CREATE_FAILED", "taken"))
    assert capsys.readouterr().err.splitlines() == [
        "stack lake: 4 resources to create",
        "stack lake: 1 of 4 done, 2 in progress, 15 s; slowest: Resource1 14 s, Resource2 13 s",
        "Resource1 (AWS::S3::Bucket) CREATE_FAILED: taken",
    ]


def test_verbose_prints_every_event(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Also events of resources that the plan does not change."""
    with StackProgress(Output(), "lake", "update", RESOURCES, every_event=True, clock=clock) as progress:
        progress.show(event("Resource0", "UPDATE_IN_PROGRESS"))
        progress.show(event("Unplanned", "UPDATE_COMPLETE"))
        clock.now += 60
        progress.look()
    assert capsys.readouterr().err.splitlines() == [
        "00:00:00 UPDATE_IN_PROGRESS           Resource0 AWS::S3::Bucket",
        "00:00:00 UPDATE_COMPLETE              Unplanned AWS::S3::Bucket",
    ]


def test_a_retained_resource_of_a_deleted_stack_counts_as_done(clock: Clock) -> None:
    """CloudFormation skips its deletion."""
    progress = StackProgress(Output(), "lake", "delete", RESOURCES, clock=clock)
    progress.show(event("Resource0", "DELETE_SKIPPED"))
    assert progress._title() == "stack lake: 1 of 4 done, 0 s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0 s"), (59, "59 s"), (60, "1 m 00 s"), (3605, "60 m 05 s")]
)
def test_durations_have_minutes_and_seconds(seconds: float, text: str) -> None:
    """Short enough for a column."""
    assert duration(seconds) == text


def test_a_narrow_terminal_shows_no_types_so_that_statuses_stay_readable() -> None:
    """A resource's name says what it is."""
    out, _ = terminal(width=80)
    progress = StackProgress(
        out, "lake", "delete", [("TransformFunctionFailedRecordsAlarm" * 2, "AWS::S3::Bucket")]
    )
    progress.show(event("TransformFunctionFailedRecordsAlarm" * 2, "DELETE_IN_PROGRESS"))
    row = table(progress, out)[-1]
    assert "…" in row
    assert "AWS::" not in row
    assert "DELETE_IN_PROGRESS" in row
