"""Create or refresh the views of one table: its items now, their history, and where changes are missing.

The SQL is athena/views/*.sql; the columns are those of the Glue table `changes` today, so run it again after
the schema grew. Types come from a small file, `athena/views/types/NAME.yaml`: one `column: type` a line.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import yaml

from glue.tables import METADATA_COLUMNS
from scripts.core.console import CommandError, Output, client, nearest, parser, run, session
from scripts.core.template import ROOT
from scripts.query import check_workgroup, execute, quoted

if TYPE_CHECKING:
    import boto3

VIEWS = ROOT / "athena" / "views"
TYPES = ROOT / "athena" / "views" / "types"
ROWS = "change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"
NAME_CHARACTERS = 255  # AWS Glue API, NameString
# Columns that history_… has of its own; an attribute of such a name gets an ending.
OWN = frozenset(("change_number", "valid_from", "valid_to"))
# Metadata columns that a view leaves out: its one table needs no name, and what is now has no state before.
LEFT_OUT = {
    "current": frozenset(("change_table", "change_before")),
    "history": frozenset(("change_table",)),
}

# An ISO 8601 date, or date and time. from_iso8601_timestamp must not see other text: `20261120` is a year to
# it, and a year or an offset out of its range fails the query, through try() as well (seen with Trino).
_ISO = (
    "'^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(T[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.,][0-9]{{1,9}})?)?"
    "(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)?)?$'"
)
# Type a file may name → how the text of a column becomes it; null where it does not fit. A view's columns
# must be types that Glue knows, which a timestamp with time zone is not.
CASTS = {
    "boolean": "try_cast({} AS boolean)",
    "bigint": "try_cast({} AS bigint)",
    "double": "try_cast({} AS double)",
    "date": "try_cast(substr({}, 1, 10) AS date)",
    "timestamp": f"IF(regexp_like({{0}}, {_ISO}),"
    " try(CAST(at_timezone(from_iso8601_timestamp({0}), 'UTC') AS timestamp(3))))",
    "varchar": "{}",
}
_DECIMAL = re.compile(r"decimal\((\d{1,2}), ?(\d{1,2})\)")
# Types to propose, the narrowest first, and what every value of a column must be for it. A number that leads
# with a zero or a plus is text, a postal code for one: as a number it would be another text.
PROPOSED = {
    "boolean": "{0} IN ('true', 'false')",
    "bigint": "regexp_like({0}, '^(0|-?[1-9][0-9]*)$') AND try_cast({0} AS bigint) IS NOT NULL",
    # not by a cast, which would round
    "decimal(38, 10)": "regexp_like({0}, '^-?(0|[1-9][0-9]{{0,27}})([.][0-9]{{1,10}})?$')",
    "timestamp": f"substr({{0}}, 11, 1) = 'T' AND {CASTS['timestamp']} IS NOT NULL",
}
# Athena takes statements of 262,144 bytes (Athena user guide, "Service Quotas"): so many columns fit whatever
# they are called, of the length that names have at most.
COUNTED_AT_ONCE = 80

EPILOG = """\
examples:
  python -m scripts.views orders-prod --name orders --dry-run
  python -m scripts.views orders-prod --name orders --propose-types > athena/views/types/orders.yaml
  python -m scripts.views orders-prod --name orders
  python -m scripts.query --profile consumer "SELECT * FROM current_orders LIMIT 10\""""


@dataclass(frozen=True)
class View:
    """A view to be: its name, its SELECT, its whole statement."""

    name: str
    select: str
    statement: str


def options() -> argparse.ArgumentParser:
    """The options of `views`."""
    made = parser("views", "Create or refresh the views of one table.", epilog=EPILOG)
    made.add_argument("table", metavar="TABLE", help="the DynamoDB table, as change_table names it")
    made.add_argument("--name", help="ending of the views' names (default: the table's, in lower case)")
    made.add_argument(
        "--types", type=Path, metavar="FILE", help="default: athena/views/types/NAME.yaml, if it is there"
    )
    made.add_argument(
        "--propose-types", action="store_true", help="print a type file after the data, make no view"
    )
    made.add_argument("--dry-run", action="store_true", help="print the SQL, change nothing")
    made.add_argument("--workgroup", metavar="NAME", default="ddb-lake", help="default: ddb-lake")
    made.add_argument("--database", metavar="NAME", default="ddb_lake", help="default: ddb_lake")
    return made


