"""The command: its options, its work and its exit codes."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from .credentials import no_credentials
from .ended_sandbox import explain_ended
from .errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, CommandError, shown
from .explain import explained
from .progress import Progress, say
from .reading.columns import TYPES_ARE, type_of
from .reading.dialect import Dialect
from .reading.source import Source, check, good_items
from .sample import put_sample
from .table import Table, describe
from .writing import Writer

PROGRAM = f"python -m {__package__}"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors name the help command."""

    def error(self, message: str) -> NoReturn:
        """Raise CommandError for wrong options."""
        raise CommandError(message, f"See `{self.prog} --help`.", EXIT_USAGE)


def _types(text: str) -> dict[str, str]:
    """--types name=N,other=BOOL as a dictionary."""
    types = {}
    for pair in text.split(",") if text else []:
        name, equals, tag = pair.rpartition("=")
        if not equals or not name or type_of(tag) is None:
            raise CommandError(
                f"--types {shown(pair)} is not NAME=TYPE",
                f"{TYPES_ARE}: --types year=N,seen=BOOL.",
                EXIT_USAGE,
            )
        types[name] = tag
    return types


def _delimiter(text: str | None) -> str | None:
    r"""The character of --delimiter. `tab` and `\t` mean a tab, which is hard to type."""
    if text in ("tab", "\\t"):
        return "\t"
    if text is not None and (len(text) != 1 or text in '"\r\n'):
        raise CommandError(
            f"--delimiter {shown(text)} is not one character",
            "Give the character between two cells: --delimiter ';', or --delimiter tab.",
            EXIT_USAGE,
        )
    return text


EPILOG = """\
--file reads these formats, also compressed with gzip:
  JSON: an array, one object per line, or objects one after another; plain or DynamoDB JSON; DynamoDB exports
        (full and incremental); output of get-item, scan, query and batch-get-item; input of put-item and
        batch-write-item; puts of transactions; NoSQL Workbench models
  CSV:  (.csv, .tsv, or with --delimiter) The first line has the columns, as name or name:TYPE. An empty cell
        sets no attribute; in a column of TYPE+NULL it sets NULL. In a column of type JSON, the JSON of each
        cell decides its type."""


def options(program: str = PROGRAM) -> Parser:
    """The command's options; `program` is how the user started it."""
    result = Parser(
        prog=program,
        description=(
            "Put items into a DynamoDB table. Without --file, insert, update and delete one sample item."
        ),
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("table", metavar="TABLE", help="the table's name")
    result.add_argument(
        "--file", type=Path, metavar="FILE", help="put this file's items instead of the sample"
    )
    result.add_argument(
        "--model-table", metavar="NAME", help="the table to put, if the file contains several tables"
    )
    result.add_argument(
        "--types", type=str, default="", metavar="NAME=TYPE,…", help="types of CSV columns (default: S)"
    )
    result.add_argument(
        "--delimiter",
        metavar="C",
        help="the character between CSV cells; `tab` means a tab (default: taken from the header)",
    )
    result.add_argument(
        "--quoting",
        action=argparse.BooleanOptionalAction,
        help='whether a " in CSV quotes a cell, or is part of its text. By default it quotes, and a row that '
        "can be read both ways is refused",
    )
    result.add_argument(
        "--plain", action="store_true", help='read {"S": "x"} in JSON as a map with the attribute S'
    )
    result.add_argument(
        "--workers", type=int, default=4, metavar="N", help="batches written at once, 1 to 32 (default: 4)"
    )
    result.add_argument("--dry-run", action="store_true", help="check the table and the file; write nothing")
    common = result.add_argument_group("common options")
    common.add_argument("--profile", help="the profile of ~/.aws/config to use (default: the environment's)")
    common.add_argument("--region", help="the Region to work in (default: the profile's)")
    common.add_argument("--endpoint-url", metavar="URL", help="send every call here instead of to AWS")
    common.add_argument(
        "--output", choices=("text", "json"), default="text", help="json: one document on stdout"
    )
    return result


def main(arguments: Sequence[str], program: str = PROGRAM) -> dict[str, Any]:
    """Put the items that the options name, and return a report as a document."""
    args = options(program).parse_args(arguments)
    types, dialect = _types(args.types), Dialect(_delimiter(args.delimiter), args.quoting)
    if not 1 <= args.workers <= 32:
        raise CommandError(
            f"--workers {args.workers} is not from 1 to 32", "Give a number from 1 to 32.", EXIT_USAGE
        )
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}|arn:.{1,1020}", args.table):
        raise CommandError(
            f"{shown(args.table)} is not a table name",
            "A name has 3 to 255 letters, digits, `_`, `-` and `.`.",
            EXIT_USAGE,
        )
    if args.file is not None:
        with args.file.open("rb"):
            pass  # an unreadable file is reported before the first call to AWS
    import boto3  # noqa: PLC0415  after the cheap checks
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415

    session = boto3.Session(profile_name=args.profile, region_name=args.region)
    if not session.region_name:
        raise CommandError("no Region is set", "Name one with --region, or set one in the profile.")
    config = Config(
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=args.workers,
        user_agent_extra="ddb-lake",
    )
    client = session.client("dynamodb", endpoint_url=args.endpoint_url, config=config)
    try:
        table = describe(client, args.table, session.region_name)
    except NoCredentialsError as error:
        raise CommandError(*(explain_ended(error) or no_credentials(args.profile))) from None
    say(f"account {table.account}, Region {table.region}: table {table.name}")
    done: dict[str, Any]
    if args.file is not None:
        source = Source(args.file, table, types, args.model_table, dialect, plain=args.plain)
        done = put_file(client, table, source, args.workers, dry_run=args.dry_run)
    elif args.dry_run:
        say("dry run: the table exists and accepts writes; nothing was written")
        done = {"changes": [], "dry_run": True}
    else:
        done = put_sample(client, table, say)
    return {"table": table.name, "account": table.account, "region": table.region, **done}


