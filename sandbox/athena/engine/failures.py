"""DuckDB's errors as query failures, with Trino's messages where both mean the same."""

import re
from typing import Any

import duckdb

from sandbox.athena.engine.database import MEMORY_LIMIT
from sandbox.athena.errors import QueryError


def _own_failure(text: str) -> QueryError | None:
    """The failure of one of our macros, `TRINO[CODE: message]` at the end of a line, or None."""
    code, colon, rest = text.partition("TRINO[")[2].partition(": ")
    if not colon or not re.fullmatch(r"[A-Z_]+", code):
        return None
    message, end, _ = rest.partition("]\n")
    if not end:
        message, end = rest.rstrip()[:-1], rest.rstrip()[-1:]
    return QueryError(code, message) if end.startswith("]") else None


def query_error(error: Any) -> QueryError:  # noqa: PLR0911  one return per kind of error
    """The query failure of a DuckDB error."""
    text = str(error)
    if own := _own_failure(text):
        return own
    first = text.split("\n", 1)[0]
    before, found, _ = text.partition(" must appear in the GROUP BY clause")
    if found:
        quoted = before.endswith('"')
        name = before.removesuffix('"').rpartition('"' if quoted else " ")[2]
        message = f"'{name}' must be an aggregate expression or appear in GROUP BY clause"
        return QueryError("EXPRESSION_NOT_AGGREGATE", message)
    if match := re.search(
        r"(WHERE|GROUP BY|JOIN) clause cannot contain (?:aggregates|window functions)", text
    ):
        message = (
            f"{match.group(1)} clause cannot contain aggregations, window functions or grouping operations"
        )
        return QueryError("EXPRESSION_NOT_SCALAR", message)
    if "aggregate function calls cannot be nested" in text or "cannot contain aggregate" in text:
        return QueryError("NESTED_AGGREGATION", first.split(": ", 1)[-1])
    if isinstance(error, duckdb.OutOfMemoryException):
        message = (
            f"Query exceeded the sandbox's memory limit of {MEMORY_LIMIT}. Read fewer columns or fewer days."
        )
        return QueryError("EXCEEDED_MEMORY_LIMIT", message)
    if isinstance(error, duckdb.OutOfRangeException) or "out of range for the destination type" in text:
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", first.split(": ", 1)[-1])
    if "More than one row returned by a subquery" in text:
        return QueryError("SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows")
    return QueryError(
        "NOT_SUPPORTED",
        f"the sandbox's Athena could not run the query. Rewrite it, or run it on AWS. DuckDB: {first}",
    )
