"""Ask the lake through Athena: a named query, a file's SQL or SQL text; a table, CSV or JSON comes out."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core.console import EXIT_USAGE, CommandError, Output, client, nearest, parser, run, session

if TYPE_CHECKING:
    import boto3

EPILOG = """\
examples:
  python -m scripts.query --profile consumer "SELECT count(*) FROM changes WHERE dt >= '2026-11-01'"
  python -m scripts.query --profile consumer --named changes-by-day-and-type --output csv
  python -m scripts.query --profile consumer "SELECT * FROM changes WHERE change_type = ? LIMIT ?" \\
      --parameter REMOVE --literal 10

Only the answer goes to stdout; bytes scanned and time go to stderr."""

POLL_SECONDS = 0.25
SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_CHARACTERS = (
    100,
    10,
    60,
)  # of a table for people; CSV and JSON have everything
READABLE_CHARACTERS = 12  # a column that is folded to fewer is not
NUMERIC = frozenset(("tinyint", "smallint", "integer", "bigint", "decimal", "double", "float", "real"))
# A SELECT from the table or from a view of it; SHOW COLUMNS FROM changes is none.
ASKS_FOR_CHANGES = re.compile(
    r"\A(?!\s*show\b).*\b(?:from|join)\s+(?:\w+\.)?(?:changes|(?:current|history|gaps)_\w+)\b", re.I | re.S
)
PARAMETER_CHARACTERS = 1024  # API_StartQueryExecution, ExecutionParameters


@dataclass(frozen=True)
class Result:
    """A query's answer: every cell is Athena's own text, None where it is null."""

    query_id: str
    columns: list[tuple[str, str]]  # name, Athena type
    rows: list[list[str | None]]
    bytes_scanned: int
    seconds: float


def options() -> argparse.ArgumentParser:
    """The options of `query`."""
    made = parser("query", "Query the lake through Athena.", epilog=EPILOG, outputs=("text", "csv", "json"))
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("sql", metavar="SQL", nargs="?", help="one SQL statement")
    what.add_argument("--named", metavar="NAME", help="a named query of the workgroup")
    what.add_argument("--file", metavar="FILE", type=Path, help="a file that holds one SQL statement")
    made.add_argument("--workgroup", metavar="NAME", default="ddb-lake", help="default: ddb-lake")
    made.add_argument("--database", metavar="NAME", help="default: the named query's own, else ddb_lake")
    made.add_argument(
        "--parameter",
        metavar="TEXT",
        dest="parameters",
        action="append",
        type=quoted,
        default=[],
        help="the text for the next `?` (the columns of `changes` are text)",
    )
    made.add_argument(
        "--literal",
        metavar="SQL",
        dest="parameters",
        action="append",
        help="the SQL literal for the next `?`: 10, DATE '2026-11-01'",
    )
    return made


def quoted(text: str) -> str:
    """A text as Athena takes it among execution parameters, which are SQL literals."""
    return "'" + text.replace("'", "''") + "'"


def main(arguments: Sequence[str], out: Output) -> int:
    """Run one query and give its answer."""
    given = options().parse_args(arguments)
    try:
        sql = given.file.read_text(encoding="utf-8") if given.file else given.sql
    except UnicodeDecodeError:
        raise CommandError(
            f"{given.file} is not UTF-8 text",
            "Name a file of SQL with --file, or convert it (`iconv -t UTF-8`).",
        ) from None
    if sql is not None and not sql.strip():
        raise CommandError(
            "there is no SQL to run", "Give a statement, --file or --named.", exit_code=EXIT_USAGE
        )
    for value in given.parameters:
        if not 1 <= len(value) <= PARAMETER_CHARACTERS:
            raise CommandError(
                f"a parameter has {len(value):,} characters; Athena takes 1 to {PARAMETER_CHARACTERS:,}",
                "Write the value into the SQL instead.",
                exit_code=EXIT_USAGE,
            )
    here = session(given.profile, given.region)
    athena = client(here, "athena", given.endpoint_url)
    check_workgroup(athena, given.workgroup)
    database = given.database
    if given.named:
        named = find_named(athena, given.workgroup, given.named)
        sql, database = named["QueryString"], database or named["Database"]
    result = execute(here, given, athena, sql, database or "ddb_lake")
    shown = {"text": _as_table, "csv": _as_csv, "json": _as_json}[out.form]
    shown(result, out)
    out.say(
        f"{_count(len(result.rows), 'row')}, {result.bytes_scanned:,} bytes scanned, {result.seconds:.1f} s "
        f"(query {result.query_id})"
    )
    if not result.bytes_scanned and ASKS_FOR_CHANGES.search(sql):
        out.say(
            "nothing was read: no change is delivered yet, or no day of the lake fits the condition on `dt`"
        )
    return 0


def check_workgroup(athena: Any, name: str) -> None:
    """Refuse a workgroup that is not there or keeps no results: awswrangler would make a bucket for them."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        found = athena.get_work_group(WorkGroup=name)["WorkGroup"]
    except ClientError as error:
        if "not found" not in error.response.get("Error", {}).get("Message", ""):
            raise
        names = [group["Name"] for group in athena.list_work_groups()["WorkGroups"]]
        raise CommandError(
            f"there is no workgroup {name} in Region {athena.meta.region_name} of this account",
            f"Name one with --workgroup (the consumer stack's output WorkgroupName): {nearest(name, names)}.",
        ) from None
    configuration = found.get("Configuration", {})
    managed = configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled")
    if not managed and not configuration.get("ResultConfiguration", {}).get("OutputLocation"):
        raise CommandError(
            f"workgroup {name} has no place for results",
            "Name the lake's workgroup with --workgroup (the consumer stack's output WorkgroupName).",
        )


