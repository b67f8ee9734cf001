"""Types as a Glue crawler infers them from JSON lines: a pure merge of all values.

Source: Glue developer guide, "Built-in classifiers", "Data types" (Hive type names). No page documents the
type of a mixed column: here it is `string`, or `double` for whole numbers and fractions [unverified]. Glue
also has `int`; here every whole number is `bigint` [unverified].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

BIGINT, DOUBLE, BOOLEAN, STRING = "bigint", "double", "boolean", "string"


@dataclass
class Kind:
    """The types seen so far in one column, array member or struct field."""

    scalars: set[str] = field(default_factory=set)
    member: Kind | None = None
    fields: dict[str, Kind] | None = None

    def see(self, value: Any) -> None:
        """Include one more value; null does not change the type."""
        if value is None:
            return
        if isinstance(value, dict):
            self.fields = self.fields if self.fields is not None else {}
            for name, inner in value.items():
                self.fields.setdefault(name.lower(), Kind()).see(inner)
        elif isinstance(value, list):
            self.member = self.member or Kind()
            for inner in value:
                self.member.see(inner)
        elif isinstance(value, bool):
            self.scalars.add(BOOLEAN)
        elif isinstance(value, int):
            self.scalars.add(BIGINT)
        elif isinstance(value, float):
            self.scalars.add(DOUBLE)
        else:
            self.scalars.add(STRING)

    def type(self) -> str:
        """The Hive type."""
        shapes = bool(self.scalars) + (self.member is not None) + (self.fields is not None)
        if shapes != 1:
            return STRING  # only null, or a mixture
        if self.member is not None:
            return f"array<{self.member.type()}>"
        if self.fields is not None:
            inner = ",".join(f"{name}:{kind.type()}" for name, kind in self.fields.items())
            return f"struct<{inner}>" if inner else STRING
        if len(self.scalars) == 1:
            return next(iter(self.scalars))
        return DOUBLE if self.scalars == {BIGINT, DOUBLE} else STRING


@dataclass
class Schema:
    """The columns of the lines seen so far, in the order they were first seen."""

    columns: dict[str, Kind] = field(default_factory=dict)
    lines: int = 0

    def see(self, lines: Iterable[bytes]) -> None:
        """Include lines; a line that is not a JSON object is ignored."""
        for line in lines:
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            if not isinstance(row, dict):
                continue
            self.lines += 1
            for name, value in row.items():
                self.columns.setdefault(name.lower(), Kind()).see(value)

    def types(self) -> list[dict[str, str]]:
        """Glue's columns."""
        return [{"Name": name, "Type": kind.type()} for name, kind in self.columns.items()]


def merged(before: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The old columns, unchanged, and the new ones ("Add new columns only")."""
    columns = list(before)
    known = {str(column["Name"]).lower() for column in columns}
    return [*columns, *(column for column in now if column["Name"] not in known)]
