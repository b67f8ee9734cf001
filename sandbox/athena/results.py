"""A result as Athena hands it out: text values, the CSV object, and GetQueryResults' shapes.

Text forms: Athena user guide, "Working with query results"; values print as Trino's CAST to varchar does, arrays as
`[a, b]`, rows as `{x=1, y=2}`, maps as `{k=v}`, bytes as spaced hexadecimal digits. In the CSV every value stands
in double quotes and NULL is nothing at all, which tells it from an empty text.
"""

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

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
    rows: list[Row] = field(default_factory=list)
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
    base = kind.split("(")[0]
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


def _java_float(value: float) -> str:
    import numpy as np  # noqa: PLC0415  only for REAL columns

    return java_double(float(str(np.float32(value))))


def _timestamp(value: Any) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"


def _binary(value: bytes) -> str:
    return " ".join(f"{byte:02x}" for byte in value)


def formatter(kind: pa.DataType) -> Callable[[Any], str]:
    """How one value of an Arrow type prints."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return str
    if pa.types.is_boolean(kind):
        return lambda value: "true" if value else "false"
    if pa.types.is_float32(kind):
        return _java_float
    if pa.types.is_floating(kind):
        return java_double
    if pa.types.is_decimal(kind):
        return lambda value: format(value, "f")
    if pa.types.is_timestamp(kind):
        return (lambda value: _timestamp(value.astimezone(dt.UTC)) + " UTC") if kind.tz else _timestamp
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _binary
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = nullable(formatter(kind.value_type))
        return lambda value: "[" + ", ".join(inner(item) for item in value) + "]"
    if pa.types.is_struct(kind):
        fields = [
            (kind.field(i).name, nullable(formatter(kind.field(i).type))) for i in range(kind.num_fields)
        ]
        return lambda value: "{" + ", ".join(f"{n}={f(value[n])}" for n, f in fields) + "}"
    if pa.types.is_map(kind):
        key, item = formatter(kind.key_type), nullable(formatter(kind.item_type))
        return lambda value: "{" + ", ".join(f"{key(k)}={item(v)}" for k, v in value) + "}"
    return str


def nullable(inner: Callable[[Any], str]) -> Callable[[Any], str]:
    """The same inside an array, row or map, where NULL prints as `null`."""
    return lambda value: "null" if value is None else inner(value)


def text_rows(table: pa.Table) -> list[Row]:
    """Every row as texts, NULL as None."""
    columns = []
    for column in table.columns:
        if pa.types.is_string(column.type):
            columns.append(column.to_pylist())
        else:
            show = formatter(column.type)
            columns.append([None if value is None else show(value) for value in column.to_pylist()])
    if not columns:
        return []
    return [list(row) for row in zip(*columns, strict=True)]


def to_csv(columns: list[Column], rows: Iterable[Row]) -> bytes:
    """The result object Athena writes for a query."""

    def quoted(value: str | None) -> str:
        return "" if value is None else '"' + value.replace('"', '""') + '"'

    lines = [",".join(quoted(column.name) for column in columns)]
    lines += [",".join([quoted(value) for value in row]) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def to_text(rows: Iterable[Row]) -> bytes:
    """The result object Athena writes for DDL and SHOW: tab-separated, no header."""
    return "".join("\t".join(value or "" for value in row) + "\n" for row in rows).encode()


def to_metadata(columns: list[Column]) -> bytes:
    """The `.metadata` beside a result. Athena's own is an undocumented binary form; this one is JSON."""
    return json.dumps({"columns": [column.info() for column in columns]}).encode()


def page(result: Result, start: int, limit: int) -> dict[str, Any]:
    """One page of GetQueryResults; the first page of a query's result begins with the column names."""
    header = [] if result.text else [[column.name for column in result.columns]]
    rows: list[Any] = header + result.rows
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
