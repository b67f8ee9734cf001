"""The progress of a stack operation: one live table on a terminal, a few lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from lake.terminal import visible
from scripts.core.console import Output

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from scripts.core.stack import Event

SECONDS_BETWEEN_LINES = 15.0
SLOWEST = 3  # resources that a line names
LINES_AROUND = 7  # of the terminal: title, header, rule, the line below the table, three blank ones
WIDTH_WITH_TYPES = 100  # of the terminal, in characters
LONGEST_STATUS, TIME_AND_GAPS = len("UPDATE_ROLLBACK_IN_PROGRESS"), 20
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
        self._start = self._last_line = clock()
        self._live: Live | None = None

    def __enter__(self) -> StackProgress:
        if self._out.is_live and not self._every_event:
            from rich.live import Live  # noqa: PLC0415  loaded only when it is needed

            self._live = Live(
                console=self._out.console,
                get_renderable=self._table,
                refresh_per_second=2,
                transient=True,  # the summary takes its place
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
        if self._live:
            self._live.stop()

    @property
    def elapsed(self) -> str:
        """The time since the start, as text."""
        return duration(self._clock() - self._start)

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
        """Print a line where there is no live table, at most every fifteen seconds."""
        now = self._clock()
        if self._live or self._every_event or now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        running = sorted(self._in_state("in progress"), key=lambda one: one.since)[:SLOWEST]
        names = ", ".join(f"{one.logical_id} {duration(now - one.since)}" for one in running)
        self._out.say(f"{self._title()}{f'; slowest: {names}' if names else ''}")

    def _in_state(self, state: str) -> list[Resource]:
        return [one for one in self._resources.values() if one.state == state]

    def _title(self) -> str:
        counts = Counter(one.state for one in self._resources.values())
        parts = [f"{counts['done']} of {len(self._resources)} done"]
        parts += [f"{counts[state]} {state}" for state in ("in progress", "failed") if counts[state]]
        status = f" {self._status}" if self._status else ""
        return f"stack {self._stack}{status}: {', '.join(parts)}, {self.elapsed}"

    def _table(self) -> RenderableType:
        """The resources as they are now, in as many rows as the terminal has: failures first."""
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
        room = max(1, self._out.console.size.height - LINES_AROUND)
        table = Table(box=box.SIMPLE_HEAD)
        width = self._out.console.width
        room_for_names = width - LONGEST_STATUS - TIME_AND_GAPS
        for column in ("resource", "type", "status") if width >= WIDTH_WITH_TYPES else ("resource", "status"):
            table.add_column(column, no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        for one in rows[:room]:
            seconds = now - one.since if one.state == "in progress" else one.seconds
            names = (one.logical_id, one.type) if width >= WIDTH_WITH_TYPES else (one.logical_id,)
            cells = [_shortened(name, room_for_names // len(names)) for name in names]
            cells += [one.status, duration(seconds) if one.since else ""]
            table.add_row(*(Text(visible(cell)) for cell in cells), style=STYLES[one.state])
        title = Text(visible(self._title()), no_wrap=True, overflow="ellipsis")
        return Group(title, table, Text(_rest(rows[room:])))


def _rest(hidden: list[Resource]) -> str:
    """The line below the table about the resources that have no row."""
    if not hidden:
        return ""
    counts = Counter(one.state for one in hidden)
    return f"and {len(hidden)} more: {', '.join(f'{number} {state}' for state, number in counts.items())}"


def _shortened(name: str, width: int) -> str:
    return name if len(name) <= width else name[: max(width - 1, 1)] + "…"


def duration(seconds: float) -> str:
    """Seconds as people say them: `12 s`, `3 m 05 s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


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
