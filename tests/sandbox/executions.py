"""An Athena query after its start: its end and its answer."""

from typing import Any

from tests.sandbox.waiting import wait_until

TextRow = list[str | None]
_SECONDS = 120.0


def ended(athena: Any, identifier: str, seconds: float = _SECONDS) -> dict[str, Any]:
    """The execution once it has succeeded, failed or been cancelled."""

    def execution() -> dict[str, Any] | None:
        found: dict[str, Any] = athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
        return None if found["Status"]["State"] in {"QUEUED", "RUNNING"} else found

    found: dict[str, Any] = wait_until(execution, f"the end of query {identifier}", seconds, pause=0.02)
    return found


def answer(athena: Any, identifier: str) -> tuple[list[tuple[str, str]], list[TextRow]]:
    """(name, type) of every column, and the rows of a SELECT without the header row."""
    columns: list[tuple[str, str]] = []
    rows: list[TextRow] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=identifier):
        result = page["ResultSet"]
        columns = [(column["Name"], column["Type"]) for column in result["ResultSetMetadata"]["ColumnInfo"]]
        rows += [[cell.get("VarCharValue") for cell in row["Data"]] for row in result["Rows"]]
    return columns, rows[1:]