def main(arguments: Sequence[str], out: Output) -> int:
    """Make the views, show their SQL, or propose types."""
    given = options().parse_args(arguments)
    given.parameters = []
    name = view_name(given.name or given.table)
    if len(f"history_{name}") > NAME_CHARACTERS:
        raise CommandError(
            f"a view history_{name} would have a longer name than Glue takes, {NAME_CHARACTERS} characters",
            "Give a shorter ending with --name.",
        )
    here = session(given.profile, given.region)
    athena = client(here, "athena", given.endpoint_url)
    check_workgroup(athena, given.workgroup)
    columns = item_columns(here, given.database, given.endpoint_url)
    _check_source(here, given, athena)
    if not columns:
        raise CommandError(
            f"{given.database}.changes has no column of an attribute yet",
            "Start the crawler (the consumer stack's output CrawlNowCommand), or name them in ItemColumns.",
        )
    path = given.types or TYPES / f"{name}.yaml"
    if given.propose_types:
        proposed = propose(here, given, athena, columns)
        out.answer(
            {"types": proposed}, "".join(f"{column}: {kind}\n" for column, kind in proposed.items()).rstrip()
        )
        out.say(
            f"next: look it through, keep it as {_shown(path)}, and run this again without --propose-types"
            if proposed
            else "no column proposes a type but text: the views need no type file"
        )
        return 0
    types = read_types(path, columns) if given.types or path.exists() else {}
    views = definitions(name, given.table, columns, types)
    if given.dry_run:
        out.answer(
            {"database": given.database, "statements": {view.name: view.statement for view in views}},
            "\n".join(f"{view.statement};\n" for view in views),
        )
        return 0
    for view in views:  # all of them can be read before the first is made
        execute(here, given, athena, f"SELECT * FROM ({view.select}) LIMIT 0", given.database)  # noqa: S608
    for view in views:
        execute(here, given, athena, view.statement, given.database)
        out.say(f"made {given.database}.{view.name}")
    out.answer(
        {
            "database": given.database,
            "views": [view.name for view in views],
            "columns": columns,
            "types": types,
        },
        "\n".join(view.name for view in views),
    )
    return 0


def view_name(table: str) -> str:
    """The ending of the views' names: lower case, `_` for every character Athena reads only in quotes."""
    return re.sub(r"[^a-z0-9_]", "_", table.lower())


