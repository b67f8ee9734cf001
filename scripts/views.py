"""Create or refresh the views of one table: its current items, their history, and gaps in their changes.

The SQL is in athena/views/*.sql. The views have the columns that the Glue table `changes` has now, so run the
command again when the table has more columns: `--check` names the views that are behind their table, and
`--all` refreshes every view of the database. If the lake has settled tables (docs/settled-tables.md), the
views read those and the rows that are not settled yet; with `--raw` they read raw rows all the same. Types
come from a small file, `athena/views/types/NAME.yaml`, with one `column: type` per line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.core.answers import count
from scripts.core.athena import Workgroup
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output, parser, run
from scripts.core.existing_views import some
from scripts.core.files import write_file
from scripts.core.lake_table import check_source, item_columns
from scripts.core.proposed_types import propose_types
from scripts.core.refreshed_views import TYPES, Wanted, create, refresh, statements_of
from scripts.core.road_switch import NO_SWITCH, kept_switch, read_switch
from scripts.core.settled_tables import SettledTables, lake_tables, shared
from scripts.core.template import ROOT
from scripts.core.view_columns import NAME_CHARACTERS, chosen, split_patterns
from scripts.core.view_notes import note
from scripts.core.views import Settled, definitions, every_row, read_types, view_name

EPILOG = """\
examples:
  python -m scripts.views orders-prod --name orders --dry-run
  python -m scripts.views orders-prod --name orders --propose-types --write athena/views/types/orders.yaml
  python -m scripts.views orders-prod --name orders
  python -m scripts.views orders-prod --name orders --except 'scores__*,notes'
  python -m scripts.views orders-prod --name orders --switched-at 2026-11-28T12:00:00Z
  python -m scripts.views --all
  python -m scripts.views --all --raw
  python -m scripts.views --check --output json
  python -m scripts.query --profile consumer "SELECT * FROM current_orders LIMIT 10\""""