def put_file(client: Any, table: Table, source: Source, workers: int, *, dry_run: bool) -> dict[str, Any]:
    """Check a file, then put its items; return a report as a document."""
    count = check(source)
    items = "1 item" if count == 1 else f"{count:,} items"
    for note in source.notes:
        say(f"note: {note}")
    say(f"{source.name}: table {table.name} accepts {items}")
    if dry_run:
        say("dry run: nothing was written")
        return {"file": str(source.path), "items": count, "written": 0, "dry_run": True}
    writer, progress = Writer(client, table, workers), Progress(count)
    try:
        writer.put(good_items(source), progress)
    except BaseException as error:
        progress.close()
        state = (
            f"{writer.written:,} of {count:,} items were written. It is safe to put the file again: "
            "an item that was written is overwritten with itself"
        )
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(state) from None
        say(state)
        raise error
    progress.close()
    seconds = progress.seconds()
    retried = f", {writer.retried:,} sent again after throttling" if writer.retried else ""
    items = "1 item" if writer.written == 1 else f"{writer.written:,} items"
    say(f"wrote {items} in {seconds:.1f} s ({writer.written / seconds:,.0f}/s{retried})")
    return {
        "file": str(source.path),
        "items": count,
        "written": writer.written,
        "retried": writer.retried,
        "seconds": round(seconds, 3),
    }


def _answer(document: dict[str, Any]) -> bool:
    """Print the document; return False if it cannot be written."""
    try:
        print(json.dumps(document, indent=2), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it fails once more at exit
        say(
            f"error: the output could not be written: {error.strerror}\n"
            "next: Send the output to another place. The items that were put stay in the table."
        )
        return False
    return True


def run(arguments: Sequence[str], program: str = PROGRAM) -> int:
    """Run the command and return its exit code: 0 done, 1 failed, 2 wrong options, 130 interrupted.

    `program` is how the user started it, for the help.
    """
    pairs = zip(arguments, [*arguments[1:], ""])
    as_json = any(a == "--output=json" or (a == "--output" and b == "json") for a, b in pairs)
    try:
        if callable(signal.getsignal(signal.SIGINT)):  # not ignored; until here, it ends the process
            signal.signal(signal.SIGINT, signal.default_int_handler)
        document = main(arguments, program)
    except KeyboardInterrupt as interruption:
        say(f"interrupted: {str(interruption) or 'the command did not finish. Run it again.'}")
        return EXIT_INTERRUPTED
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        say(f"error: {known.message}\nnext: {known.next_step}")
        if as_json:
            _answer({"error": {"message": known.message, "next": known.next_step}})
        return known.exit_code
    return EXIT_FAILED if as_json and not _answer(document) else 0
