"""Bring back the records that Firehose could not deliver: error objects become rows of the lake.

Each record becomes a row under the day of its change. Records that still cannot become rows are written to
errors/unrecoverable/ with the reason. docs/operations/redeliver-failed-records.md has the steps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scripts.core.answers import count
from scripts.core.connection import Connection
from scripts.core.console import EXIT_FAILED, EXIT_USAGE, CommandError, Output, confirm, parser, run
from scripts.core.interruption import unwinding
from scripts.core.settling import options as settling_options

if TYPE_CHECKING:
    from collections import Counter

    from repair.redriving import Send
    from scripts.core.redriving.run import Result, Run
    from scripts.core.redriving.selection import Selection, Wanted
    from scripts.core.settling.writing import Settling, Write
    from scripts.core.sides import LakeSide, Source

LAKE, STREAM = "lake", "stream"
SHOWN = 40  # tables show this many lines; JSON has all

EPILOG = """\
examples:
  python -m scripts.redrive --dry-run
  python -m scripts.redrive --days 7
  python -m scripts.redrive --type processing-failed --from-day 2026-11-19 --to-day 2026-11-20
  python -m scripts.redrive --to stream --source-profile producer

--profile is the profile of the lake's account.
Each error object is redriven once: a later run skips it, and an interrupted run continues with the next one.
The error objects stay.
The exit code is 1 if a record cannot become a row, or if an error object cannot be read."""


def options() -> argparse.ArgumentParser:
    """The options of `redrive`."""
    result = parser("redrive", "Bring back the records that Firehose could not deliver.", epilog=EPILOG)
    result.add_argument(
        "--type",
        dest="types",
        metavar="TYPE",
        action="append",
        help="only this kind of failure, a folder below errors/; repeat it for more kinds",
    )
    result.add_argument(
        "--from-day", metavar="DAY", help="only failures of this UTC day or later, yyyy-MM-dd"
    )
    result.add_argument("--to-day", metavar="DAY", help="only failures of this UTC day or earlier")
    result.add_argument(
        "--days", metavar="N", type=int, help="only failures of the last N UTC days, today included"
    )
    result.add_argument(
        "--to",
        choices=(LAKE, STREAM),
        default=LAKE,
        help="where records go: into the lake as rows (default), or back into the table's Kinesis stream",
    )
    result.add_argument(
        "--again",
        action="store_true",
        help="also redrive the complete error objects that have unrecoverable records",
    )
    result.add_argument(
        "--source-profile",
        metavar="NAME",
        help="the profile of the table's account (default: --profile if the table is there, else producer)",
    )
    result.add_argument(
        "--stack", metavar="NAME", help="the stack of the table (default: ddb-lake-producer, else ddb-lake)"
    )
    result.add_argument(
        "--lake-stack",
        metavar="NAME",
        help="the stack of the lake (default: ddb-lake-consumer, else ddb-lake)",
    )
    settling_options.add(result)
    result.add_argument("--dry-run", action="store_true", help="read and count the records; write nothing")
    result.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Redrive the error objects of a lake."""
    args = options().parse_args(arguments)
    out.interruption = "nothing was written. Run the command again."
    with unwinding():
        return _redrive(args, out)


def _redrive(args: argparse.Namespace, out: Output) -> int:
    from scripts.core.lake_objects import LakeObjects  # noqa: PLC0415  boto3 is behind these
    from scripts.core.redriving.run import Run  # noqa: PLC0415
    from scripts.core.redriving.selection import prefixes, select  # noqa: PLC0415
    from scripts.core.redriving.settings import source_for  # noqa: PLC0415
    from scripts.core.settling.writing import Settling  # noqa: PLC0415
    from scripts.core.sides import lake_of  # noqa: PLC0415

    wanted = _wanted(args)
    lake = lake_of(Connection.of(args), args.lake_stack, profile="--profile")
    source = source_for(lake, args.source_profile, args.stack)
    settings = source.settings
    objects = LakeObjects(lake)
    selection = select((one for prefix in prefixes(wanted) for one in objects.listed(prefix)), wanted)
    settling = Settling.of(lake, args, out)
    _say_plan(lake, source, args.to, selection, out)
    report = {
        "account": lake.connection.account,
        "region": lake.connection.region,
        "bucket": lake.bucket,
        "table": source.table,
        "settings_of": source.stack,
        "to": args.to,
    }
    if args.dry_run:
        result = Run(objects, settings, out).examine(selection)
        out.pairs("a redrive of these", settling.lines(result.total.days))
        report |= settling.document(result.total.days)
        status = "dry run"
    else:
        if selection.pending:
            where = f"account {lake.connection.account}, Region {lake.connection.region}"
            confirm(args.yes, "redrive", f"add these records in {where}", "nothing was written")
            settling.check()
            days = _days(Run(objects, settings, out), selection, settling, out)
            report |= settling.document(days)
            out.interruption = (
                "the error objects that are complete stay complete. Run the command again to continue."
            )
        else:
            days = []
        with settling.writing("redrive", _identity(args), days) as write:
            send, seconds = _sending(args, source, write, settling)
            result = Run(LakeObjects(lake, write.begin), settings, out, send).redrive(selection)
            if write.begun and seconds:
                _wait_for_delivery(source, seconds, out)
        report |= settling.result()
        status = "incomplete" if result.problems or selection.unknown else "redriven"
    _say_result(result, selection, args, source, out)
    _say_next_steps(result, selection, args.dry_run, lake.connection.location, out)
    out.answer({**report, "status": status, **_document(result, selection)})
    left = result.total.unrecoverable or selection.remaining
    return EXIT_FAILED if left or result.problems or selection.unknown else 0


