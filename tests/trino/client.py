"""Statements over Trino's HTTP protocol.

Protocol: Trino documentation, "Trino client REST API": POST the statement, then follow `nextUri`.
"""

import json
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

CATALOG = "awsdatacatalog"  # Athena's name for the Glue catalog, which views contain
# Without the capability PARAMETRIC_DATETIME, the client gets timestamps in milliseconds, like Athena's.
_HEADERS = {
    "X-Trino-User": "analyst",
    "X-Trino-Catalog": CATALOG,
    "X-Trino-Time-Zone": "UTC",  # Athena's session time zone
}


class TrinoError(Exception):
    """A failed statement: `name` as in Athena's error text (HIVE_BAD_DATA, …), and Trino's message."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


def _trace(error: dict[str, Any]) -> str:
    """The place where Trino failed, for its internal errors."""
    if error["errorType"] != "INTERNAL_ERROR":
        return ""
    failure, lines = error.get("failureInfo"), []
    while failure:
        lines += [f"{failure['type']}: {failure.get('message')}", *failure.get("stack", [])[:8]]
        failure = failure.get("cause")
    return "\n" + "\n  ".join(lines)


@dataclass(frozen=True)
class Result:
    """A statement's result: column names, their Trino types, rows of JSON values, Trino's own counters."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    stats: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """Runs statements on one server."""

    address: str

    def execute(
        self, sql: str, schema: str = "default", timeout: float = 120, properties: str = ""
    ) -> Result:
        """Run one statement to its end. Raises `TrinoError`, or TimeoutError after `timeout` seconds.

        `properties` are session properties, as in `name=value,name=value`.
        """
        statement = sql.strip().removesuffix(";")
        page = self._call(f"{self.address}/v1/statement", statement, schema, properties=properties)
        columns, rows, deadline = page.get("columns"), page.get("data") or [], time.monotonic() + timeout
        while following := page.get("nextUri"):
            if time.monotonic() > deadline:
                self._call(following, None, schema, "DELETE")
                raise TimeoutError(f"no answer within {timeout:.0f} s: {statement[:200]}")
            page = self._call(following, None, schema)
            columns = page.get("columns") or columns
            rows += page.get("data") or []
        if error := page.get("error"):
            raise TrinoError(error["errorName"], error["message"] + _trace(error))
        columns = columns or []
        names, types = [column["name"] for column in columns], [column["type"] for column in columns]
        return Result(names, types, rows, page.get("stats") or {})

    def _call(
        self, address: str, body: str | None, schema: str, method: str | None = None, properties: str = ""
    ) -> dict[str, Any]:
        headers = {**_HEADERS, "X-Trino-Schema": schema}
        if properties:
            headers["X-Trino-Session"] = properties
        request = urllib.request.Request(  # noqa: S310  the address of the server these tests started
            address, body.encode() if body is not None else None, headers, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            text = response.read()
        return json.loads(text, parse_float=str) if text else {}  # a double keeps Java's text