def options() -> argparse.ArgumentParser:
    """The options of `views`."""
    result = parser("views", "Create or refresh the views of one table.", epilog=EPILOG)
    result.add_argument(
        "table", metavar="TABLE", nargs="?", help="name of the DynamoDB table, as in the column change_table"
    )
    result.add_argument(
        "--all", action="store_true", help="refresh every view in the database, as it was created"
    )
    result.add_argument(
        "--check",
        action="store_true",
        help="change nothing; name the views that are behind their table (exit code 1 if there are any)",
    )
    result.add_argument("--name", help="ending of the views' names (default: the table's name in lower case)")
    result.add_argument(
        "--types", type=Path, metavar="FILE", help="default: athena/views/types/NAME.yaml, if it exists"
    )
    result.add_argument(
        "--propose-types", action="store_true", help="propose a type file that fits the data; create no view"
    )
    result.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="with --propose-types: write the proposal to a new file, only if the command succeeds",
    )
    result.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="PATTERNS",
        help="only these columns of items, separated by commas; * matches any characters (default: all)",
    )
    result.add_argument(
        "--except",
        action="append",
        default=[],
        dest="without",
        metavar="PATTERNS",
        help="all columns but these",
    )
    result.add_argument(
        "--switched-at",
        metavar="TIME",
        help="the second at which changes switched from Kinesis to DynamoDB Streams, such as "
        "2026-11-28T12:00:00Z; `none`: no switch (default: as in the existing views)",
    )
    rows = result.add_mutually_exclusive_group()
    rows.add_argument(
        "--raw",
        action="store_true",
        help="read raw rows although settled tables exist; --all keeps it until --settled is given",
    )
    rows.add_argument(
        "--settled",
        action="store_true",
        help="with --all: let views that were created with --raw read settled tables again",
    )
    result.add_argument("--dry-run", action="store_true", help="print the SQL, change nothing")
    result.add_argument("--workgroup", metavar="NAME", default="ddb-lake", help="default: ddb-lake")
    result.add_argument("--database", metavar="NAME", default="ddb_lake", help="default: ddb_lake")
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Create the views, print their SQL, or propose types."""
    args = options().parse_args(arguments)
    out.interruption = "no view was changed. Run the command again."
    _check_options(args)
    if args.all or args.check:
        workgroup = _workgroup(args)
        return refresh(
            workgroup,
            args.database,
            out,
            write=not args.check,
            dry_run=args.dry_run,
            raw=args.raw if args.raw or args.settled else None,
        )
    switched_at = read_switch(args.switched_at or NO_SWITCH)
    name = view_name(args.name or args.table)
    if len(f"history_{name}") > NAME_CHARACTERS:
        raise CommandError(
            f"the name history_{name} is too long: Glue allows {NAME_CHARACTERS} characters",
            "Give a shorter ending with --name.",
        )
    if args.write:
        _check_write(args)
    workgroup = _workgroup(args)
    every = item_columns(workgroup, args.database)
    lake = SettledTables(workgroup, args.database, lake_tables(workgroup, args.database))
    settled = None if args.raw else lake.of(args.table)
    rows = every_row(args.table) if settled else "changes"
    both_roads = check_source(workgroup, args.database, args.table, rows)
    if not every:
        raise CommandError(
            f"{args.database}.changes has no column of an attribute yet",
            "Start the crawler with the command in the consumer stack's output CrawlNowCommand, wait about a "
            "minute, then run this again. Or name the columns in the stack's parameter ItemColumns.",
        )
    columns = chosen(every, split_patterns(args.columns), split_patterns(args.without))
    path = args.types or TYPES / f"{name}.yaml"
    if args.propose_types:
        _propose(workgroup, args, columns, path, out)
        return 0
    types = read_types(path, every) if args.types or path.exists() else {}
    if args.switched_at is None:
        names = [view.name for view in definitions(name, args.table, [], {})]
        switched_at = kept_switch(workgroup, args.database, names, args.table)
        if switched_at:
            out.say(
                f"the views keep the switch to DynamoDB Streams at {switched_at}; --switched-at none drops it"
            )
    if both_roads and switched_at is None:
        out.say(
            f"changes of {args.table} came by Kinesis and by DynamoDB Streams. A change that came by both is "
            "shown twice, unless you give the second of the switch with --switched-at",
            "yellow",
        )
    if settled:
        columns = _settled_columns(settled, columns, out)
    views = statements_of(
        Wanted(name, args.table, columns, types, switched_at, settled),
        note(split_patterns(args.columns), split_patterns(args.without), raw=args.raw),
    )
    if args.dry_run:
        statements = {view.name: view.statement for view in views}
        text = "\n".join(f"{statement};\n" for statement in statements.values())
        out.answer({"database": args.database, "statements": statements}, text)
        return 0
    create(lake, views, out)
    names = [view.name for view in views]
    document = {
        "database": args.database,
        "views": names,
        "columns": columns,
        "types": {column: types[column] for column in columns if column in types},
        "switched_at": switched_at,
        "settled": settled is not None,
    }
    out.answer(document, "\n".join(names))
    return 0


def _workgroup(args: argparse.Namespace) -> Workgroup:
    """The workgroup of the options. Raises CommandError if it cannot be used."""
    workgroup = Workgroup(Connection.of(args), args.workgroup)
    workgroup.check()
    return workgroup


def _settled_columns(settled: Settled, columns: list[str], out: Output) -> list[str]:
    """The columns that the settled tables have."""
    kept = shared(settled, columns)
    left_out = [column for column in columns if column not in kept]
    if left_out:
        out.say(
            f"left out, because the settled tables do not have them: {some(left_out)}. A settle run adds the "
            "columns of new attributes; then run this again"
        )
    return kept


def _check_options(args: argparse.Namespace) -> None:
    """Refuse a table with --all or --check, neither of them, and options that do not go with them."""
    everything = args.all or args.check
    if bool(args.table) == bool(everything):
        raise CommandError(
            "--all and --check are for every view" if args.table else "no table was named",
            "Name a table, or give --all or --check.",
            exit_code=EXIT_USAGE,
        )
    single = [
        option
        for option, value in (
            ("--name", args.name),
            ("--types", args.types),
            ("--columns", args.columns),
            ("--except", args.without),
            ("--switched-at", args.switched_at),
            ("--propose-types", args.propose_types),
            ("--write", args.write),
        )
        if value
    ]
    rows = "--raw" if args.raw else "--settled" if args.settled else ""
    if rows and args.check:
        raise CommandError(
            f"{rows} with --check, which names what --all would change",
            f"`--all {rows} --dry-run` shows the views.",
            exit_code=EXIT_USAGE,
        )
    if everything and single:
        raise CommandError(
            f"{', '.join(single)} with --all or --check: the views keep what they were created with",
            "Leave the options out, or name a table.",
            exit_code=EXIT_USAGE,
        )


def _propose(
    workgroup: Workgroup, args: argparse.Namespace, columns: Sequence[str], path: Path, out: Output
) -> None:
    """Print a type file that fits the data."""
    proposal = propose_types(workgroup, args.database, args.table, columns)
    proposed = proposal.types
    text = "".join(f"{column}: {kind}\n" for column, kind in proposed.items()).rstrip()
    nearly = [column.document() for column in proposal.nearly]
    document: dict[str, object] = {"types": proposed, "nearly": nearly}
    if args.write and proposed:
        write_file(args.write, f"{text}\n")
        out.answer({**document, "file": str(args.write)})
        out.say(f"wrote {args.write}: {count(len(proposed), 'type')}")
    else:
        out.answer(document, text)
    for column in proposal.nearly:
        out.say(column.sentence())
    if nearly:
        out.say("if you give a column that type anyway, such values are shown as null")
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path  # as a user types it in this folder
    if not proposed:
        out.say("all columns are text: the views need no type file")
    elif args.write:
        types = "" if args.write.resolve() == path.resolve() else f" with --types {args.write}, and"
        out.say(f"next: check the types in {args.write}, then run this again{types} without --propose-types")
    else:
        out.say(f"next: check the types, save them as {shown}, then run this again without --propose-types")


def _check_write(args: argparse.Namespace) -> None:
    """Refuse a file that cannot be written, or that may have types corrected by hand, before any query."""
    if not args.propose_types:
        raise CommandError(
            "--write works with --propose-types only", "Add --propose-types.", exit_code=EXIT_USAGE
        )
    if args.write.exists() and (not args.write.is_file() or args.write.stat().st_size):
        raise CommandError(
            f"{args.write} exists already",
            "Name another file with --write, or delete this one if you do not need its types.",
        )
    if not args.write.parent.is_dir():
        raise CommandError(f"there is no folder {args.write.parent}", "Create it, or correct --write.")


if __name__ == "__main__":
    sys.exit(run(main))
