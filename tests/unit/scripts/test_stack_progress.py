"""The progress of a stack: one live table on a terminal, few lines elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from rich.console import Console

from scripts.core.console import Output
from scripts.core.stack import Event
from scripts.core.stack_progress import StackProgress
from scripts.core.template import read
from scripts.stacks import STACKS

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


def screen(written: str) -> list[str]:
    """What a person sees, also after scrolling back: the lines that a terminal makes of the characters."""
    lines, row, column = [""], 0, 0
    for token in re.findall("\x1b\\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", written):
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\x1b[2K":
            lines[row] = ""
        elif token.startswith("\x1b["):
            assert token[-1] in "Ahlm", token
            row -= int(token[2:-1]) if token[-1] == "A" else 0
        else:
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + len(token) :]
            column += len(token)
    return [line.rstrip() for line in lines]


def test_the_live_table_becomes_the_final_one() -> None:
    """One table stays on the screen, with every resource and its last state; a failure keeps its reason."""
    out, written = terminal(height=12)
    reason = "no permission " * 5 + "end"
    resources = [(f"Resource{number}", "AWS::S3::Bucket") for number in range(20)]
    with StackProgress(out, "lake", "create", resources) as progress:
        for name, _ in resources:
            progress.show(event(name, "CREATE_IN_PROGRESS"))
            assert progress._live
            progress._live.refresh()
        progress.show(event("Resource1", "CREATE_FAILED", reason))
        progress.show(event("Resource2", "CREATE_FAILED", "Resource creation cancelled"))
        for name, _ in resources[3:]:
            progress.show(event(name, "CREATE_COMPLETE"))
    out.say("stack lake is CREATE_FAILED")
    seen = screen(written.getvalue())
    assert f"Resource1 (AWS::S3::Bucket) CREATE_FAILED: {reason}" in "".join(seen)
    assert "cancelled" not in "".join(seen)
    rows = [line.split()[0] for line in seen if re.match(r" +Resource[0-9]+ ", line)]
    assert sorted(rows) == sorted(name for name, _ in resources)
    assert sum(line.startswith("stack lake: ") for line in seen) == 1
    assert seen[-2] == "stack lake is CREATE_FAILED"


@pytest.fixture
def clock() -> Iterator[Clock]:
    """A clock for the tests without a terminal."""
    return Clock()  # type: ignore[return-value]


def test_without_a_terminal_lines_come_at_growing_intervals(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Start, counts with the slowest resources, and every failure: not one line per event."""
    with StackProgress(Output(), "lake", "create", RESOURCES, clock=clock) as progress:
        for name, _ in RESOURCES[:3]:
            progress.show(event(name, "CREATE_IN_PROGRESS"))
            progress.look()
            clock.now += 1
        progress.show(event("Resource0", "CREATE_COMPLETE"))
        for _ in range(30):
            clock.now += 1
            progress.look()
        progress.show(event("Resource1", "CREATE_FAILED", "taken"))
    state = "stack lake: 1 of 4 done, 2 in progress; slowest:"
    assert capsys.readouterr().err.splitlines() == [
        "stack lake: 4 resources to create",
        f"waited 5 s: {state} Resource1 4 s, Resource2 3 s",
        f"waited 10 s: {state} Resource1 9 s, Resource2 8 s",
        f"waited 20 s: {state} Resource1 19 s, Resource2 18 s",
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
    assert progress._title() == "stack lake: 1 of 4 done"


LONG = "CatalogFunctionUndeclaredColumnsAlarm"  # the longest name in the templates


@pytest.mark.parametrize(("name", "width"), [(LONG, 80), (LONG * 2, 80), (LONG, 60), (LONG, 120)])
def test_a_narrow_terminal_never_cuts_a_name(name: str, width: int) -> None:
    """Types are left out first; then a long name continues in the next line. Statuses and times are whole."""
    out, _ = terminal(width=width, height=12)
    resources = [(name, "AWS::CloudWatch::Alarm"), *((f"R{n}", "AWS::S3::Bucket") for n in range(20))]
    progress = StackProgress(out, "lake", "delete", resources)
    progress.show(event(name, "DELETE_IN_PROGRESS"))
    shown = table(progress, out)
    first = next(number for number, line in enumerate(shown) if "DELETE_IN_PROGRESS" in line)
    following = next(number for number, line in enumerate(shown) if line.startswith("R0"))
    assert "".join(line.split()[0] for line in shown[first:following]) == name
    assert shown[first].endswith(" 0 s")
    assert "…" not in "".join(shown[1:])
    assert ("AWS::" in "".join(shown)) == (width == 120)
    assert (following - first > 1) == (width == 60 or name != LONG)
    assert len(shown) < 12, "wrapped lines count too"


def test_every_name_of_the_templates_fits_80_columns() -> None:
    """No name of a resource is wrapped in a terminal of the usual width."""
    names = {name for kind in STACKS.values() for name in read(kind.template).resources}
    assert LONG in names
    assert max(map(len, names)) <= len(LONG)
