"""Restore the items of a table as they were at a time, from the lake into another table.

An item is restored exactly if its digest proves it; otherwise the command stops, unless it is told to go on.
docs/operations/restore-a-table.md has the steps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from scripts.core.console import Output, parser, run
from scripts.core.sides import add_options

EPILOG = """\
examples:
  python -m scripts.restore orders-prod --as-of 2026-11-28T12:00:00Z --into orders-noon \\
      --profile producer --lake-profile consumer --dry-run
  python -m scripts.restore orders-prod --as-of 2026-11-28T12:00:00Z --into orders-noon \\
      --profile producer --lake-profile consumer --write-capacity 2000 --yes
  python -m scripts.restore orders-gone --as-of 2026-11-28T12:00:00Z --into orders-again \\
      --key-schema pk:S,sk:N --kms-key alias/aws/dynamodb --profile producer --lake-profile consumer

A stopped or interrupted restore continues when the same command runs again.
A dry run queries the lake too; Athena bills what the queries read."""


def options() -> argparse.ArgumentParser:
    """The options of `restore`."""
    result = parser("restore", "Restore a table's items of any time from the lake.", epilog=EPILOG)
    result.add_argument("table", metavar="TABLE", help="the table whose items to restore")
    result.add_argument(
        "--as-of",
        metavar="TIME",
        required=True,
        help="the last moment whose changes count, such as 2026-11-28T12:00:00Z",
    )
    result.add_argument(
        "--into",
        metavar="NEW_TABLE",
        required=True,
        help="the table to write into: it is created, or it must be empty",
    )
    add_options(result)
    result.add_argument(
        "--into-profile", metavar="NAME", help="the profile of the new table's account (default: --profile)"
    )
    result.add_argument(
        "--key-schema",
        metavar="KEYS",
        help="the keys of the items, partition key first, such as pk:S,sk:N (default: those of TABLE)",
    )
    result.add_argument(
        "--kms-key",
        metavar="KEY",
        help="the KMS key of a table that is created: id, ARN or alias (default: the key of TABLE's stack)",
    )
    result.add_argument(
        "--names",
        metavar="NAMES",
        default="",
        help="attributes whose names have capital letters, such as orderId,customer.firstName: rows without "
        "change_image do not show them",
    )
    result.add_argument(
        "--inexact",
        action="store_true",
        help="also restore items that are not exact, as well as their rows allow",
    )
    result.add_argument(
        "--accept-gaps",
        action="store_true",
        help="restore although the lake lacks changes, or the state of items that it has only later rows of",
    )
    result.add_argument(
        "--switched-at",
        metavar="TIME",
        help="the second at which changes switched from Kinesis to DynamoDB Streams; `none`: no switch "
        "(default: as in the table's views)",
    )
    result.add_argument(
        "--write-capacity",
        metavar="N",
        type=int,
        help="the most write units to use in a second (default: what the table accepts)",
    )
    result.add_argument("--dry-run", action="store_true", help="show the plan; create and write nothing")
    result.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Restore the items, or show the plan."""
    args = options().parse_args(arguments)
    out.interruption = "nothing was written. Run the command again."

    from scripts.core.restoring.restore import Restore  # noqa: PLC0415  boto3 is behind it

    restore = Restore(args, out, datetime.now(UTC))
    plan, reader = restore.plan()
    if args.dry_run:
        restore.end_dry_run(plan)
    else:
        restore.confirm()
        restore.apply(plan, reader)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
