"""Run the job that takes raw rows into the settled tables, and show how far these are behind.

The job runs by its schedule, too. A run that is started here needs no schedule, and takes in everything that
was delivered before it began. docs/settled-tables.md has more.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scripts.core.answers import count
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output, parser, run
from scripts.core.settling import options as settling_options

if TYPE_CHECKING:
    from scripts.core.settling.backlog import Backlog
    from scripts.core.settling.option_stack import SettleStack
    from scripts.core.settling.runs import JobRun
    from settled.reopened import Marker

RUNS = 5
MARKER = re.compile(r"[A-Za-z0-9_.-]{1,200}")

EPILOG = """\
examples:
  python -m scripts.settle --profile consumer
  python -m scripts.settle --profile consumer --dry-run
  python -m scripts.settle --profile consumer --close redrive-6f1c0d4e2a7b8c9d0e1f

--profile is the profile of the lake's account.
The exit code is 1 if the run fails, or if a run has begun already and no other can wait for its end."""


def options() -> argparse.ArgumentParser:
    """The options of `settle`."""
    result = parser("settle", "Take raw rows into the settled tables now.", epilog=EPILOG)
    result.add_argument(
        "--lake-stack",
        metavar="NAME",
        help="the stack of the lake (default: ddb-lake-consumer, else ddb-lake)",
    )
    settling_options.add_stack(result)
    result.add_argument("--no-wait", action="store_true", help="start a run, and do not wait for its end")
    result.add_argument(
        "--close",
        metavar="MARKER",
        help="first complete the marker of a command that was interrupted and will not be run again",
    )
    result.add_argument(
        "--dry-run", action="store_true", help="show the last runs and what is not settled; start nothing"
    )
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Show the state of the tables, start a run, and wait for it."""
    args = options().parse_args(arguments)
    out.interruption = "no run was started. Run the command again."
    if args.close is not None and not MARKER.fullmatch(args.close):
        raise CommandError(
            f"{args.close} is not the name of a marker", "`--dry-run` lists them.", exit_code=EXIT_USAGE
        )
    from scripts.core.draining import clock_of  # noqa: PLC0415  boto3 is behind these
    from scripts.core.settling.option_stack import stack_of  # noqa: PLC0415
    from scripts.core.settling.runs import SettleRuns  # noqa: PLC0415
    from scripts.core.settling.unsettled_view import Markers  # noqa: PLC0415
    from scripts.core.sides import lake_of  # noqa: PLC0415

    lake = lake_of(Connection.of(args), args.lake_stack, profile="--profile")
    stack = stack_of(lake, args.tables_stack)
    runs = SettleRuns(stack)
    if args.close is not None and not args.dry_run:
        _close(stack, args.close, out)
    with stack.permitted("see which days are reopened"):
        markers = Markers.of(stack).all()
    state = State(stack, runs.last(RUNS), _behind(stack, out), markers, datetime.now(UTC))
    state.show(out)
    document = state.document()
    if args.dry_run:
        out.answer({**document, "status": "dry run"})
        return 0
    run_id = runs.start()
    if run_id is None:
        raise CommandError(
            f"a run of Glue job {stack.job} has begun already, and no other can wait for its end",
            "Run this command again when it has ended. `--dry-run` shows the runs.",
            run=state.runs[0].id if state.runs else None,
        )
    out.say(f"started run {run_id} of Glue job {stack.job}")
    document |= {"run": run_id}
    if args.no_wait:
        out.answer({**document, "status": "started"})
        return 0
    out.interruption = "the run goes on. `--dry-run` shows it."
    done = runs.wait(run_id, clock_of(lake.connection), out)
    left = _behind(stack, out) if state.behind is not None else None
    document |= {"seconds": done.seconds, "objects_left": None if left is None else left.objects}
    since = "" if left is None else f". Not settled: {count(left.objects, 'object')}"
    out.answer({**document, "status": "settled"}, f"the run took {done.seconds:,} s{since}")
    return 0


def _behind(stack: SettleStack, out: Output) -> Backlog | None:
    """What is not settled; None for a profile that may not read the lake."""
    from scripts.core.settling.backlog import backlog  # noqa: PLC0415
    from scripts.core.settling.option_stack import NotPermittedError  # noqa: PLC0415

    try:
        with stack.permitted("see what is not settled"):
            return backlog(stack.lake, datetime.now(UTC).date())
    except NotPermittedError as error:
        out.say(f"{error.message}. AnalystPolicyArn of stack {stack.lake.stack} permits it", "yellow")
        return None


def _close(stack: SettleStack, name: str, out: Output) -> None:
    """Complete a marker. Raises CommandError if there is none of this name."""
    from scripts.core.settling.unsettled_view import Markers  # noqa: PLC0415
    from settled.reopened import Marker  # noqa: PLC0415

    with stack.permitted("complete a marker of reopened days"):
        markers = Markers.of(stack)
        found = markers.named(name)
        if found is None:
            raise CommandError(f"there is no marker {name}", "`--dry-run` lists them.", exit_code=EXIT_USAGE)
        markers.put(Marker(found.id, found.days, done=True))
    out.say(
        f"marker {name} is complete: after the runs that settle its days, queries no longer read them raw"
    )


@dataclass(frozen=True)
class State:
    """The last runs, what is not settled (None if the profile may not read the lake), and the markers."""

    stack: SettleStack
    runs: Sequence[JobRun]
    behind: Backlog | None
    markers: Sequence[Marker]
    at: datetime

    def show(self, out: Output) -> None:
        """Print it for people."""
        lake, say = self.stack.lake, out.say
        where = f"account {lake.connection.account}, Region {lake.connection.region}"
        say(f"{where}: settled tables of {lake.bucket}, job {self.stack.job} of {self.stack.name}", "bold")
        if self.runs:
            rows = [(run.id, run.state, run.started, f"{run.seconds:,}", run.message) for run in self.runs]
            out.table("last runs", ("run", "state", "started", "seconds", "message"), rows)
        else:
            say("the job has not run yet")
        behind = self.behind
        if behind is not None and behind.objects:
            say(
                f"not settled: {count(behind.objects, 'raw object')} of the days from {behind.first_day} on, "
                f"{behind.bytes / 1024**2:,.1f} MB, the oldest of {behind.hours(self.at):,.1f} hours ago"
            )
        elif behind is not None:
            say(f"every raw object of the days from {behind.first_day} on is settled", "green")
        if self.markers:
            listed = [
                (one.id, ", ".join(one.days), "complete" if one.done else "open") for one in self.markers
            ]
            out.table("days that queries read raw", ("marker", "days", "state"), listed)
        if any(not one.done for one in self.markers):
            say(
                "an open marker is of a command that is running or was interrupted: run that one again, or "
                "add --close MARKER"
            )

    def document(self) -> dict[str, Any]:
        """The same as the beginning of the JSON answer."""
        connection, behind = self.stack.lake.connection, self.behind
        return {
            "account": connection.account,
            "region": connection.region,
            "job": self.stack.job,
            "runs": [vars(run) for run in self.runs],
            "behind": None
            if behind is None
            else {
                "objects": behind.objects,
                "bytes": behind.bytes,
                "hours": round(behind.hours(self.at), 2),
                "since_day": behind.first_day,
            },
            "markers": [{"id": one.id, "days": [*one.days], "done": one.done} for one in self.markers],
        }


if __name__ == "__main__":
    sys.exit(run(main))