def _days(work: Run, selection: Selection, settling: Settling, out: Output) -> list[str]:
    """The days of the rows, for a lake with settled tables: only the records have them."""
    if not settling.active:
        return []
    from repair.redriving import OTHER  # noqa: PLC0415

    out.say("reading the error objects for the days of their rows")
    days = sorted(work.examine(selection).total.days)
    if OTHER in days:
        raise CommandError(
            f"these records are of more than {len(days) - 1:,} days, too many to reopen at once",
            "Redrive fewer error objects at once: name days of failures with --from-day and --to-day.",
        )
    out.pairs("settled tables", settling.lines(days))
    return days


def _identity(args: argparse.Namespace) -> str:
    """What a second run of the same command has in common with this one."""
    return f"{args.to} {args.types} {args.from_day} {args.to_day} {args.days}"


def _sending(
    args: argparse.Namespace, source: Source, write: Write, settling: Settling
) -> tuple[Send | None, float]:
    """The function that sends records into the stream, and the seconds that Firehose needs to deliver them.

    0 seconds: it delivers them into the folder of today, which is open.
    """
    from scripts.core.deployment.partitioning import PARTITION_BY  # noqa: PLC0415
    from scripts.core.redriving.kinesis import StreamRecords  # noqa: PLC0415
    from scripts.core.source_stream import buffer_seconds, parameters_of  # noqa: PLC0415
    from scripts.core.stack import Stack  # noqa: PLC0415

    if args.to != STREAM:
        return None, 0.0
    connection = source.connection
    records = StreamRecords(connection.client("kinesis"), source.outputs["SourceStreamName"])
    if not settling.active:
        return records.send, 0.0
    description = Stack(connection.client("cloudformation"), source.stack).describe() or {}
    parameters = parameters_of(description)
    if parameters.get(PARTITION_BY) != "event":
        return records.send, 0.0

    def send(payloads: Sequence[bytes]) -> None:
        write.begin()
        records.send(payloads)

    return send, buffer_seconds(parameters, by_event=True)


def _wait_for_delivery(source: Source, seconds: float, out: Output) -> None:
    """Wait until Firehose has delivered what was sent: it puts it into folders of earlier days."""
    from scripts.core.draining import clock_of  # noqa: PLC0415
    from scripts.core.source_stream import Wait  # noqa: PLC0415

    clock = clock_of(source.connection)
    wait = Wait(clock, out)
    wait.show("Firehose delivers the records into earlier days", seconds / clock.speed)
    wait.sleep(seconds / clock.speed)


def _wanted(args: argparse.Namespace) -> Wanted:
    """The kinds and days of the options. Raises CommandError for an unknown kind or a wrong day."""
    from scripts.core.redriving.selection import TYPES, Wanted, day_of  # noqa: PLC0415

    for name in args.types or ():
        if name not in TYPES:
            raise CommandError(
                f"{name} is not a kind of failure that this command redrives",
                f"Name one of {', '.join(TYPES)}.",
                exit_code=EXIT_USAGE,
            )
    first, last = args.from_day or "", args.to_day or ""
    if args.days is not None:
        if first or last or args.days < 1:
            raise CommandError(
                "--days takes a number from 1, and no --from-day or --to-day beside it",
                "Use --days, or --from-day and --to-day.",
                exit_code=EXIT_USAGE,
            )
        first = f"{datetime.now(UTC) - timedelta(days=args.days - 1):%Y-%m-%d}"
    for day in filter(None, (first, last)):
        try:
            day_of(day)
        except ValueError:
            raise CommandError(
                f"{day} is not a day", "Write days as yyyy-MM-dd, such as 2026-11-19.", exit_code=EXIT_USAGE
            ) from None
    if last and first > last:
        raise CommandError(
            f"--from-day {first} is after --to-day {last}", "Exchange the two days.", exit_code=EXIT_USAGE
        )
    types = tuple(name for name in TYPES if name in args.types) if args.types else TYPES
    return Wanted(types, first, last, args.again)


