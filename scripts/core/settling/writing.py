"""One command that writes rows: it reopens their days before the first, and starts the job after the last.

For a lake without settled tables it does nothing, after one look into the bucket.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from repair.objects import source_digest
from scripts.core.console import Output
from scripts.core.draining import clock_of
from scripts.core.lake_objects import LakeObjects
from scripts.core.settling.option_stack import SettleStack, stack_if_settled
from scripts.core.settling.reopening import Reopening
from scripts.core.settling.runs import SettleRuns
from scripts.core.sides import LakeSide

_SHOWN = 10  # days


class Write:
    """One command's rows. `begin` comes before the first of them, any number of times."""

    def __init__(self, reopening: Reopening | None = None) -> None:
        """Without `reopening`, nothing is to be done before the first row."""
        self._reopening, self.begun = reopening, False

    def begin(self) -> None:
        """Reopen the days, if that has not happened yet."""
        if not self.begun:
            if self._reopening is not None:
                self._reopening.open()
            self.begun = True

    def complete(self) -> None:
        """State that every row is written."""
        if self._reopening is not None:
            self._reopening.complete()


class Settling:
    """What a command does for the settled tables of its lake."""

    def __init__(self, stack: SettleStack | None, out: Output, *, wait: bool = False) -> None:
        """`stack` is None for a lake without settled tables."""
        self._stack, self._out, self._wait = stack, out, wait
        self._run: str | None = None

    @classmethod
    def of(cls, lake: LakeSide, args: argparse.Namespace, out: Output) -> Settling:
        """For the lake and the options of a command. Raises CommandError if its stack is not found."""
        return cls(stack_if_settled(lake, LakeObjects(lake), args.tables_stack), out, wait=args.wait)

    @property
    def active(self) -> bool:
        """Whether the lake has settled tables."""
        return self._stack is not None

    def lines(self, days: Collection[str] = ()) -> Iterator[tuple[str, str]]:
        """The lines of the plan. Rows that get the time at which they are written need no day."""
        if self._stack is not None:
            reopens = f"reopens {_listed(days)} for queries, then " if days else ""
            yield "settled", f"{reopens}starts a run of Glue job {self._stack.job}"

    def document(self, days: Collection[str] = ()) -> dict[str, Any]:
        """The plan's members of the JSON answer."""
        if self._stack is None:
            return {}
        return {"settle_job": self._stack.job, "reopened_days": sorted(days)}

    def check(self) -> None:
        """Find a missing permission before anything begins. Raises CommandError that names the policy."""
        if self._stack is not None:
            Reopening(self._stack, "", ()).check()
            SettleRuns(self._stack).check()

    @contextmanager
    def writing(self, kind: str, identity: str, days: Collection[str] = ()) -> Iterator[Write]:
        """While rows are written. At the end, complete the marker and start a run, if `begin` was called.

        :param kind: the command
        :param identity: what a second run of the same command has in common with this one
        :param days: the days of the rows, YYYY-MM-DD; none if every row gets the time at which it is written,
            since today and yesterday are always open
        """
        if self._stack is None:
            yield Write()
            return
        reopening = Reopening(self._stack, f"{kind}-{source_digest(identity)}", days) if days else None
        write = Write(reopening)
        try:
            yield write
            if write.begun:
                write.complete()
        except BaseException:
            if reopening is not None and reopening.marker is not None:
                marker = reopening.marker
                close = f"python -m scripts.settle{self._stack.options} --close {marker.id}"
                self._out.say(
                    f"queries read {_listed(marker.days)} in full until this command has ended well. If it "
                    f"will not be run again: {close}",
                    "yellow",
                )
            raise
        if write.begun:
            self._run = self._settle(self._stack)

    def result(self) -> dict[str, Any]:
        """The result's members of the JSON answer: the run that was started, or None."""
        return {"settle_run": self._run} if self.active else {}

    def _settle(self, stack: SettleStack) -> str | None:
        """Start a run, and wait for it if that is asked for. Returns its id."""
        runs, say = SettleRuns(stack), self._out.say
        before, self._out.interruption = (
            self._out.interruption,
            "the rows are written, and queries have them. The settle run goes on: "
            f"python -m scripts.settle{stack.options} --dry-run shows it.",
        )
        run_id = runs.start()
        later = f"python -m scripts.settle{stack.options}"
        if run_id is None:
            say(
                f"a run of Glue job {stack.job} has begun already, and may not have seen the rows. Queries "
                f"have them. The next run settles them; to start one after this one: {later}",
                "yellow",
            )
            return None
        say(f"started run {run_id} of Glue job {stack.job}. Queries have the rows already")
        if self._wait:
            runs.wait(run_id, clock_of(stack.lake.connection), self._out)
            say("the rows are settled", "green")
        else:
            say(f"to see the run: {later} --dry-run")
        self._out.interruption = before
        return run_id


def _listed(days: Collection[str]) -> str:
    shown = sorted(days)
    if len(shown) <= _SHOWN:
        return ", ".join(shown)
    return f"{len(shown):,} days from {shown[0]} to {shown[-1]}"
