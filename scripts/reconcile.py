"""Compare a table with its lake by key and digest, and write the difference into the lake.

A small table is read by a consistent scan within a budget of read capacity. For a large one, `--export` names
an export that `scripts.backfill` has written into the lake: Athena compares, and only differences come here.
Changes are on their way while both sides are read, so a key that differs is looked at again after the time
that delivery takes.

Exit codes: 0 equal, or equal after --repair; 1 keys differ, or the comparison failed.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core.answers import count
from scripts.core.console import EXIT_FAILED, EXIT_USAGE, CommandError, Output, confirm, parser, run
from scripts.core.interruption import unwinding
from scripts.core.settling import options as settling_options
from scripts.core.sides import add_options, both_sides, side_options

if TYPE_CHECKING:
    from scripts.core.reconciling.comparing import Comparison
    from scripts.core.reconciling.report import Report
    from scripts.core.settling.writing import Settling

READ_CAPACITY = 100.0  # units a second: 400 KB, 1.4 GB an hour
LIMIT = 20

EPILOG = """\
examples:
  python -m scripts.reconcile orders --profile producer --lake-profile consumer --dry-run
  python -m scripts.reconcile orders --profile producer --lake-profile consumer
  python -m scripts.reconcile orders --profile producer --lake-profile consumer --repair
  python -m scripts.reconcile orders --profile producer --lake-profile consumer --export ARN

missing: the table has an item, the lake has none. stale: the lake's newest state is another one.
extra: the lake has an item, the table has none."""


def options() -> argparse.ArgumentParser:
    """The options of `reconcile`."""
    result = parser("reconcile", "Compare a table with its lake, key by key.", epilog=EPILOG)
    result.add_argument("table", metavar="TABLE", help="name of the DynamoDB table")
    add_options(result)
    result.add_argument(
        "--export",
        metavar="ARN",
        help="compare with this export, whose rows `scripts.backfill` has written, instead of a scan",
    )
    result.add_argument(
        "--read-capacity",
        type=float,
        default=READ_CAPACITY,
        metavar="UNITS",
        help=f"read capacity units to use in a second (default: {READ_CAPACITY:.0f})",
    )
    result.add_argument(
        "--repair", action="store_true", help="write the table's states into the lake where they differ"
    )
    result.add_argument(
        "--limit", type=int, default=LIMIT, metavar="N", help=f"keys to show (default: {LIMIT})"
    )
    result.add_argument(
        "--switched-at",
        metavar="TIME",
        help="the second at which changes switched from Kinesis to DynamoDB Streams, or `none` (default: as "
        "in the views of the table)",
    )
    settling_options.add(result)
    result.add_argument("--dry-run", action="store_true", help="show the plan; compare and write nothing")
    result.add_argument("--yes", action="store_true", help="do not ask before writing")
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Compare, report, and repair if that is asked for."""
    args = options().parse_args(arguments)
    out.interruption = "nothing was written. Run the command again."
    if not 0 < args.read_capacity < math.inf:
        raise CommandError(
            "--read-capacity is not a number above 0", "Correct it, or leave it out.", exit_code=EXIT_USAGE
        )
    if args.limit < 0:
        raise CommandError("--limit is below 0", "Correct it, or leave it out.", exit_code=EXIT_USAGE)
    from scripts.core.reconciling.comparing import Comparison  # noqa: PLC0415  boto3 is behind this

    # The folder has keys of items: it is deleted however the command ends.
    with unwinding(), tempfile.TemporaryDirectory(prefix="ddb-lake-reconcile-") as folder:
        comparison = Comparison.of(args, *both_sides(args), Path(folder), out)
        return _reconcile(args, comparison, out)


def _reconcile(args: argparse.Namespace, comparison: Comparison, out: Output) -> int:
    from repair.reconciliation import Circumstances  # noqa: PLC0415
    from scripts.core.reconciling.report import Report  # noqa: PLC0415
    from scripts.core.redriving.settings import redrive_options  # noqa: PLC0415
    from scripts.core.settling.writing import Settling  # noqa: PLC0415

    document = comparison.announce()
    settling = Settling(None, out)
    if args.repair:
        _check_repair(comparison)
        settling = Settling.of(comparison.lake, args, out)
        out.pairs("after --repair", settling.lines())
        document |= settling.document()
    if args.dry_run:
        out.say("dry run: nothing was compared, nothing was written")
        out.answer({**document, "status": "dry run"})
        return 0
    differences = comparison.looking.differences()
    changing = comparison.run(differences).rows
    circumstances = comparison.circumstances if differences else Circumstances()
    sides = comparison.source, comparison.lake
    report = Report(differences, circumstances, side_options(*sides), redrive_options(*sides))
    found: dict[str, Any] = {
        "read_capacity": round(comparison.table.budget.used, 1),
        "differences_found": len(differences),
        **{str(kind): keys for kind, keys in differences.counts.items()},
        "covered": differences.covered,
        "changing": changing,
        "causes": report.causes(),
    }
    document |= found
    report.show(out, args.limit)
    if changing:
        out.say(
            f"{count(changing, 'key')} changed in every look: newer changes than the reads are in the lake. "
            "Nothing was found wrong with them",
            "yellow",
        )
    if differences.covered:
        out.say(f"{count(differences.covered, 'key')} of these: the rows of the export are the repair")
    wrong = len(differences) - differences.covered
    if args.repair and wrong:
        return _repair(args, comparison, report, document, settling)
    status = "different" if differences else "equal"
    _answer(out, {**document, "status": status}, report, _sentence(len(differences), changing))
    return EXIT_FAILED if differences else 0


def _check_repair(comparison: Comparison) -> None:
    """Refuse a repair that cannot succeed before anything is read."""
    from scripts.core.lake_objects import LakeObjects  # noqa: PLC0415

    _ = comparison.source.settings
    next(iter(LakeObjects(comparison.lake).listed("errors/")), None)  # takes the role


def _repair(
    args: argparse.Namespace,
    comparison: Comparison,
    report: Report,
    document: dict[str, Any],
    settling: Settling,
) -> int:
    out = comparison.out
    wrong = len(report.differences) - report.differences.covered
    lake = comparison.lake
    where = f"account {lake.connection.account}, Region {lake.connection.region}"
    rows = count(wrong, "row")
    purpose = f"write {rows} into the lake of stack {lake.stack} in {where}"
    confirm(args.yes, "repair", purpose, "nothing was written")
    settling.check()
    out.interruption = "some rows may be written. Run the command again: it writes what still differs."
    written, left, changing = comparison.repair(report.differences, settling)
    document |= {"written": written, "left": len(left), "changing": changing.rows, **settling.result()}
    if left:
        replace(report, differences=left).show(out, args.limit)
    status = "different" if left else "repaired"
    sentence = f"{count(written, 'row')} written. {_sentence(len(left), changing.rows)}"
    _answer(out, {**document, "status": status}, report, sentence)
    return EXIT_FAILED if left else 0


def _answer(out: Output, document: dict[str, Any], report: Report, sentence: str) -> None:
    """Print the answer: the sentence, or the document with every difference that was found."""
    if out.form == "json":
        out.answer_list(document, "differences", report.entries())
    else:
        out.answer(document, sentence)


def _sentence(different: int, changing: int) -> str:
    if different:
        return f"table and lake differ in {count(different, 'key')}"
    busy = f", except for {count(changing, 'key')} that changed in every look" if changing else ""
    return f"table and lake are equal{busy}"


if __name__ == "__main__":
    sys.exit(run(main))
