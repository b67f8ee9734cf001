"""A result as Athena hands it out: text values, the CSV object, and GetQueryResults' shapes.

Text forms: Athena user guide, "Working with query results"; values print as Trino's CAST to varchar does,
arrays as `[a, b]`, rows as `{x=1, y=2}`, maps as `{k=v}`, bytes as spaced hexadecimal digits. In the CSV
every value stands in double quotes and NULL is nothing at all, which tells it from an empty text.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from sandbox.athena.trino_types import Type

Row = list[str | None]


@dataclass
class Column:
    """One result column: its name and its type as Athena names it (`varchar`, `timestamp with time zone`)."""

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
    """What a statement answered. `text` results (DDL, SHOW) are written as .txt, without a header row."""

    columns: list[Column] = field(default_factory=list)
    rows: list[Row] | None = field(default_factory=list)  # None once they are in S3 alone
    scanned_bytes: int = 0
    text: bool = False
    update_count: int | None = None
    manifest: list[str] = field(default_factory=list)  # objects that CTAS, INSERT and UNLOAD wrote


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
    """A column with the precision and scale Athena reports for its type."""
    if match := re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", kind):
        return Column(name, "decimal", int(match.group(1)), int(match.group(2)))
    base = kind.split("(", maxsplit=1)[0]
    return Column(name, base, _PRECISION.get(base, 0), 0)


def java_double(value: float, digits: int = 17) -> str:
    """A double as `Double.toString` prints it: 1.0E10, 0.001, NaN, Infinity."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    text = repr(value) if digits == 17 else str(value)
    sign, magnitude = ("-", text[1:]) if text[0] == "-" else ("", text)
    number = Decimal(magnitude)
    exponent = number.adjusted()
    all_digits = "".join(map(str, number.as_tuple().digits)).rstrip("0") or "0"
    if -3 <= exponent < 7:
        plain = format(number, "f")
        plain = plain.rstrip("0") if "." in plain else plain
        plain = plain + "0" if plain.endswith(".") else plain
        return sign + (plain if "." in plain else plain + ".0")
    return f"{sign}{all_digits[0]}.{all_digits[1:] or '0'}E{exponent}"


def sql_double(value: float, *, real: bool = False) -> str:
    """A double as CAST to varchar shows it: 1.0E0, 1.25E-1, NaN."""
    text = java_float(value) if real else java_double(value)
    if not text[-1].isdigit():
        return text
    number = Decimal(text)
    if number == 0:
        return "-0E0" if text[0] == "-" else "0E0"
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0") or "0"
    return f"{'-' if number < 0 else ''}{digits[0]}.{digits[1:] or '0'}E{number.adjusted()}"


def java_float(value: float) -> str:
    import numpy as np  # noqa: PLC0415  only for REAL columns

    return java_double(float(str(np.float32(value))))


def formatter(kind: Type) -> Callable[[Any], str]:  # noqa: PLR0911  one return a kind
    """How one value of a type prints."""
    if kind.base == "boolean":
        return lambda value: "true" if value else "false"
    if kind.base == "real":
        return java_float
    if kind.base == "double":
        return java_double
    if kind.base == "decimal":
        return lambda value: format(value, "f")
    if kind.base == "timestamp":
        return timestamp_text
    if kind.base == "timestamptz":
        zone = ZoneInfo(kind.zone)
        return lambda value: f"{timestamp_text(value.astimezone(zone))} {kind.zone}"
    if kind.base == "varbinary":
        return lambda value: " ".join(f"{byte:02x}" for byte in value)
    if kind.base in ("interval_day", "interval_year"):
        return (
            interval_text
            if kind.base == "interval_day"
            else lambda value: f"{value[0] // 12}-{value[0] % 12}"
        )
    if kind.base == "array":
        inner = nullable(formatter(kind.args[0]))
        return lambda value: "[" + ", ".join(inner(item) for item in value) + "]"
    if kind.base == "row":
        shown = [name or f"field{i}" for i, name in enumerate(kind.names)]
        fields = list(zip(shown, kind.field_names(), map(nullable, map(formatter, kind.args)), strict=True))
        return lambda value: "{" + ", ".join(f"{name}={show(value[own])}" for name, own, show in fields) + "}"
    if kind.base == "map":
        key, item = formatter(kind.args[0]), nullable(formatter(kind.args[1]))
        return lambda value: "{" + ", ".join(f"{key(k)}={item(v)}" for k, v in value) + "}"
    return str


def timestamp_text(value: Any) -> str:
    """`2026-11-20 10:11:12.123`."""
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"


def interval_text(value: Any) -> str:
    """`1 02:03:04.005`, of Arrow's months, days and nanoseconds."""
    millis = value[1] * 86_400_000 + value[2] // 1_000_000
    sign, millis = ("-", -millis) if millis < 0 else ("", millis)
    days, rest = divmod(millis, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{sign}{days} {hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def nullable(inner: Callable[[Any], str]) -> Callable[[Any], str]:
    """The same inside an array, row or map, where NULL prints as `null`."""
    return lambda value: "null" if value is None else inner(value)


def json_value(kind: Type) -> Callable[[Any], Any]:
    """How one value of a type is written into a JSON object."""
    if kind.is_text or kind.base in ("boolean", "json") or kind.is_integer or kind.base == "double":
        return lambda value: value
    if kind.base == "array":
        inner = json_value(kind.args[0])
        return lambda value: [None if item is None else inner(item) for item in value]
    return formatter(kind)


def text_rows(table: pa.Table, types: list[Type]) -> list[Row]:
    """Every row as texts, NULL as None."""
    columns = []
    for column, kind in zip(table.columns, types, strict=True):
        if kind.is_text or kind.base == "json":
            columns.append(column.to_pylist())
        else:
            show = formatter(kind)
            columns.append([None if value is None else show(value) for value in column.to_pylist()])
    return [list(row) for row in zip(*columns, strict=True)]


def to_csv(columns: list[Column], rows: Iterable[Row]) -> bytes:
    """The result object Athena writes for a query."""

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
    for found in _CELL.finditer(body):
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
    """The result object Athena writes for DDL and SHOW: tab-separated, no header."""
    return "".join("\t".join(value or "" for value in row) + "\n" for row in rows).encode()


def to_metadata(columns: list[Column]) -> bytes:
    """The `.metadata` beside a result. Athena's own is an undocumented binary form; this one is JSON."""
    return json.dumps({"columns": [column.info() for column in columns]}).encode()


def page(result: Result, start: int, limit: int) -> dict[str, Any]:
    """One page of GetQueryResults; the first page of a query's result begins with the column names."""
    header = [] if result.text else [[column.name for column in result.columns]]
    rows: list[Any] = header + (result.rows or [])
    answer: dict[str, Any] = {
        "UpdateCount": result.update_count or 0,
        "ResultSet": {
            "Rows": [
                {"Data": [{} if value is None else {"VarCharValue": value} for value in row]}
                for row in rows[start : start + limit]
            ],
            "ResultSetMetadata": {"ColumnInfo": [column.info() for column in result.columns]},
        },
    }
    if start + limit < len(rows):
        answer["NextToken"] = str(start + limit)
    return answer
