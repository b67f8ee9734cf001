"""The progress of a stack operation: one table on a terminal, which ends complete; a few lines elsewhere."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from lake.terminal import visible
from lake.waiting import WaitReport, duration
from scripts.core.console import Output

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from scripts.core.stack import Event

SLOWEST = 3  # resources that a line names
LINES_AROUND = 7  # of the terminal: title, header, rule, the line below the table, three blank ones
TIME_AND_GAPS, GAP = 20, 3  # characters: the column of times with all gaps, and the gap of one more column
NARROWEST_NAMES = 10  # characters
STYLES = {"failed": "red", "done": "green", "in progress": "", "waiting": "dim"}


@dataclass
class Resource:
    """A resource that the operation changes, and its last status."""

    logical_id: str
    type: str
    status: str = "waiting"
    since: float = 0.0  # when the current status, or the first one of an action, was seen
    seconds: float = 0.0  # how long it took, once it has ended

    @property
    def state(self) -> str:
        """`waiting`, `in progress`, `done` or `failed`."""
        if self.status.endswith("_IN_PROGRESS"):
            return "in progress"
        if self.status.endswith("_FAILED"):
            return "failed"
        return "waiting" if self.status == "waiting" else "done"

    def take(self, status: str, now: float) -> None:
        """Take over the status of an event."""
        was = self.state
        self.status = status
        if self.state == "in progress":
            if was != "in progress":
                self.since = now
        else:
            self.seconds = now - self.since if self.since else 0.0


class StackProgress:
    """Follows the events of one operation. Use it as a context manager.

    `action` is `create`, `update` or `delete`. Only `resources` (logical id and type) are shown, and every
    failure. `every_event` prints each event on its own line instead.
    """

    def __init__(
        self,
        out: Output,
        stack: str,
        action: str,
        resources: Iterable[tuple[str, str]],
        *,
        every_event: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out, self._stack, self._action = out, stack, action
        self._every_event, self._clock = every_event, clock
        self._resources = {name: Resource(name, kind) for name, kind in resources}
        self._status = ""  # of the whole stack
        self._wait = WaitReport(out.say, clock)
        self._live: Live | None = None
        self._ended = False

    def __enter__(self) -> StackProgress:
        if self._out.is_live and not self._every_event:
            from rich.live import Live  # noqa: PLC0415  loaded only when it is needed

            self._live = Live(
                console=self._out.console,
                get_renderable=self._table,
                refresh_per_second=2,
                transient=False,  # the last state stays on the screen
                vertical_overflow="crop",
            )
            self._live.start()
        elif not self._every_event:
            number = len(self._resources)
            noun = f"{number} resource{'' if number == 1 else 's'}"
            self._out.say(f"stack {self._stack}: {noun} to {self._action}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if self._live:
            self._live.stop()  # draws the table once more, in place

    @property
    def elapsed(self) -> str:
        """The time since the start, as text."""
        return duration(self._wait.schedule.elapsed)

    def show(self, event: Event) -> None:
        """Take one event over; print it if it is a failure, or if every event is printed."""
        now = self._clock()
        if event.is_whole_stack:
            self._status = event.status
        elif resource := self._resources.get(event.logical_id):
            resource.take(event.status, now)
        if self._every_event:
            show_event(event, self._out)
        elif event.is_failure:
            self._out.say(
                f"{event.logical_id} ({event.type}) {event.status}: {event.reason or 'no reason'}", "red"
            )

    def look(self) -> None:
        """Print a line where there is no live table, at growing intervals."""
        if self._live or self._every_event:
            return
        now = self._clock()
        running = sorted(self._in_state("in progress"), key=lambda one: one.since)[:SLOWEST]
        names = ", ".join(f"{one.logical_id} {duration(now - one.since)}" for one in running)
        self._wait.report(f"{self._title()}{f'; slowest: {names}' if names else ''}")

    def _in_state(self, state: str) -> list[Resource]:
        return [one for one in self._resources.values() if one.state == state]

    def _title(self) -> str:
        counts = Counter(one.state for one in self._resources.values())
        parts = [f"{counts['done']} of {len(self._resources)} done"]
        parts += [f"{counts[state]} {state}" for state in ("in progress", "failed") if counts[state]]
        status = f" {self._status}" if self._status else ""
        return f"stack {self._stack}{status}: {', '.join(parts)}"

    def _table(self) -> RenderableType:
        """The resources as they are now, failures first: as many as fit on the terminal; at the end, all.

        Names are never cut. Where a line is too short, the types are left out, then long names are wrapped.
        """
        from rich import box  # noqa: PLC0415
        from rich.console import Group  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        now = self._clock()
        rows = [
            *self._in_state("failed"),
            *sorted(self._in_state("in progress"), key=lambda one: one.since),
            *sorted(self._in_state("done"), key=lambda one: -one.since),
            *self._in_state("waiting"),
        ]
        for_names = self._out.console.width - TIME_AND_GAPS - _longest(one.status for one in rows)
        for_names = max(for_names, NARROWEST_NAMES)
        room = max(1, self._out.console.size.height - LINES_AROUND)
        shown = rows if self._ended else _fitting(rows, room, for_names)
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("resource", overflow="fold", max_width=for_names)
        types = _longest(one.type for one in rows) + GAP
        with_types = _longest(one.logical_id for one in rows) + types <= for_names
        for column in ("type", "status") if with_types else ("status",):
            table.add_column(column, no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        for one in shown:
            seconds = now - one.since if one.state == "in progress" else one.seconds
            names = (one.logical_id, one.type) if with_types else (one.logical_id,)
            cells = (*names, one.status, duration(seconds) if one.since else "")
            table.add_row(*(Text(visible(cell)) for cell in cells), style=STYLES[one.state])
        title = Text(visible(f"{self._title()}, {self.elapsed}"), no_wrap=True, overflow="ellipsis")
        hidden = rows[len(shown) :]
        return Group(title, table, *([Text(_rest(hidden))] if hidden else []))


def _longest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def _fitting(rows: list[Resource], room: int, width: int) -> list[Resource]:
    """The first rows that fit into `room` lines; at least one."""
    lines = 0
    for number, one in enumerate(rows):
        lines += math.ceil(len(one.logical_id) / width)
        if lines > room:
            return rows[: max(number, 1)]
    return rows


def _rest(hidden: list[Resource]) -> str:
    """The line below the table about the resources that have no row."""
    counts = Counter(one.state for one in hidden)
    return f"and {len(hidden)} more: {', '.join(f'{number} {state}' for state, number in counts.items())}"


def show_event(event: Event, out: Output) -> None:
    """Print one event on one line."""
    if event.is_failure:
        style = "red"
    elif event.status.endswith("_COMPLETE"):
        style = "green"
    else:
        style = "dim"
    reason = f"  {event.reason}" if event.reason and event.status.endswith("_FAILED") else ""
    out.say(f"{event.time:%H:%M:%S} {event.status:<28} {event.logical_id} {event.type}{reason}", style)
