"""A result in Athena's formats: text values, the CSV object, and GetQueryResults' answer.

Source: Athena user guide, "Working with query results". In the CSV every value is in double quotes and NULL
is empty, without quotes, unlike an empty text.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sandbox.athena.sql.trino_types import Type
from sandbox.athena.sql.value_text import formatter

Row = list[str | None]


@dataclass
class Column:
    """One result column: its name, and Athena's name for its type (`varchar`, `timestamp with time zone`)."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0

    def info(self) -> dict[str, Any]:
        """The ColumnInfo of GetQueryResults."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type in ("varchar", "char"),
        }


@dataclass
class Result:
    """The result of a statement. `text` results (DDL, SHOW) are .txt files without a header row."""

    columns: list[Column] = field(default_factory=list)
    rows: list[Row] | None = field(default_factory=list)  # None when they are only in S3
    scanned_bytes: int = 0
    text: bool = False
    update_count: int | None = None
    manifest: list[str] = field(default_factory=list)  # objects written by CTAS, INSERT and UNLOAD


_PRECISION = {
    "boolean": 0,
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "float": 17,
    "double": 17,
}
_PRECISION |= {"varchar": 2147483647, "varbinary": 1073741824, "date": 0, "timestamp": 3, "json": 0}
_PRECISION |= {"timestamp with time zone": 3, "time": 3}


def column_of(name: str, kind: str) -> Column:
    """A column with the precision and scale that Athena reports for its type."""
    if match := re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", kind):
        return Column(name, "decimal", int(match.group(1)), int(match.group(2)))
    base = kind.split("(", maxsplit=1)[0]
    return Column(name, base, _PRECISION.get(base, 0), 0)


def text_rows(table: pa.Table, types: list[Type]) -> list[Row]:
    """Every row as text, NULL as None."""
    columns = []
    for column, kind in zip(table.columns, types, strict=True):
        if kind.is_text or kind.base == "json":
            columns.append(column.to_pylist())
        else:
            show = formatter(kind)
            columns.append([None if value is None else show(value) for value in column.to_pylist()])
    return [list(row) for row in zip(*columns, strict=True)]


def to_csv(columns: list[Column], rows: Iterable[Row]) -> bytes:
    """The result object that Athena writes for a query."""

    def quoted(value: str | None) -> str:
        return "" if value is None else '"' + value.replace('"', '""') + '"'

    lines = [",".join(quoted(column.name) for column in columns)]
    lines += [",".join([quoted(value) for value in row]) for row in rows]
    return ("\n".join(lines) + "\n").encode()


_CELL = re.compile(rb'(?:"((?:[^"]|"")*)")?(,|\n)')


def from_csv(body: bytes) -> list[Row]:
    """The rows of a result object, without its header."""
    rows: list[Row] = []
    row: Row = []
    at = 0
    while at < len(body):
        found = _CELL.match(body, at)  # a search would restart at every character after an open quote
        if found is None:
            raise ValueError("the result object is not the CSV that was written")
        at = found.end()
        text, end = found.groups()
        row.append(None if text is None else text.decode().replace('""', '"'))
        if end == b"\n":
            rows.append(row)
            row = []
    return rows[1:]


def from_text(body: bytes) -> list[Row]:
    """The rows of a DDL or SHOW result object."""
    return [[line] for line in body.decode().split("\n")[:-1]]


def to_text(rows: Iterable[Row]) -> bytes:
    """The result object that Athena writes for DDL and SHOW: tab-separated, without header."""
    return "".join("\t".join(value or "" for value in row) + "\n" for row in rows).encode()


def to_metadata(columns: list[Column]) -> bytes:
    """The `.metadata` object of a result, here in JSON; Athena's is an undocumented binary format."""
    return json.dumps({"columns": [column.info() for column in columns]}).encode()


def page(result: Result, start: int, limit: int) -> dict[str, Any]:
    """One page of GetQueryResults; the first page of a query's result begins with the column names."""
    rows = result.rows or []
    before = 0 if result.text else 1  # the row of column names
    shown: list[Any] = list(rows[max(start - before, 0) : max(start + limit - before, 0)])
    if before and start == 0:
        shown.insert(0, [column.name for column in result.columns])
    answer: dict[str, Any] = {
        "UpdateCount": result.update_count or 0,
        "ResultSet": {
            "Rows": [
                {"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in shown
            ],
            "ResultSetMetadata": {"ColumnInfo": [column.info() for column in result.columns]},
        },
    }
    if start + limit < len(rows) + before:
        answer["NextToken"] = str(start + limit)
    return answer
