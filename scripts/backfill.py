"""Bring the items that a table has already into the lake, as SNAPSHOT rows.

The items come from a point-in-time export, which uses no read capacity, or with --scan from the table itself.
An export is verified before anything is written. After an interruption, the same command continues with the
same export. docs/operations/backfill.md has the steps.

With --heal, it fills a hole of the stream: incremental exports of a period have the state of every item that
changed in it, and the rows are written where the lake has another state. docs/operations/heal.md has the
steps.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core.answers import count
from scripts.core.console import EXIT_USAGE, CommandError, Output, confirm, parser, run
from scripts.core.interruption import unwinding
from scripts.core.settling import options as settling_options
from scripts.core.sides import add_options, both_sides

if TYPE_CHECKING:
    from scripts.core.backfilling.running import Backfill

READ_CAPACITY = 100.0  # units a second: 400 KB, 1.4 GB an hour

NOTHING_DONE = "nothing was exported or written"

EPILOG = """\
examples:
  python -m scripts.backfill orders --profile producer --lake-profile consumer --dry-run
  python -m scripts.backfill orders --profile producer --lake-profile consumer
  python -m scripts.backfill orders --profile producer --lake-profile consumer --export ARN
  python -m scripts.backfill orders --profile producer --lake-profile consumer --scan
  python -m scripts.backfill orders --profile producer --lake-profile consumer \\
      --heal --from 2026-11-20T09:00:00Z --to 2026-11-20T11:30:00Z

An export needs two option stacks, `backfill` in the lake's account and `export` in the table's.
--scan needs neither, and reads the whole table within --read-capacity."""


def options() -> argparse.ArgumentParser:
    """The options of `backfill`."""
    result = parser("backfill", "Bring the items of a table into the lake.", epilog=EPILOG)
    result.add_argument("table", metavar="TABLE", help="name of the DynamoDB table")
    add_options(result)
    origin = result.add_mutually_exclusive_group()
    origin.add_argument("--export", metavar="ARN", help="use this export, which exists")
    origin.add_argument(
        "--export-time", metavar="TIME", help="export the table as it was at this second (default: now)"
    )
    origin.add_argument("--scan", action="store_true", help="read the table itself; for small tables")
    origin.add_argument(
        "--heal", action="store_true", help="fill a hole of the stream from incremental exports of a period"
    )
    result.add_argument("--from", dest="start", metavar="TIME", help="with --heal: the start of the period")
    result.add_argument("--to", dest="end", metavar="TIME", help="with --heal: its end, exclusive")
    result.add_argument(
        "--read-capacity",
        type=float,
        default=READ_CAPACITY,
        metavar="UNITS",
        help=f"read capacity units that --scan may use in a second (default: {READ_CAPACITY:.0f})",
    )
    result.add_argument(
        "--engine",
        choices=("local", "glue"),
        help="convert the export in this process, or by the Glue job (default: by its size)",
    )
    result.add_argument(
        "--backfill-stack",
        metavar="NAME",
        help="the option stack in the lake's account (default: ddb-lake-backfill)",
    )
    result.add_argument(
        "--export-stack",
        metavar="NAME",
        help="the option stack in the table's account (default: ddb-lake-export)",
    )
    settling_options.add(result)
    result.add_argument("--dry-run", action="store_true", help="show the plan; export and write nothing")
    result.add_argument("--yes", action="store_true", help="do not ask before the work begins")
    return result


def second(option: str, text: str) -> datetime:
    """The time of an option: a whole second, with its time zone. Raises CommandError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time.microsecond:
        raise CommandError(
            f"{option} {text} is not a second with its time zone",
            "Write it as 2026-11-20T09:15:00Z.",
            exit_code=EXIT_USAGE,
        )
    return time.astimezone(UTC)


