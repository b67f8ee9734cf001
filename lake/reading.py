"""A lake as its users see it: a Glue table on a bucket, read through the Athena API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glue.tables import METADATA_COLUMNS

_POLL_SECONDS = 0.05
_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}


class LakeError(Exception):
    """A query failed; the message contains Athena's reason."""


@dataclass(frozen=True)
class Lake:
    """The declared table of one bucket; `columns` are its columns without partition keys."""

    database: str
    table: str
    workgroup: str
    columns: tuple[str, ...]
    athena: Any

    def item_columns(self) -> list[str]:
        """The columns that hold attributes."""
        return [name for name in self.columns if name not in METADATA_COLUMNS]

    def changes(self, source_table: str) -> Iterator[dict[str, str | None]]:
        """Every change of the source table, with all columns and partition keys as text."""
        literal = source_table.replace("'", "''")
        # `*` and not names: thousands of names would make the statement too long for Athena
        yield from self.query(f"SELECT * FROM \"{self.table}\" WHERE change_table = '{literal}'")  # noqa: S608

    def query(self, sql: str) -> Iterator[dict[str, str | None]]:
        """The rows of a query, each column's text by its name."""
        started = self.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            WorkGroup=self.workgroup,
        )
        execution = started["QueryExecutionId"]
        while True:
            state = self.athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            if state["State"] in _ENDED:
                break
            time.sleep(_POLL_SECONDS)
        if state["State"] != "SUCCEEDED":
            raise LakeError(f"Athena could not read the lake: {state.get('StateChangeReason')}")
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution)
        names: list[str] | None = None
        for page in pages:
            for row in page["ResultSet"]["Rows"]:
                values = [datum.get("VarCharValue") for datum in row["Data"]]
                if names is None:  # the first row has the names
                    names = [str(value) for value in values]
                else:
                    yield dict(zip(names, values, strict=True))