def _say_plan(lake: LakeSide, source: Source, to: str, selection: Selection, out: Output) -> None:
    where = f"account {lake.connection.account}, Region {lake.connection.region}"
    out.say(f"{where}: redrive {count(len(selection.pending), 'error object')} of {lake.bucket}", "bold")
    rows = [
        (error_type, day, f"{objects:,}", f"{size:,}")
        for error_type, day, objects, size in selection.by_type_and_day()
    ]
    if rows:
        out.table("error objects", ("kind", "day of the failure", "objects", "bytes"), rows[:SHOWN])
    if len(rows) > SHOWN:
        out.say(f"and {len(rows) - SHOWN:,} more days")
    if to == STREAM:
        out.say(
            f"records go into stream {source.outputs['SourceStreamName']} of account "
            f"{source.connection.account}, at least once; the lake counts each change once"
        )
    out.say(
        f"rows get the settings of stack {source.stack} (table {source.table}), "
        "also those of a table that the stack delivered before"
    )
    if selection.complete:
        out.say(f"complete since an earlier run: {count(selection.complete, 'error object')}")


def _say_result(
    result: Result, selection: Selection, args: argparse.Namespace, source: Source, out: Output
) -> None:
    total = result.total
    rows = [
        (error_type, day, code, f"{number:,}", f"{number - counts.lost[code]:,}", f"{counts.lost[code]:,}")
        for (error_type, day), counts in sorted(result.failures.items())
        for code, number in counts.codes.most_common()
    ]
    if rows:
        middle = "redeliverable" if args.dry_run else "redelivered"
        columns = ("kind", "day of the failure", "code", "found", middle, "unrecoverable")
        out.table("records", columns, rows[:SHOWN])
    if len(rows) > SHOWN:
        out.say(f"and {len(rows) - SHOWN:,} more lines")
    if total.reasons:
        out.table("reasons", ("code", "records"), [(k, f"{n:,}") for k, n in total.reasons.most_common()])
    if others := {table: n for table, n in total.tables.items() if table != source.table}:
        shown = ", ".join(f"{table} ({n:,})" for table, n in list(others.items())[:SHOWN])
        out.say(f"changes of other tables, with the same settings: {shown}")
    for key, why in result.problems[:SHOWN]:
        out.say(f"not redriven: {key}: {why}", "red")
    if len(result.problems) > SHOWN:
        out.say(f"not redriven: {len(result.problems) - SHOWN:,} more error objects", "red")
    for folder, number in list(selection.unknown.items())[:SHOWN]:
        out.say(f"error objects of an unknown form: {folder} ({number:,})", "red")
    if args.dry_run:
        out.say(
            f"dry run: {count(total.found, 'record')} found, {total.redelivered:,} can be redelivered, "
            f"{total.unrecoverable:,} cannot become rows; nothing was written"
        )
    else:
        target = "sent" if args.to == STREAM else "redelivered"
        out.say(
            f"{count(result.objects, 'error object')}: {count(total.found, 'record')} found, "
            f"{total.redelivered:,} {target}, {total.unrecoverable:,} unrecoverable",
            "green" if not total.unrecoverable else None,
        )


def _say_next_steps(result: Result, selection: Selection, dry_run: bool, location: str, out: Output) -> None:
    if selection.remaining:
        out.say(
            f"{count(selection.remaining, 'complete error object')} with unrecoverable records: "
            "add --again after you removed the cause"
        )
    if (result.total.unrecoverable and not dry_run) or selection.remaining:
        out.say(
            "next: read the reasons of unrecoverable records: "
            f"python -m scripts.query{location} --named errors-by-code"
        )
    if result.problems or selection.unknown:
        out.say(
            "next: download one of the objects that were not redriven and compare it with the forms in "
            "docs/operations/redeliver-failed-records.md. A later run tries them again"
        )


def _document(result: Result, selection: Selection) -> dict[str, Any]:
    total = result.total
    return {
        "objects": {
            "redriven": result.objects,
            "complete_before": selection.complete,
            "with_unrecoverable_before": selection.remaining,
        },
        "found": total.found,
        "redelivered": total.redelivered,
        "unrecoverable": total.unrecoverable,
        "failures": [
            {
                "type": error_type,
                "day": day,
                "code": code,
                "found": number,
                "redelivered": number - counts.lost[code],
                "unrecoverable": counts.lost[code],
            }
            for (error_type, day), counts in sorted(result.failures.items())
            for code, number in sorted(counts.codes.items())
        ],
        "reasons": _sorted(total.reasons),
        "tables": _sorted(total.tables),
        "days": _sorted(total.days),
        "not_redriven": [{"object": key, "reason": why} for key, why in result.problems],
        "unknown": _sorted(selection.unknown),
    }


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))


if __name__ == "__main__":
    sys.exit(run(main))