def item_columns(here: boto3.Session, database: str, endpoint: str | None) -> list[str]:
    """The columns of `changes` that are attributes of items, in the table's order."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    glue = client(here, "glue", endpoint)
    try:
        table = glue.get_table(DatabaseName=database, Name="changes")["Table"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
            raise
        raise CommandError(
            f"there is no table {database}.changes in this account and Region",
            "Correct --database (the consumer stack's output DatabaseName), --profile or --region.",
        ) from None
    return [
        column["Name"]
        for column in table["StorageDescriptor"]["Columns"]
        if column["Name"] not in METADATA_COLUMNS
    ]


def read_types(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """The types of a file, `column: type` a line.

    :raises CommandError: no such file, not one of types, an unknown column or an unknown type
    """
    if not path.is_file():
        raise CommandError(
            f"there is no type file {path}",
            "Correct --types, or have one written: --propose-types prints what the data allows.",
        )
    try:
        # A name is text, also where YAML would make a truth value of it (`no`) or a number (`2024`).
        types = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) or {}  # noqa: S506  makes text only
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())  # YAML's own reason spans lines
        raise CommandError(f"{path} is not YAML: {why}", "Write one `column: type` a line.") from None
    if not isinstance(types, dict):
        raise CommandError(f"{path} is no list of columns", "Write one `column: type` a line.")
    for column, kind in types.items():
        if column not in columns:
            raise CommandError(
                f"{path}: changes has no column {column}",
                f"Correct it, crawl first, or take it out: {nearest(str(column), columns)}.",
            )
        cast(str(kind), "x", f"{path}: {column}")
    return {column: str(kind) for column, kind in types.items()}


def cast(kind: str, text: str, where: str = "") -> str:
    """The SQL that reads `text`, an expression of type varchar, as a type.

    :raises CommandError: no type a view can have
    """
    if kind in CASTS:
        return CASTS[kind].format(text)
    decimal = _DECIMAL.fullmatch(kind)
    if decimal and int(decimal[2]) <= int(decimal[1]) <= 38:
        return f"try_cast({text} AS decimal({decimal[1]}, {decimal[2]}))"
    raise CommandError(f"{where} is no type for a view: {kind}", f"Use {', '.join(CASTS)} or decimal(38, 2).")


def definitions(name: str, source: str, columns: Sequence[str], types: Mapping[str, str]) -> list[View]:
    """The views of one table, by athena/views/*.sql."""
    made = []
    for path in sorted(VIEWS.glob("*.sql")):
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("--"))
        shown = "".join(f",\n  {_column(column, types.get(column, 'varchar'))}" for column in columns)
        filling = {
            "name": name,
            "source": source.replace("'", "''"),
            "metadata": ",\n  ".join(_further_metadata(text, LEFT_OUT.get(path.stem, frozenset()))),
            "columns": shown,
        }
        statement = Template(text).substitute(filling).strip()
        head, _, select = statement.partition(" AS\n")
        made.append(View(head.split()[-1], select, statement))
    return made


def _further_metadata(text: str, left_out: frozenset[str]) -> list[str]:
    """The metadata columns that a view shows beside those its last SELECT names, as they are declared."""
    named = set(re.findall(r"\w+", text.rpartition("\nSELECT")[2]))
    return [name for name in METADATA_COLUMNS if name not in named | left_out]


def _column(column: str, kind: str) -> str:
    shown = f"{column}_of_item" if column in OWN else column
    return f"{cast(kind, _quoted_name(column))} AS {_quoted_name(shown)}"


def _quoted_name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _shown(path: Path) -> str:
    """The path as one would type it here."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _check_source(here: boto3.Session, given: argparse.Namespace, athena: Any) -> None:
    """Refuse a table of which the lake has no change."""
    sql = f"SELECT DISTINCT change_table FROM changes WHERE {ROWS}"  # noqa: S608  no outside text in it
    tables = [row[0] or "" for row in execute(here, given, athena, sql, given.database).rows]
    if not tables:
        raise CommandError(
            "the lake is empty: no change has been delivered yet",
            "Write an item, wait for one buffer interval, then run the command again.",
        )
    if given.table not in tables:
        raise CommandError(
            f"the lake has no change of a table {given.table}",
            f"Name one of: {nearest(given.table, tables)}.",
        )


def propose(
    here: boto3.Session, given: argparse.Namespace, athena: Any, columns: Sequence[str]
) -> dict[str, str]:
    """The narrowest type that keeps every value of a column; what is text, or all null, is left out."""
    proposed = {}
    for start in range(0, len(columns), COUNTED_AT_ONCE):
        part = columns[start : start + COUNTED_AT_ONCE]
        [row] = execute(here, given, athena, _count_of_fitting(given.table, part), given.database).rows
        figures = [int(cell or 0) for cell in row]
        width = 1 + len(PROPOSED)
        for number, column in enumerate(part):
            values, *fitting = figures[number * width : (number + 1) * width]
            for kind, fits in zip(PROPOSED, fitting, strict=True):
                if values and fits == values:
                    proposed[column] = kind
                    break
    return proposed


def _count_of_fitting(table: str, columns: Sequence[str]) -> str:
    """The query that counts, for each column, its values and then those that each proposed type keeps."""
    counted = []
    for column in columns:
        text = _quoted_name(column)
        counted.append(f"count({text})")
        counted += [f"count_if({condition.format(text)})" for condition in PROPOSED.values()]
    return (
        f"SELECT {', '.join(counted)} FROM changes"  # noqa: S608  names are quoted, the table's is a literal
        f" WHERE {ROWS} AND change_table = {quoted(table)}"
    )


if __name__ == "__main__":
    sys.exit(run(main))
