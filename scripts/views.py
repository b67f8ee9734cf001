"""Create or refresh the views of one table: its items now, their history, and where changes are missing.

The SQL is athena/views/*.sql; the columns are those of the Glue table `changes` today, so run it again after
the schema grew. Types come from a small file, `athena/views/types/NAME.yaml`: one `column: type` a line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.core.athena import Workgroup
from scripts.core.connection import Connection
from scripts.core.console import CommandError, Output, parser, run
from scripts.core.crawler import crawl_step
from scripts.core.lake_table import check_source, item_columns
from scripts.core.proposed_types import propose_types
from scripts.core.road_switch import NO_SWITCH, kept_switch, read_switch
from scripts.core.template import ROOT
from scripts.core.view_columns import NAME_CHARACTERS, chosen, split_patterns
from scripts.core.view_size import check_size, readable
from scripts.core.views import View, definitions, read_types, view_name

TYPES = ROOT / "athena" / "views" / "types"

EPILOG = """\
examples:
  python -m scripts.views orders-prod --name orders --dry-run
  python -m scripts.views orders-prod --name orders --propose-types > athena/views/types/orders.yaml
  python -m scripts.views orders-prod --name orders
  python -m scripts.views orders-prod --name orders --except 'scores__*,notes'
  python -m scripts.views orders-prod --name orders --switched-at 2026-11-28T12:00:00Z
  python -m scripts.query --profile consumer "SELECT * FROM current_orders LIMIT 10\""""


def options() -> argparse.ArgumentParser:
    """The options of `views`."""
    result = parser("views", "Create or refresh the views of one table.", epilog=EPILOG)
    result.add_argument("table", metavar="TABLE", help="the DynamoDB table, as change_table names it")
    result.add_argument("--name", help="ending of the views' names (default: the table's, in lower case)")
    result.add_argument(
        "--types", type=Path, metavar="FILE", help="default: athena/views/types/NAME.yaml, if it is there"
    )
    result.add_argument(
        "--propose-types", action="store_true", help="print a type file after the data, make no view"
    )
    result.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="PATTERNS",
        help="show only these columns of items, separated by commas, * for any characters (default: all)",
    )
    result.add_argument(
        "--except", action="append", default=[], dest="without", metavar="PATTERNS", help="leave these out"
    )
    result.add_argument(
        "--switched-at",
        metavar="TIME",
        help="the whole second from which changes come by DynamoDB Streams, and not by Kinesis any more, as "
        "2026-11-28T12:00:00Z; `none`: no cut (default: what the existing views have)",
    )
    result.add_argument("--dry-run", action="store_true", help="print the SQL, change nothing")
    result.add_argument("--workgroup", metavar="NAME", default="ddb-lake", help="default: ddb-lake")
    result.add_argument("--database", metavar="NAME", default="ddb_lake", help="default: ddb_lake")
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Make the views, show their SQL, or propose types."""
    args = options().parse_args(arguments)
    given = read_switch(args.switched_at or NO_SWITCH)
    name = view_name(args.name or args.table)
    if len(f"history_{name}") > NAME_CHARACTERS:
        raise CommandError(
            f"a view history_{name} would have a longer name than Glue takes, {NAME_CHARACTERS} characters",
            "Give a shorter ending with --name.",
        )
    workgroup = Workgroup(Connection.of(args), args.workgroup)
    workgroup.check()
    every = item_columns(workgroup, args.database)
    both_roads = check_source(workgroup, args.database, args.table)
    if not every:
        raise CommandError(
            f"{args.database}.changes has no column of an attribute yet",
            f"{crawl_step(workgroup.connection, args.database)} Or name attributes in ItemColumns.",
        )
    columns = chosen(every, split_patterns(args.columns), split_patterns(args.without))
    path = args.types or TYPES / f"{name}.yaml"
    if args.propose_types:
        _propose(workgroup, args, columns, path, out)
        return 0
    types = read_types(path, every) if args.types or path.exists() else {}
    switched_at = given
    if args.switched_at is None:
        names = [view.name for view in definitions(name, args.table, [], {})]
        switched_at = kept_switch(workgroup, args.database, names, args.table)
        if switched_at:
            out.say(f"kept the cut of the existing views: {switched_at} (--switched-at none drops it)")
    if both_roads and switched_at is None:
        out.say(
            f"changes of {args.table} came by Kinesis and by DynamoDB Streams: give the second of the switch "
            "with --switched-at, or a change that came by both is shown twice",
            "yellow",
        )

    def of(shown: Sequence[str]) -> list[View]:
        return definitions(name, args.table, shown, types, switched_at)

    views = of(columns)
    check_size(views, columns, of)
    if args.dry_run:
        statements = {view.name: view.statement for view in views}
        text = "\n".join(f"{statement};\n" for statement in statements.values())
        out.answer({"database": args.database, "statements": statements}, text)
        return 0
    _make(workgroup, args.database, views, out)
    names = [view.name for view in views]
    document = {
        "database": args.database,
        "views": names,
        "columns": columns,
        "types": {column: types[column] for column in columns if column in types},
        "switched_at": switched_at,
    }
    out.answer(document, "\n".join(names))
    return 0


def _propose(
    workgroup: Workgroup, args: argparse.Namespace, columns: Sequence[str], path: Path, out: Output
) -> None:
    """Print a type file after the data."""
    proposal = propose_types(workgroup, args.database, args.table, columns)
    proposed = proposal.types
    text = "".join(f"{column}: {kind}\n" for column, kind in proposed.items()).rstrip()
    nearly = [column.document() for column in proposal.nearly]
    out.answer({"types": proposed, "nearly": nearly}, text)
    for column in proposal.nearly:
        out.say(column.sentence())
    if nearly:
        out.say("a column that is given its type all the same shows null for such a value")
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path  # as one would type it here
    out.say(
        f"next: look it through, keep it as {shown}, and run this again without --propose-types"
        if proposed
        else "no column proposes a type but text: the views need no type file"
    )


def _make(workgroup: Workgroup, database: str, views: Sequence[View], out: Output) -> None:
    """Make the views, once all of them can be read."""
    for view in views:
        workgroup.execute(readable(view), database)
    for view in views:
        workgroup.execute(view.statement, database)
        out.say(f"made {database}.{view.name}")


if __name__ == "__main__":
    sys.exit(run(main))
