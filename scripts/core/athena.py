"""An Athena workgroup: its named queries, one statement and its result, the next step after a failure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scripts.core.connection import Connection
from scripts.core.console import CommandError, nearest
from scripts.core.crawler import crawl_step
from scripts.core.result_rows import result_rows

POLL_SECONDS = 0.25
MAX_STATEMENT_BYTES = 262_144  # Athena User Guide, "Service Quotas", query string length, in UTF-8
# The tables that a lake's stack declares (templates/consumer.yaml). A database with one of them is a lake.
LAKE_TABLES = frozenset(("changes", "change_lines", "errors"))
RECOVERY = "docs/operations/recover-a-dropped-table.md"


@dataclass(frozen=True)
class Result:
    """A query's result. Each cell is Athena's own text, or None for null."""

    query_id: str
    columns: list[tuple[str, str]]  # name, Athena type
    rows: list[list[str | None]]
    bytes_scanned: int
    seconds: float


@dataclass(frozen=True)
class Finished:
    """A query that succeeded; its rows are still in Athena and in the object at `location`."""

    query_id: str
    is_select: bool
    location: str  # s3://…; empty if Athena manages the results
    bytes_scanned: int
    seconds: float


def quoted(text: str) -> str:
    """A text as a SQL literal, which is what Athena accepts as an execution parameter."""
    return "'" + text.replace("'", "''") + "'"


class Workgroup:
    """An Athena workgroup, through one connection."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection, self.name = connection, name

    @cached_property
    def athena(self) -> Any:
        """Athena's client."""
        return self.connection.client("athena")

    def check(self) -> None:
        """Refuse a workgroup that does not exist or has no result location.

        awswrangler would create a bucket for the results.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            found = self.athena.get_work_group(WorkGroup=self.name)["WorkGroup"]
        except ClientError as error:
            if "not found" not in error.response.get("Error", {}).get("Message", ""):
                raise
            names = [group["Name"] for group in self.athena.list_work_groups()["WorkGroups"]]
            raise CommandError(
                f"there is no workgroup {self.name} in Region {self.athena.meta.region_name} of this account",
                "Launch the consumer stack, or give its output WorkgroupName with --workgroup. "
                f"The account has: {nearest(self.name, names)}.",
            ) from None
        configuration = found.get("Configuration", {})
        managed = configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled")
        if not managed and not configuration.get("ResultConfiguration", {}).get("OutputLocation"):
            raise CommandError(
                f"workgroup {self.name} has no location for query results",
                "Give the consumer stack's output WorkgroupName with --workgroup.",
            )

    def named(self, name: str) -> Mapping[str, str]:
        """A named query of the workgroup, by its name or its id.

        In Athena, several named queries may have one name. Raises CommandError unless exactly one matches.
        """
        ids: list[str] = []
        for page in self.athena.get_paginator("list_named_queries").paginate(WorkGroup=self.name):
            ids += page["NamedQueryIds"]
        names = set()
        found: list[Mapping[str, str]] = []
        for start in range(0, len(ids), 50):  # API_BatchGetNamedQuery: 50 at once
            batch = self.athena.batch_get_named_query(NamedQueryIds=ids[start : start + 50])
            for query in batch["NamedQueries"]:
                if name in (query["Name"], query["NamedQueryId"]):
                    found.append(query)
                names.add(query["Name"])
        if len(found) == 1:
            return found[0]
        if found:
            ids_and_databases = ", ".join(
                f"{query['NamedQueryId']} (database {query['Database']})" for query in found
            )
            raise CommandError(
                f"workgroup {self.name} has {len(found)} named queries {name}: {ids_and_databases}",
                "Give the query's id instead of its name: --named ID. `aws athena get-named-query "
                f"--named-query-id ID{self.connection.location}` shows its SQL.",
            )
        raise CommandError(
            f"workgroup {self.name} has no named query {name}",
            f"Correct --named: {nearest(name, names)}."
            if names
            else "The workgroup has no named queries: give SQL or --file.",
        )

    def execute(self, sql: str, database: str, parameters: Sequence[str] = ()) -> Result:
        """Run one statement in the workgroup and fetch its result.

        The rows are read as Athena's text, because a data frame does not distinguish an empty text, the text
        `NaN` and null. `parameters` are SQL literals for the statement's `?`. Raises CommandError with
        Athena's reason.
        """
        done = self.finish(sql, database, parameters)
        columns, rows = fetch(self.athena, done.query_id, has_header=done.is_select)
        return Result(done.query_id, columns, rows, done.bytes_scanned, done.seconds)

    def stream(self, sql: str, database: str) -> Iterator[list[str]]:
        """Run one SELECT, and read its rows one by one: a result may be larger than the memory.

        Null and the empty text are both "". Raises CommandError with Athena's reason.
        """
        yield from self.rows(self.finish(sql, database))

    def finish(self, sql: str, database: str, parameters: Sequence[str] = ()) -> Finished:
        """Run one statement, and leave its result where it is. Raises CommandError with Athena's reason."""
        finished = self._finished(sql, database, parameters)
        statistics = finished.get("Statistics", {})
        return Finished(
            str(finished["QueryExecutionId"]),
            finished.get("StatementType") == "DML",
            finished.get("ResultConfiguration", {}).get("OutputLocation", ""),
            int(statistics.get("DataScannedInBytes", 0)),
            statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        )

    def rows(self, result: Finished) -> Iterator[list[str]]:
        """The rows of a SELECT one by one, any number of times. Null and the empty text are both ""."""
        if result.location:
            yield from result_rows(self.connection.client("s3"), result.location)
            return
        # a workgroup with managed results has no object
        _, rows = fetch(self.athena, result.query_id, has_header=True)
        yield from ([cell or "" for cell in row] for row in rows)

    def _finished(self, sql: str, database: str, parameters: Sequence[str] = ()) -> dict[str, Any]:
        """Run one statement, and return its QueryExecution once it has succeeded.

        Only the workgroup decides where results go. awswrangler starts the query and waits for it.
        """
        size = len(sql.encode())
        if size > MAX_STATEMENT_BYTES:
            raise CommandError(
                f"the statement has {size:,} bytes; Athena accepts at most {MAX_STATEMENT_BYTES:,}",
                "Shorten it: name fewer columns or values, or split the query.",
            )
        import awswrangler as wr  # noqa: PLC0415  a second of imports that no other command needs
        from botocore.exceptions import ClientError  # noqa: PLC0415

        if self.connection.endpoint:
            wr.config.athena_endpoint_url = self.connection.endpoint
            wr.config.s3_endpoint_url = self.connection.endpoint
        try:
            query_id = str(
                wr.athena.start_query_execution(
                    sql,
                    database=database,
                    workgroup=self.name,
                    params=list(parameters) or None,
                    paramstyle="qmark",
                    boto3_session=self.connection.session,
                )
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "InvalidRequestException":
                raise
            reason = error.response["Error"].get("Message", "Athena gave no reason")
            raise CommandError(
                f"the query was refused: {reason}", next_step(reason, database, self.connection)
            ) from None
        try:
            finished = wr.athena.wait_query(
                query_id, boto3_session=self.connection.session, athena_query_wait_polling_delay=POLL_SECONDS
            )
            return {**finished, "QueryExecutionId": query_id}
        except KeyboardInterrupt:
            self.athena.stop_query_execution(QueryExecutionId=query_id)
            raise
        except wr.exceptions.QueryFailed as error:
            reason = str(error) or "Athena gave no reason"
            raise CommandError(
                f"the query failed: {reason}",
                next_step(reason, database, self.connection),
                query=query_id,
            ) from None
        except wr.exceptions.QueryCancelled as error:
            raise CommandError(
                f"the query was cancelled: {error}",
                "If it reached the workgroup's scan limit, read fewer days (a condition on `dt`), or raise "
                "QueryScanLimitMB of the consumer stack.",
                query=query_id,
            ) from None


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


def next_step(reason: str, database: str, connection: Connection) -> str:  # noqa: PLR0911  one answer per kind of reason
    """What to do about a failed query, by Athena's reason."""
    if "TABLE_NOT_FOUND" in reason or _is_missing("Table", reason):
        tables = _tables(database, connection)
        lost = re.search(r"\b(\w{1,255})\.(changes|change_lines|errors)\b", reason)
        if lost and lost[1] == database and not LAKE_TABLES.isdisjoint(tables):
            return (
                "The table was dropped, its rows are still in the bucket: bring it back with the commands of "
                f"{RECOVERY}."
            )
        if view := re.search(r"\b(current|history|gaps)_(\w+)", reason):
            return (
                f"Create the views first: `python -m scripts.views TABLE --name {view[2]}"
                f"{connection.location}`."
            )
        known = (
            f"{database} has: {', '.join(tables)}"
            if tables
            else f"database {database} is empty or does not exist"
        )
        return f"Correct the table's name or --database; {known}."
    if "SCHEMA_NOT_FOUND" in reason or _is_missing("Database", reason) or _is_missing("Schema", reason):
        return "Correct --database (the consumer stack's output DatabaseName)."
    if "COLUMN_NOT_FOUND" in reason or "cannot be resolved" in reason:
        return (
            "List the columns with `SHOW COLUMNS IN changes`. A new attribute becomes a column at the next "
            f"crawl. {crawl_step(connection, database)}"
        )
    if "Incorrect number of parameters" in reason or "INVALID_PARAMETER_USAGE" in reason:
        return "Give one --parameter (text) or --literal (other SQL) for every `?`, in order."
    if "TYPE_MISMATCH" in reason:
        return "The columns of `changes` are text. Cast them, as in try_cast(price AS decimal(38, 4))."
    if "SYNTAX_ERROR" in reason or "mismatched input" in reason:
        return "Correct the SQL at the line and column in the message (Athena engine 3 uses Trino's SQL)."
    if "ccess" in reason and "enied" in reason:
        return "Use a profile that may read the lake's bucket, its key and the Glue table."
    return "Correct the cause in the message and run the query again."


def _is_missing(kind: str, reason: str) -> bool:
    """Whether a reason says that a table, a database or a schema does not exist."""
    for line in reason.splitlines():
        _, found, rest = line.replace(kind.lower(), kind).partition(f"{kind} ")
        if found and (" does not exist" in rest or " not found" in rest):
            return True
    return False


def _tables(database: str, connection: Connection) -> list[str]:
    """The names of a database's tables; none if the profile may not list them."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        found = connection.client("glue").get_tables(DatabaseName=database)["TableList"]
    except ClientError:
        return []
    return sorted(table["Name"] for table in found)
