"""Send the same statement to the sandbox's Athena and to Trino, and compare the results.

Athena returns text. `athena_text` writes Trino's typed values as Athena does ("Working with query results",
Athena user guide): arrays `[a, b]`, rows `{x=1, y=2}`, maps `{k=v}`, bytes as spaced hexadecimal digits.
"""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.sandbox.executions import TextRow
from tests.sandbox.lake import Lake
from tests.trino.client import Client

_OTHER_NAMES = {"real": "float"}  # Athena user guide, "Data types": float in DDL, real in SQL

Columns = list[tuple[str, str]]


class DisagreementError(AssertionError):
    """The two engines gave different results."""


@dataclass(frozen=True)
class Both:
    """The sandbox's Athena and Trino on one lake."""

    lake: Lake
    trino: Client

    def ask(
        self, sql: str, database: str = "", *, parameters: Sequence[str] = (), ordered: bool = True
    ) -> list[TextRow]:
        """The rows that both engines return. Arguments and errors as in `answer`."""
        return self.answer(sql, database, parameters=parameters, ordered=ordered)[1]

    def answer(
        self, sql: str, database: str = "", *, parameters: Sequence[str] = (), ordered: bool = True
    ) -> tuple[Columns, list[TextRow]]:
        """The columns and rows of both engines, in Athena's types and text. Raises `DisagreementError`.

        `parameters` are SQL literals for the question marks; `ordered=False` is for statements that leave the
        order open.
        """
        database = database or self.lake.database
        statement = with_parameters(sql, parameters) if parameters else sql
        columns, rows = athena_answer(self.trino, statement, database)
        other_columns, other_rows = self.lake.query(sql, database, parameters)
        if columns != other_columns:
            raise DisagreementError(f"columns of {sql!r}\n  Trino    {columns}\n  sandbox  {other_columns}")
        if rows != other_rows and (ordered or _bag(rows) != _bag(other_rows)):
            raise DisagreementError(f"rows of {sql!r}\n{_difference(rows, other_rows)}")
        return columns, rows


def with_parameters(sql: str, parameters: Sequence[str]) -> str:
    """A statement with Athena's execution parameters in Trino's syntax."""
    quoted = sql.replace("'", "''")
    return f"EXECUTE IMMEDIATE '{quoted}' USING {', '.join(parameters)}"


def athena_answer(trino: Client, sql: str, database: str) -> tuple[Columns, list[TextRow]]:
    """Trino's answer in Athena's types and text."""
    result = trino.execute(sql, database)
    columns = [(name, base_type(kind)) for name, kind in zip(result.columns, result.types, strict=True)]
    rows = [
        [athena_text(kind, value) for kind, value in zip(result.types, row, strict=True)]
        for row in result.rows
    ]
    return columns, rows


def _bag(rows: list[TextRow]) -> Counter[tuple[str | None, ...]]:
    return Counter(tuple(row) for row in rows)


def _difference(rows: list[TextRow], other_rows: list[TextRow]) -> str:
    only, other_only = _bag(rows) - _bag(other_rows), _bag(other_rows) - _bag(rows)
    if not only and not other_only:
        return f"  the same rows in another order\n  Trino    {rows[:5]}\n  sandbox  {other_rows[:5]}"
    lines = [f"  Trino    {list(row)}" for row in list(only.elements())[:5]]
    return "\n".join(lines + [f"  sandbox  {list(row)}" for row in list(other_only.elements())[:5]])


def base_type(kind: str) -> str:
    """A Trino type as in ColumnInfo: without length, precision or member types, and REAL is `float`."""
    head, _, rest = kind.lower().partition("(")
    return _OTHER_NAMES.get(head, head) + (" with time zone" if rest.endswith("with time zone") else "")


def athena_text(kind: str, value: Any) -> str | None:
    """One value as GetQueryResults shows it; None for NULL."""
    return None if value is None else _text(kind, value)


def _text(kind: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    base = base_type(kind)
    if base == "varbinary":
        return " ".join(f"{byte:02x}" for byte in base64.b64decode(value))
    if base == "array":
        inner = _members(kind)[0]
        return "[" + ", ".join(_member(inner, item) for item in value) + "]"
    if base == "map":
        key, inner = _members(kind)
        return "{" + ", ".join(f"{_member(key, k)}={_member(inner, item)}" for k, item in value.items()) + "}"
    if base == "row":
        fields = [_field(number, text) for number, text in enumerate(_members(kind))]
        pairs = zip(fields, value, strict=True)
        return "{" + ", ".join(f"{name}={_member(inner, item)}" for (name, inner), item in pairs) + "}"
    return str(value)


def _member(kind: str, value: Any) -> str:
    return "null" if value is None else _text(kind, value)


def _field(number: int, text: str) -> tuple[str, str]:
    """Name and type of a row's member, which may have no name."""
    name, _, kind = text.partition(" ")
    if kind and not kind.startswith("with time zone") and "(" not in name:
        return name.strip('"'), kind
    return f"field{number}", text


def _members(kind: str) -> list[str]:
    """The types between the outermost brackets."""
    members, depth, start = [], 0, kind.index("(") + 1
    for at in range(start, len(kind)):
        if kind[at] == "(":
            depth += 1
        elif kind[at] == ")" and depth:
            depth -= 1
        elif kind[at] == ")" or (kind[at] == "," and not depth):
            members.append(kind[start:at].strip())
            start = at + 1
    return members
