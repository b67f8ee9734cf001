"""The command: its options, what it does, and how it ends."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

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
    """argparse whose mistakes say where the help is."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the options."""
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
    r"""--delimiter as its one character; `tab` and `\t` are a tab, which is hard to type."""
    if text in ("tab", "\\t"):
        return "\t"
    if text is not None and (len(text) != 1 or text in '"\r\n'):
        raise CommandError(
            f"--delimiter {shown(text)} is not one character",
            "Give the one between two cells: --delimiter ';', or --delimiter tab.",
            EXIT_USAGE,
        )
    return text


EPILOG = """\
--file reads, also packed with GZIP:
  JSON: an array, one object a line, or objects one after another; plain or DynamoDB JSON; exports (full and
        incremental), answers of get-item, scan, query and batch-get-item, inputs of put-item and
        batch-write-item, puts of transactions, NoSQL Workbench models
  CSV:  (.csv, .tsv, or with --delimiter) the first line names the columns, as name or name:TYPE;
        an empty cell is no attribute, or NULL in a column of TYPE+NULL; a cell of type JSON is what its JSON
        says"""


def options(program: str = PROGRAM) -> Parser:
    """The command's options; `program` is how the user started it."""
    made = Parser(
        prog=program,
        description="Put items into a DynamoDB table. Without --file: insert, update, delete a sample.",
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("table", metavar="TABLE", help="the table's name")
    made.add_argument("--file", type=Path, metavar="FILE", help="put this file's items instead of the sample")
    made.add_argument(
        "--model-table", metavar="NAME", help="of a file that holds several tables, the one to put"
    )
    made.add_argument(
        "--types", type=str, default="", metavar="NAME=TYPE,…", help="types of CSV columns; others are S"
    )
    made.add_argument(
        "--delimiter",
        metavar="C",
        help="what separates CSV cells; `tab` is a tab (default: as the header shows)",
    )
    made.add_argument(
        "--quoting",
        action=argparse.BooleanOptionalAction,
        help='whether " quotes a CSV cell or is text (default: it quotes; a row of two readings is refused)',
    )
    made.add_argument(
        "--plain", action="store_true", help='in JSON, {"S": "x"} is a map with an attribute S, never a type'
    )
    made.add_argument(
        "--workers", type=int, default=4, metavar="N", help="batches at once, 1 to 32 (default: 4)"
    )
    made.add_argument("--dry-run", action="store_true", help="check table and file, write nothing")
    common = made.add_argument_group("every verb")
    common.add_argument("--profile", help="the profile of ~/.aws/config to use (default: the environment's)")
    common.add_argument("--region", help="the Region to work in (default: the profile's)")
    common.add_argument("--endpoint-url", metavar="URL", help="send every call here instead of to AWS")
    common.add_argument(
        "--output", choices=("text", "json"), default="text", help="json: one document on stdout"
    )
    return made


def main(arguments: Sequence[str], program: str = PROGRAM) -> dict[str, Any]:
    """Put what the options name; what was done, as a document."""
    given = options(program).parse_args(arguments)
    types, dialect = _types(given.types), Dialect(_delimiter(given.delimiter), given.quoting)
    if not 1 <= given.workers <= 32:
        raise CommandError(
            f"--workers {given.workers} is not 1 to 32", "Name a number of that range.", EXIT_USAGE
        )
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}|arn:.{1,1020}", given.table):
        raise CommandError(
            f"{shown(given.table)} is no table name",
            "A name has 3 to 255 letters, digits, `_`, `-` and `.`.",
            EXIT_USAGE,
        )
    if given.file is not None:
        with given.file.open("rb"):
            pass  # an unreadable file is said before AWS is asked anything
    import boto3  # noqa: PLC0415  after the cheap checks
    from botocore.config import Config  # noqa: PLC0415

    session = boto3.Session(profile_name=given.profile, region_name=given.region)
    if not session.region_name:
        raise CommandError("no Region is set", "Name one with --region, or in the profile.")
    config = Config(
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=given.workers,
        user_agent_extra="ddb-lake",
    )
    client = session.client("dynamodb", endpoint_url=given.endpoint_url, config=config)
    table = describe(client, given.table, session.region_name)
    say(f"account {table.account}, Region {table.region}: table {table.name}")
    done: dict[str, Any]
    if given.file is not None:
        source = Source(given.file, table, types, given.model_table, dialect, plain=given.plain)
        done = put_file(client, table, source, given.workers, dry_run=given.dry_run)
    elif given.dry_run:
        done = {"changes": [], "dry_run": True}
    else:
        done = put_sample(client, table, say)
    return {"table": table.name, "account": table.account, "region": table.region, **done}


def put_file(client: Any, table: Table, source: Source, workers: int, *, dry_run: bool) -> dict[str, Any]:
    """Check a file, then put its items; what was done, as a document."""
    count = check(source)
    items = "1 item" if count == 1 else f"{count:,} items, each"
    for note in source.notes:
        say(f"note: {note}")
    say(f"{source.name}: {items} as table {table.name} takes it")
    if dry_run:
        return {"file": str(source.path), "items": count, "written": 0, "dry_run": True}
    writer, progress = Writer(client, table, workers), Progress(count)
    try:
        writer.put(good_items(source), progress)
    except BaseException as error:
        progress.close()
        state = (
            f"{writer.written:,} of {count:,} items were written; putting the file again is harmless: "
            "an item that is there already is overwritten with itself"
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
    """Print the one document; False when nobody takes it."""
    try:
        print(json.dumps(document, indent=2), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it fails once more at exit
        say(
            f"error: the answer could not be written: {error.strerror}\n"
            "next: Send it elsewhere; what was put stays put."
        )
        return False
    return True


def run(arguments: Sequence[str], program: str = PROGRAM) -> int:
    """Run the command; its exit code: 0 done, 1 failed, 2 asked wrongly, 130 interrupted.

    `program` is how the user started it, for the help.
    """
    pairs = zip(arguments, [*arguments[1:], ""])
    as_json = any(a == "--output=json" or (a == "--output" and b == "json") for a, b in pairs)
    try:
        document = main(arguments, program)
    except KeyboardInterrupt as interruption:
        say(f"interrupted: {interruption or 'the command did not finish. Run it again.'}")
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
