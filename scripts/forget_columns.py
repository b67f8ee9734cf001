"""Take columns away from `changes` so that neither a crawl nor a stack update brings them back.

No row is touched. Names that are data, as a map keyed by data makes them, fill the table until it takes no
more; what is forgotten leaves room. docs/operations/forget-columns.md has the steps.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scripts.core.answers import count
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output, parser, prompt, run

if TYPE_CHECKING:
    from scripts.core.forgetting import Forgetting, Preview

SHOWN = 20  # families, and names, of a list for people; JSON has everything

EPILOG = """\
examples:
  python -m scripts.forget_columns --list
  python -m scripts.forget_columns 'prices__*' --dry-run
  python -m scripts.forget_columns 'prices__*' old_name
  python -m scripts.forget_columns --remember old_name

A name with `*` at its end stands for every column that begins so, also for those to come.
Quote it, or the shell looks for files."""


def options() -> argparse.ArgumentParser:
    """The options of `forget_columns`."""
    result = parser("forget_columns", "Take columns away from the table changes for good.", epilog=EPILOG)
    result.add_argument(
        "names", metavar="NAME", nargs="*", help="a column, or the beginning of columns and *"
    )
    result.add_argument("--remember", action="store_true", help="let the names be columns again")
    result.add_argument(
        "--list", action="store_true", help="show what is forgotten, and which names have no column yet"
    )
    result.add_argument("--dry-run", action="store_true", help="show what would go, change nothing")
    result.add_argument("--yes", action="store_true", help="do not ask")
    result.add_argument("--database", metavar="NAME", default="ddb_lake", help="default: ddb_lake")
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Forget, remember, or list."""
    args = options().parse_args(arguments)
    out.interruption = "nothing was changed. Run the command again."
    if args.list == bool(args.names) or (args.list and args.remember):
        raise CommandError(
            "nothing says which columns", "Give their names, or --list alone.", exit_code=EXIT_USAGE
        )

    from catalog_lambda.catalog import Catalog, CatalogError  # noqa: PLC0415  boto3 is behind these
    from scripts.core.forgetting import Forgetting  # noqa: PLC0415

    connection = Connection.of(args)
    forgetting = Forgetting(Catalog(args.database, connection.client("glue")))
    try:
        if args.list:
            _list(forgetting, args.database, out)
        elif args.remember:
            _remember(forgetting, args, out)
        else:
            _forget(forgetting, args, connection, out)
    except CatalogError as error:
        raise CommandError(
            str(error), "Check --database (the consumer stack's output DatabaseName), --profile and --region."
        ) from error
    return 0


def _list(forgetting: Forgetting, database: str, out: Output) -> None:
    """What is forgotten, by whom and since when; what could be forgotten next."""
    acts = forgetting.forgotten.acts
    families, refused = forgetting.families(), forgetting.refused
    for act in acts:
        out.say(f"forgotten at {act.at} by {act.by}: {_some(act.names)}")
    if not acts:
        out.say(f"no column of {database}.changes is forgotten")
    if families:
        rows = [(one.beginning, f"{one.columns:,}", f"{one.waiting:,}") for one in families[:SHOWN]]
        out.table("names that have no column yet", ("beginning", "columns", "waiting"), rows)
    for name, why in list(refused.items())[:SHOWN]:
        out.say(f"no column: {_printable(name)} ({why})")
    out.answer(
        {
            "database": database,
            "forgotten": [{"names": act.names, "at": act.at, "by": act.by} for act in acts],
            "waiting": [
                {"beginning": one.beginning, "columns": one.columns, "waiting": one.waiting}
                for one in families
            ],
            "refused": refused,
        }
    )


def _forget(forgetting: Forgetting, args: argparse.Namespace, connection: Connection, out: Output) -> None:
    preview = forgetting.preview(args.names)
    where = f"account {connection.account}, Region {connection.region}"
    out.say(f"{where}: forget {_some(preview.names)} in {args.database}.changes", "bold")
    out.say(f"columns that go: {len(preview.columns):,} {_some(preview.columns)}".rstrip())
    out.say(f"names without a column that will get none: {len(preview.waiting):,}")
    report = _document(args.database, preview)
    if args.dry_run:
        _say_views(preview, out)
        out.say("dry run: nothing was changed")
        out.answer({**report, "status": "dry run"})
        return
    _confirm(args.yes, where)
    out.interruption = "some columns may be forgotten already. Run the command again to forget the rest."
    gone = forgetting.forget(preview, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", connection.caller)
    out.say(f"{count(len(gone), 'column')} forgotten; the rows still hold the values", "green")
    _say_views(preview, out)
    out.answer({**report, "columns": gone, "status": "forgotten"})


def _remember(forgetting: Forgetting, args: argparse.Namespace, out: Output) -> None:
    names = forgetting.remembered(args.names)
    if args.dry_run:
        out.say("dry run: nothing was changed")
    else:
        forgetting.remember(names)
        out.say("next: start the crawler (the consumer stack's output CrawlNowCommand), which declares them")
    status = "dry run" if args.dry_run else "remembered"
    out.answer({"database": args.database, "names": names, "status": status})


def _document(database: str, preview: Preview) -> dict[str, Any]:
    return {
        "database": database,
        "names": preview.names,
        "columns": preview.columns,
        "waiting": preview.waiting,
        "views": preview.views,
    }


def _say_views(preview: Preview, out: Output) -> None:
    if preview.views:
        out.say(
            f"next: run `python -m scripts.views` again for {', '.join(preview.views)}: "
            "a view that shows a forgotten column fails until then"
        )


def _confirm(yes: bool, where: str) -> None:
    """Go on by --yes or by the word typed; columns never go unasked."""
    if yes:
        return
    if sys.stdin.isatty():
        prompt(f"type forget to take these columns away in {where}: ")
        if sys.stdin.readline().strip() == "forget":
            return
    raise CommandError(
        "not confirmed: nothing was changed", "Run it again and type the word forget, or give --yes."
    )


def _some(names: Sequence[str]) -> str:
    """Names for a sentence: a few of many."""
    shown = ", ".join(_printable(name) for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown


def _printable(name: str) -> str:
    """A name that a terminal can show: a foreign file may have put anything into it."""
    return json.dumps(name)[1:-1]


if __name__ == "__main__":
    sys.exit(run(main))