def main(arguments: Sequence[str], out: Output) -> int:
    """Plan, confirm, export, verify, write, report."""
    args = options().parse_args(arguments)
    out.interruption = "nothing was exported or written. Run the command again."
    if not 0 < args.read_capacity < math.inf:
        raise CommandError(
            "--read-capacity is not a number above 0", "Correct it, or leave it out.", exit_code=EXIT_USAGE
        )
    if args.scan and args.engine == "glue":
        raise CommandError(
            "the Glue job reads exports, and not the table",
            "Leave out --scan or --engine.",
            exit_code=EXIT_USAGE,
        )
    if args.heal or args.start is not None or args.end is not None:
        return _heal(args, out)
    time = None if args.export_time is None else second("--export-time", args.export_time)

    from scripts.core.backfilling.running import Backfill  # noqa: PLC0415  boto3 is behind these
    from scripts.core.settling.writing import Settling  # noqa: PLC0415

    source, lake = both_sides(args)
    source.check_table(args.table)
    backfill = Backfill(source, lake, args, time, out)
    plan = backfill.plan()
    settling = Settling.of(lake, args, out)
    out.pairs("plan", [*plan.lines(), *settling.lines(plan.days)])
    if backfill.warning:
        out.say(backfill.warning, "yellow")
    document = {**plan.document(), **settling.document(plan.days)}
    document |= {"warning": backfill.warning} if backfill.warning else {}
    if plan.finished:
        _say_finished(backfill, out)
        out.answer({**document, "status": "already done"})
        return 0
    if args.dry_run:
        out.say("dry run: nothing was exported, nothing was written")
        out.answer({**document, "status": "dry run"})
        return 0
    purpose = f"backfill {args.table} into the lake of stack {lake.stack}"
    confirm(args.yes, "backfill", purpose, NOTHING_DONE)
    document |= backfill.run(plan, settling)
    rows = count(document["rows"], "row")
    out.answer(
        {**document, "status": "done"}, f"{rows} written: the lake has {args.table} as of {document['time']}"
    )
    return 0


def _heal(args: argparse.Namespace, out: Output) -> int:
    """Fill a hole of the stream."""
    from repair.heal import Window  # noqa: PLC0415  the row code is behind this

    if not args.heal or args.start is None or args.end is None:
        raise CommandError(
            "--heal, --from and --to belong together",
            "Give all three. The period begins some minutes before the first lost change, and ends some "
            "minutes after the last one (docs/operations/heal.md).",
            exit_code=EXIT_USAGE,
        )
    if args.engine == "glue":
        raise CommandError("the Glue job does not heal", "Leave out --engine.", exit_code=EXIT_USAGE)
    period = Window(second("--from", args.start), second("--to", args.end))
    if period.start >= period.end:
        raise CommandError("--from is not before --to", "Correct one of them.", exit_code=EXIT_USAGE)
    from scripts.core.healing.running import Heal  # noqa: PLC0415  boto3 is behind these
    from scripts.core.settling.writing import Settling  # noqa: PLC0415

    source, lake = both_sides(args)
    source.check_table(args.table)
    # The folder has keys of items: it is deleted however the command ends.
    with unwinding(), tempfile.TemporaryDirectory(prefix="ddb-lake-heal-") as folder:
        heal = Heal(source, lake, args, period, Path(folder), out=out)
        plan = heal.plan()
        settling = Settling.of(lake, args, out)
        out.pairs("plan", [*plan.lines(), *settling.lines(plan.days)])
        document = {**plan.document(), **settling.document(plan.days)}
        if plan.finished:
            out.say("the rows of these exports are in the lake: nothing to do", "green")
            out.answer({**document, "status": "already done"})
            return 0
        if args.dry_run:
            out.say("dry run: nothing was exported, nothing was written")
            out.answer({**document, "status": "dry run"})
            return 0
        purpose = f"heal {args.table} in the lake of stack {lake.stack}, {plan.period.text}"
        confirm(args.yes, "backfill", purpose, NOTHING_DONE)
        document |= heal.run(plan, settling)
    _say_gaps(document, out)
    out.answer(
        {**document, "status": "done"},
        f"{count(document['rows'], 'row')} written: the lake has {args.table} as of {document['to']}",
    )
    return 0


def _say_gaps(document: dict[str, Any], out: Output) -> None:
    """Print which gaps are left, and why."""
    keys, explained = document["gap_keys"], document["gap_keys_explained"]
    if not keys:
        out.say("no gaps are left that changes of this period could explain", "green")
        return
    if explained:
        out.say(
            f"the gaps view has {count(explained, 'item')} that changed in the period: their states are "
            "right, and the changes in between are in no export"
        )
    if keys > explained:
        out.say(
            f"the gaps view also has {count(keys - explained, 'item')} that did not change in the period: "
            "changes from before or after it are missing, or the item is older than the stream. Widen "
            "--from and --to, or bring all items into the lake without --heal",
            "yellow",
        )


def _say_finished(backfill: Backfill, out: Output) -> None:
    out.say(
        f"the rows of this export are in the lake: nothing to do. The stream brings every later change. "
        f"To export table {backfill.source.table} again, name a time with --export-time",
        "green",
    )


if __name__ == "__main__":
    sys.exit(run(main))