def find_named(athena: Any, workgroup: str, name: str) -> Mapping[str, str]:
    """A named query of the workgroup."""
    ids: list[str] = []
    for page in athena.get_paginator("list_named_queries").paginate(WorkGroup=workgroup):
        ids += page["NamedQueryIds"]
    names = set()
    for start in range(0, len(ids), 50):  # API_BatchGetNamedQuery: 50 at once
        for query in athena.batch_get_named_query(NamedQueryIds=ids[start : start + 50])["NamedQueries"]:
            if query["Name"] == name:
                found: Mapping[str, str] = query
                return found
            names.add(query["Name"])
    raise CommandError(
        f"workgroup {workgroup} has no named query {name}",
        f"Name one with --named: {nearest(name, names)}." if names else "It has none: give SQL or --file.",
    )


def execute(here: boto3.Session, given: argparse.Namespace, athena: Any, sql: str, database: str) -> Result:
    """Run a statement in the workgroup, which alone says where results go, and fetch its answer.

    Raises CommandError with Athena's reason. awswrangler starts the query and waits for it; the rows are
    read as Athena's text, since a data frame makes one of an empty text, the text `NaN` and null.
    """
    import awswrangler as wr  # noqa: PLC0415  a second of imports that no other verb needs
    from botocore.exceptions import ClientError  # noqa: PLC0415

    if given.endpoint_url:
        wr.config.athena_endpoint_url = given.endpoint_url
        wr.config.s3_endpoint_url = given.endpoint_url
    try:
        query_id = str(
            wr.athena.start_query_execution(
                sql,
                database=database,
                workgroup=given.workgroup,
                params=given.parameters or None,
                paramstyle="qmark",
                boto3_session=here,
            )
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "InvalidRequestException":
            raise
        reason = error.response["Error"].get("Message", "Athena gave no reason")
        raise CommandError(
            f"the query was refused: {reason}", next_step(reason, database, here, given.endpoint_url)
        ) from None
    try:
        done = wr.athena.wait_query(
            query_id, boto3_session=here, athena_query_wait_polling_delay=POLL_SECONDS
        )
    except KeyboardInterrupt:
        athena.stop_query_execution(QueryExecutionId=query_id)
        raise
    except wr.exceptions.QueryFailed as error:
        reason = str(error) or "Athena gave no reason"
        raise CommandError(
            f"the query failed: {reason}",
            next_step(reason, database, here, given.endpoint_url),
            query=query_id,
        ) from None
    except wr.exceptions.QueryCancelled as error:
        raise CommandError(
            f"the query was cancelled: {error}",
            "If it met the workgroup's scan limit, narrow it by `dt` or raise the consumer stack's limit.",
            query=query_id,
        ) from None
    columns, rows = fetch(athena, query_id, has_header=done.get("StatementType") == "DML")
    statistics = done.get("Statistics", {})
    return Result(
        query_id,
        columns,
        rows,
        int(statistics.get("DataScannedInBytes", 0)),
        statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
    )


def fetch(
    athena: Any, query_id: str, *, has_header: bool
) -> tuple[list[tuple[str, str]], list[list[str | None]]]:
    """The columns and rows of a finished query. A SELECT's first row repeats the column names."""
    columns: list[tuple[str, str]] = []
    rows: list[list[str | None]] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
        result = page["ResultSet"]
        columns = columns or [
            (info["Name"], info["Type"]) for info in result.get("ResultSetMetadata", {}).get("ColumnInfo", [])
        ]
        for row in result.get("Rows", []):
            cells = [cell.get("VarCharValue") for cell in row.get("Data", [])]
            rows.append(cells + [None] * (len(columns) - len(cells)))
    if has_header and rows and rows[0] == [name for name, _ in columns]:
        del rows[0]
    return columns, rows


def next_step(  # noqa: PLR0911  one answer a kind of reason
    reason: str, database: str, here: boto3.Session, endpoint: str | None
) -> str:
    """What to do about a failed query, by what Athena says of it."""
    if "TABLE_NOT_FOUND" in reason or re.search(r"[Tt]able .* (does not exist|not found)", reason):
        if view := re.search(r"\b(current|history|gaps)_(\w+)", reason):
            return f"Make the view first: `python -m scripts.views TABLE --name {view[2]}` makes all three."
        tables = _tables(database, here, endpoint)
        known = (
            f"{database} has: {', '.join(tables)}" if tables else f"database {database} is empty or not there"
        )
        return f"Correct the table's name or --database; {known}."
    if "SCHEMA_NOT_FOUND" in reason or re.search(
        r"([Dd]atabase|[Ss]chema) .* (does not exist|not found)", reason
    ):
        return "Correct --database (the consumer stack's output DatabaseName)."
    if "COLUMN_NOT_FOUND" in reason or "cannot be resolved" in reason:
        return "See the columns with `SHOW COLUMNS IN changes`; a new attribute has one after the next crawl."
    if "Incorrect number of parameters" in reason or "INVALID_PARAMETER_USAGE" in reason:
        return "Give one --parameter (text) or --literal (other SQL) for every `?`, in order."
    if "TYPE_MISMATCH" in reason:
        return "The columns of `changes` are text: cast them, try_cast(price AS decimal(38, 10)) for one."
    if "SYNTAX_ERROR" in reason or "mismatched input" in reason:
        return "Correct the SQL at the place it names (Athena engine 3 speaks Trino's SQL)."
    if "ccess" in reason and "enied" in reason:
        return "Use a profile that may read the lake's bucket, its key and the Glue table."
    return "Correct what it names and run the query again."


def _tables(database: str, here: boto3.Session, endpoint: str | None) -> list[str]:
    """The names of a database's tables, as far as they may be seen."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        found = client(here, "glue", endpoint).get_tables(DatabaseName=database)["TableList"]
    except ClientError:
        return []
    return sorted(table["Name"] for table in found)


def value(text: str | None, kind: str) -> Any:
    """A cell as JSON: numbers that JSON readers keep are numbers; all else is Athena's text."""
    if text is not None and kind == "boolean":
        return text.lower() == "true"
    if text is None or kind not in NUMERIC:
        return text
    number = Decimal(text)
    # I-JSON (RFC 7493, 2.2): an integer beyond 2**53, or 16 digits, does not survive every reader.
    if number.is_finite() and number == number.to_integral_value() and abs(number) <= 2**53:
        return int(number)
    short = number.is_finite() and len(number.as_tuple().digits) <= 15
    return float(text) if short or (number.is_finite() and kind not in ("decimal", "bigint")) else text


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """Column names, of which a query may have several alike, as keys of one object."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"


def _as_json(result: Result, out: Output) -> None:
    names = list(_distinct([name for name, _ in result.columns]))
    kinds = [kind for _, kind in result.columns]
    out.answer(
        {
            "query": result.query_id,
            "columns": [{"name": n, "type": k} for n, k in zip(names, kinds, strict=True)],
            "rows": [
                {n: value(cell, k) for n, k, cell in zip(names, kinds, row, strict=True)}
                for row in result.rows
            ],
            "bytes_scanned": result.bytes_scanned,
            "seconds": result.seconds,
        }
    )


def _as_csv(result: Result, _: Output) -> None:
    """Athena's own CSV: every value quoted, so that nothing between two commas is null and "" is empty."""
    header: list[str | None] = [name for name, _ in result.columns]
    for row in [header, *result.rows]:
        cells = ("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row)
        sys.stdout.write(",".join(cells) + "\n")


def _as_table(result: Result, out: Output) -> None:
    """A table on stdout; columns that do not fit stand one below another; further rows are counted."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = out.answer_console()
    shown = result.rows[:SHOWN_ROWS]
    table = Table(box=box.SIMPLE_HEAD)
    for name, kind in result.columns:
        table.add_column(_cell(name), justify="right" if kind in NUMERIC else "left", overflow="fold")
    for row in shown:
        table.add_row(*(_cell(cell) for cell in row))
    narrow = console.width < READABLE_CHARACTERS * len(result.columns)
    if len(result.columns) > SHOWN_COLUMNS or (narrow and _width(table, console) > console.width):
        shown = shown[: SHOWN_ROWS // 10]
        for number, row in enumerate(shown, 1):
            block = Table(
                title=f"row {number}", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
            )
            block.add_column()
            block.add_column(overflow="fold")
            for (name, _), cell in zip(result.columns, row, strict=True):
                block.add_row(_cell(name), _cell(cell))
            console.print(block)
    else:
        console.print(table)
    if len(shown) < len(result.rows):
        out.say(f"… and {_count(len(result.rows) - len(shown), 'row')} more: --output csv has them all")


def _width(table: Any, console: Any) -> int:
    """How wide a table would be if nothing had to be folded."""
    from rich.measure import Measurement  # noqa: PLC0415

    return int(Measurement.get(console, console.options.update(max_width=1_000_000), table).maximum)


def _cell(text: str | None) -> Any:
    """A cell for people: short, on one line, and never a terminal's control character."""
    from rich.text import Text  # noqa: PLC0415

    if text is None:
        return Text("null", style="dim")
    short = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(run(main))
