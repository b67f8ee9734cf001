"""Query the lake through Athena: SQL text, a file or a named query; output as a table, CSV or JSON."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.core.answers import as_csv, as_json, as_table, count
from scripts.core.athena import Workgroup, quoted
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output, parser, run
from scripts.core.delivery_time import DELIVERY_TIME
from scripts.core.statements import first_word, only_reads

EPILOG = """\
examples:
  python -m scripts.query --profile consumer "SELECT count(*) FROM changes WHERE dt >= '2026-11-01'"
  python -m scripts.query --profile consumer --named changes-by-day-and-type --output csv
  python -m scripts.query --profile consumer "SELECT * FROM changes WHERE change_type = ? LIMIT ?" \\
      --parameter REMOVE --literal 10

The rows go to stdout; bytes scanned and time go to stderr.
JSON, and CSV in a file or a pipe, have the exact values. A terminal shows control characters as \\x1b."""

# A SELECT from the table or from one of its views; SHOW COLUMNS FROM changes does not match.
READS_CHANGES = re.compile(
    r"\A(?!\s*show\b).*\b(?:from|join)\s+(?:\w+\.)?(?:changes|(?:current|history|gaps)_\w+)\b", re.I | re.S
)
PARAMETER_CHARACTERS = 1024  # API_StartQueryExecution, ExecutionParameters


def options() -> argparse.ArgumentParser:
    """The options of `query`."""
    result = parser("query", "Query the lake through Athena.", epilog=EPILOG, outputs=("text", "csv", "json"))
    statement = result.add_mutually_exclusive_group(required=True)
    statement.add_argument("sql", metavar="SQL", nargs="?", help="one SQL statement")
    statement.add_argument("--named", metavar="NAME", help="a named query of the workgroup, by name or id")
    statement.add_argument("--file", metavar="FILE", type=Path, help="a file with one SQL statement")
    result.add_argument("--workgroup", metavar="NAME", default="ddb-lake", help="default: ddb-lake")
    result.add_argument("--database", metavar="NAME", help="default: the named query's, else ddb_lake")
    result.add_argument(
        "--parameter",
        metavar="TEXT",
        dest="parameters",
        action="append",
        type=quoted,
        default=[],
        help="the text for the next `?` (the columns of `changes` are text)",
    )
    result.add_argument(
        "--literal",
        metavar="SQL",
        dest="parameters",
        action="append",
        help="the SQL literal for the next `?`: 10, DATE '2026-11-01'",
    )
    result.add_argument(
        "--allow-changes",
        action="store_true",
        help="run a statement that may change something too (INSERT, CREATE, DROP, UNLOAD, EXECUTE)",
    )
    result.add_argument(
        "--safe-for-spreadsheets",
        action="store_true",
        help="with --output csv: put an apostrophe before text that a spreadsheet would run as a formula",
    )
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Run one query and print its result."""
    args = options().parse_args(arguments)
    out.interruption = "no query was started. Run the command again."
    try:
        sql = args.file.read_text(encoding="utf-8-sig") if args.file else args.sql
    except UnicodeDecodeError:
        raise CommandError(
            f"{args.file} is not UTF-8 text",
            "Name a file of SQL with --file, or convert it (`iconv -t UTF-8`).",
        ) from None
    if sql is not None and not sql.strip():
        raise CommandError(
            "there is no SQL to run", "Give a statement, --file or --named.", exit_code=EXIT_USAGE
        )
    for value in args.parameters:
        if not 1 <= len(value) <= PARAMETER_CHARACTERS:
            raise CommandError(
                f"a parameter has {len(value):,} characters; Athena accepts 1 to {PARAMETER_CHARACTERS:,}",
                "Write the value into the SQL instead.",
                exit_code=EXIT_USAGE,
            )
    if args.safe_for_spreadsheets and out.form != "csv":
        raise CommandError(
            "--safe-for-spreadsheets works with CSV only",
            "Add --output csv, or leave the option out.",
            exit_code=EXIT_USAGE,
        )
    if sql is not None and not args.allow_changes:
        _check(sql)
    workgroup = Workgroup(Connection.of(args), args.workgroup)
    workgroup.check()
    database = args.database
    if args.named:
        named = workgroup.named(args.named)
        sql, database = named["QueryString"], database or named["Database"]
        if not args.allow_changes:
            _check(sql)
    out.interruption = "a query that had started was cancelled in Athena. Run the command again."
    result = workgroup.execute(sql, database or "ddb_lake", args.parameters)
    if out.form == "csv":
        as_csv(result, out, for_spreadsheets=args.safe_for_spreadsheets)
    else:
        (as_json if out.form == "json" else as_table)(result, out)
    out.say(
        f"{count(len(result.rows), 'row')}, {result.bytes_scanned:,} bytes scanned, {result.seconds:.1f} s "
        f"(query {result.query_id})"
    )
    if not result.bytes_scanned and READS_CHANGES.search(sql):
        out.say("nothing was read: no change has been delivered yet, or no day matches the condition on `dt`")
        out.say(f"next: if an item was just written, wait and run the command again. {DELIVERY_TIME}")
    return 0


def _check(sql: str) -> None:
    """Refuse a statement that may change something. Raises CommandError."""
    if not only_reads(sql):
        word = first_word(sql)
        raise CommandError(
            f"this statement may change something{f': it begins with {word}' if word else ''}",
            "Correct it, or add --allow-changes to run it anyway.",
            exit_code=EXIT_USAGE,
        )


if __name__ == "__main__":
    sys.exit(run(main))
