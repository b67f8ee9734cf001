"""The result's columns: which type each becomes in DynamoDB, and whether the table accepts them.

A type is the JSON of Spark's schema (`StructType.jsonValue()`): a name such as "string" or "decimal(38,2)",
or an object for an array, a map or a struct.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.put_items.table import Table

from .errors import JobError

_DECIMAL = re.compile(r"decimal\(\d+,-?\d+\)")
_TEXT = re.compile(r"string|char\(\d+\)|varchar\(\d+\)")
_SIMPLE = {
    "boolean": "BOOL",
    "binary": "B",
    "date": "S",
    "byte": "N",
    "short": "N",
    "integer": "N",
    "long": "N",
    "void": "NULL",
}
_ADVICE = {
    # The digits of a sum of doubles depend on the order of the rows, and a double has only 15 to 17 of them.
    "double": "a double has at most 17 digits. CAST it, or what it is computed from, AS DECIMAL(38, n)",
    "float": "a float has at most 9 digits. CAST it, or what it is computed from, AS DECIMAL(38, n)",
    # The text of a time depends on a time zone and a number of digits, which the statement chooses.
    "timestamp": "a timestamp has no type in DynamoDB. Write its text, with date_format()",
    "timestamp_ntz": "a timestamp has no type in DynamoDB. Write its text, with date_format()",
}


@dataclass(frozen=True)
class Column:
    """A column of the result with its type."""

    name: str
    type: Any


def columns_of(schema: dict[str, Any]) -> tuple[Column, ...]:
    """The columns of a schema's JSON."""
    return tuple(Column(field["name"], field["type"]) for field in schema["fields"])


def kind_of(type_: Any) -> str:
    """The DynamoDB type of a Spark type: S, N, BOOL, B, L, M, or NULL for a column without a type.

    It is empty for a type without one, such as a double.
    """
    if isinstance(type_, dict):
        return {"array": "L", "map": "M", "struct": "M"}.get(type_["type"], "")
    if _DECIMAL.fullmatch(type_):
        return "N"
    return "S" if _TEXT.fullmatch(type_) else _SIMPLE.get(type_, "")


def check(columns: Sequence[Column], table: Table, numbers: frozenset[str]) -> None:
    """Raises JobError with everything that keeps the table from accepting the columns."""
    reasons = [*_names(columns, table, numbers)]
    for column in columns:
        reasons += [f"column {column.name}{path}: {why}" for path, why in _refusals(column.type)]
        reasons += _key_type(column, table, column.name in numbers)
    if reasons:
        raise JobError("; ".join(reasons), "Change the statement, or the arguments of the run")


def described(columns: Sequence[Column], table: Table, numbers: frozenset[str]) -> list[str]:
    """A line for each column: its name, Spark's type, the type in DynamoDB, and whether it is a key."""
    lines = []
    for column in columns:
        kind = "N" if column.name in numbers else kind_of(column.type)
        role = {"HASH": ", partition key", "RANGE": ", sort key"}.get(table.keys.get(column.name, ""), "")
        lines.append(f"{column.name}: {_spelled(column.type)} becomes {kind}{role}")
    return lines


def _names(columns: Sequence[Column], table: Table, numbers: frozenset[str]) -> Iterator[str]:
    """What is wrong with the names of the columns."""
    names = [column.name for column in columns]
    for name, count in Counter(names).items():
        if count > 1:
            yield f"column {name} occurs {count} times"
        if not name:
            yield "a column has no name"
    for key in table.keys:
        if key not in names:
            near = next((f" (it has {name})" for name in names if name.lower() == key.lower()), "")
            yield f"the result has no column {key}, a key of table {table.name}{near}"
    for name in sorted(numbers):
        types = [column.type for column in columns if column.name == name]
        if not types or kind_of(types[0]) != "S":
            yield f"--numbers has {name}, which is not a column of text in the result"


def _refusals(type_: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each part of a type that DynamoDB has no type for: its path within the column, and why."""
    if not isinstance(type_, dict):
        if not kind_of(type_):
            yield path, _ADVICE.get(type_, f"type {type_} has no type in DynamoDB. CAST it AS STRING")
        return
    if type_["type"] == "array":
        yield from _refusals(type_["elementType"], f"{path}[]")
    elif type_["type"] == "map":
        if kind_of(type_["keyType"]) != "S":
            yield path, "the keys of a map must be text"
        yield from _refusals(type_["valueType"], f"{path}{{}}")
    elif type_["type"] == "struct":
        fields = Counter(field["name"] for field in type_["fields"])
        yield from ((path, f"member {name} occurs {n} times") for name, n in fields.items() if n > 1)
        for field in type_["fields"]:
            yield from _refusals(field["type"], f"{path}.{field['name']}")
    else:
        yield path, f"type {type_['type']} has no type in DynamoDB"


def _key_type(column: Column, table: Table, is_number: bool) -> list[str]:
    """Why a key of the table or of an index cannot be of the column's type."""
    wanted = table.types.get(column.name)
    kind = "N" if is_number else kind_of(column.type)
    # Without a type, every value is null: the key of the table is then missing in every row.
    if wanted is None or kind in ("", wanted) or (kind == "NULL" and column.name not in table.keys):
        return []
    role = "a key" if column.name in table.keys else "a key of an index"
    advice = f". Add it to --numbers, or CAST it AS {_SQL[wanted]}" if kind == "S" and wanted == "N" else ""
    return [
        f"column {column.name} is {_spelled(column.type)}, which becomes {kind}, but as {role} of table "
        f"{table.name} it is of type {wanted}{advice or f'. CAST it AS {_SQL[wanted]}'}"
    ]


_SQL = {"S": "STRING", "N": "DECIMAL(38, n)", "B": "BINARY"}


def _spelled(type_: Any) -> str:
    return str(type_["type"]) if isinstance(type_, dict) else str(type_)
