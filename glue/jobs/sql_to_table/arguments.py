"""The job's arguments: the statement, what it reads, the table, and how fast the job writes."""

import argparse
import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import JobError

FORMATS = ("csv", "json", "parquet")
CHANGES = "changes"  # the view of the raw table
_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:([a-z0-9-]+):[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_INPUT = re.compile(r"([a-z_][a-z0-9_]*)=([a-z]+):(s3://[a-z0-9.-]+/\S+)")
_LOCATION = re.compile(r"s3://([a-z0-9.-]+)/(.+)")


@dataclass(frozen=True)
class Input:
    """Objects that the statement reads as a table: its name, their format, and an object or a folder."""

    name: str
    format: str
    location: str


@dataclass(frozen=True)
class Days:
    """The days of the raw table, first and last included. The default is every day."""

    first: str = "0000-00-00"
    last: str = "9999-99-99"

    def __contains__(self, day: str) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Rate:
    """How fast all tasks write together: `amount` units or items per second."""

    amount: float
    counts_units: bool

    @property
    def text(self) -> str:
        """For the log."""
        return f"{self.amount:,g} {'write units' if self.counts_units else 'items'} per second"


@dataclass(frozen=True)
class Lake:
    """The lake that the statement may read."""

    region: str
    database: str
    changes_table: str
    settled_location: str


@dataclass(frozen=True)
class Arguments:
    """What one run does. `statement` or `statement_location` is set, and `rate` unless `dry_run`."""

    table: str
    statement: str
    statement_location: str
    inputs: tuple[Input, ...]
    days: Days | None
    numbers: frozenset[str]
    rate: Rate | None
    dry_run: bool
    lake: Lake

    @property
    def table_region(self) -> str:
        """The Region of the table: that of its ARN, or the lake's."""
        found = _ARN.fullmatch(self.table)
        return found.group(1) if found else self.lake.region


def options() -> argparse.ArgumentParser:
    """The options. Glue passes more, which are ignored."""
    parser = argparse.ArgumentParser(
        "run_sql", description="Write the result of one SQL statement into a table.", allow_abbrev=False
    )
    parser.add_argument("--table", required=True, help="the name or the ARN of the DynamoDB table")
    parser.add_argument("--statement", default="", help="the SQL statement")
    parser.add_argument("--statement-location", default="", help="or the object that contains it: s3://…")
    parser.add_argument(
        "--inputs", default="", help="objects as tables: NAME=csv|json|parquet:s3://…, separated by spaces"
    )
    parser.add_argument(
        "--changes-days",
        default="",
        help="the days of the raw table `changes`: 2026-11-20, 2026-11-01..2026-11-20, or all",
    )
    parser.add_argument(
        "--numbers", default="", help="columns of text whose values become numbers, separated by commas"
    )
    parser.add_argument("--write-units-per-second", default="", help="how fast the job writes, or:")
    parser.add_argument("--items-per-second", default="", help="how fast the job writes")
    parser.add_argument("--dry-run", default="false", choices=("true", "false"), help="check, write nothing")
    parser.add_argument("--lake-region", required=True, help="the Region of the lake")
    parser.add_argument("--database", required=True, help="the database of the lake")
    parser.add_argument("--changes-table", required=True, help="the raw table of the lake")
    parser.add_argument("--settled-location", required=True, help="the folder of the settled tables: s3://…")
    return parser


def read(arguments: Sequence[str]) -> Arguments:
    """The arguments of a run. Raises JobError if one cannot be read."""
    parsed, _ = options().parse_known_args(arguments)
    if not _ARN.fullmatch(parsed.table) and not _TABLE.fullmatch(parsed.table):
        raise JobError(f"--table is {parsed.table!r}", "Give the name or the ARN of a DynamoDB table")
    if bool(parsed.statement.strip()) == bool(parsed.statement_location):
        raise JobError(
            "--statement and --statement-location are both set, or neither is",
            "Give the statement itself, or the object that contains it",
        )
    if parsed.statement_location:
        bucket_and_key(parsed.statement_location, "--statement-location")
    dry_run = parsed.dry_run == "true"
    return Arguments(
        parsed.table,
        parsed.statement,
        parsed.statement_location,
        inputs_of(parsed.inputs),
        days_of(parsed.changes_days),
        frozenset(name.strip() for name in parsed.numbers.split(",") if name.strip()),
        rate_of(parsed.write_units_per_second, parsed.items_per_second, needed=not dry_run),
        dry_run,
        Lake(parsed.lake_region, parsed.database, parsed.changes_table, parsed.settled_location),
    )


def bucket_and_key(location: str, option: str) -> tuple[str, str]:
    """The two parts of `s3://bucket/key`. Raises JobError."""
    found = _LOCATION.fullmatch(location)
    if not found:
        raise JobError(f"{option} is {location!r}", "Give an address such as s3://bucket/statement.sql")
    return found.group(1), found.group(2)


def inputs_of(text: str) -> tuple[Input, ...]:
    """The inputs of `--inputs`. Raises JobError."""
    inputs: dict[str, Input] = {}
    for word in text.split():
        found = _INPUT.fullmatch(word)
        if not found or found.group(2) not in FORMATS:
            raise JobError(
                f"--inputs has {word!r}", "Write NAME=csv:s3://bucket/folder/, or json or parquet for csv"
            )
        if found.group(1) in inputs or found.group(1) == CHANGES:
            raise JobError(
                f"--inputs has the name {found.group(1)!r} twice, or it is that of the raw table",
                "Give each input a name of its own",
            )
        inputs[found.group(1)] = Input(*found.groups())
    return tuple(inputs.values())


def days_of(text: str) -> Days | None:
    """The days of `--changes-days`; None if it is empty: then the raw table cannot be read."""
    if not text:
        return None
    if text == "all":
        return Days()
    first, dots, last = text.partition("..")
    days = Days(first, last if dots else first)
    try:
        if dt.date.fromisoformat(days.first) > dt.date.fromisoformat(days.last):
            raise ValueError
    except ValueError:
        raise JobError(
            f"--changes-days is {text!r}", "Give all, a day as 2026-11-20, or two as 2026-11-01..2026-11-20"
        ) from None
    return days


def rate_of(units: str, items: str, *, needed: bool) -> Rate | None:
    """The rate of the two options, of which one is given. Raises JobError."""
    if not units and not items and not needed:
        return None
    if bool(units) == bool(items):
        raise JobError(
            "--write-units-per-second and --items-per-second are both set, or neither is",
            "Choose how fast the job may write. A write unit is 1 KB of an item",
        )
    try:
        amount = float(units or items)
    except ValueError:
        amount = math.nan
    if not 0 < amount < math.inf:
        raise JobError(f"the rate is {units or items!r}", "Give a number greater than 0")
    return Rate(amount, bool(units))
