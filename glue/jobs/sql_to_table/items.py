"""Rows of the result as items: exact values, and the reason if the table would refuse one.

A null column is left out of its item, and so is a null member of a map or struct. A null in an array stays,
as NULL, because the others would change their places.
"""

import base64
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scripts.put_items.errors import RecordError
from scripts.put_items.table import Table
from scripts.put_items.values import Item, from_typed, item_of, key_of

Row = Sequence[Any]


class RefusedError(Exception):
    """The table would refuse the item. `column` is empty if it is about the whole item."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(f"{column}: {why}")
        self.column, self.why = column, why


@dataclass(frozen=True)
class Shape:
    """How rows become items: the names of the columns, those whose text is a number, and the table."""

    names: tuple[str, ...]
    numbers: frozenset[str]
    table: Table

    def item(self, row: Row) -> tuple[Item, int]:
        """The item of a row, and its size in bytes. Raises RefusedError."""
        content = {
            name: {"N": value} if name in self.numbers else attribute(value)
            for name, value in zip(self.names, row, strict=True)
            if value is not None
        }
        for name in self.table.keys:
            if name not in content:
                raise RefusedError(name, "a key is null")
        try:
            return item_of(content, self.table, from_typed)
        except RecordError as error:
            raise RefusedError(self._column(error.path), error.why) from None

    def key(self, item: Item) -> str:
        """The key as text, equal for equal keys: 1 and 1.0 are one number."""
        return json.dumps([_key_text(part) for part in key_of(item, self.table)], ensure_ascii=False)

    def _column(self, path: str) -> str:
        """The column of a path, without what follows: the keys of a map are data."""
        return next((name for name in self.names if f"{path}.".startswith((f"{name}.", f"{name}["))), "")


def attribute(value: Any) -> dict[str, Any]:
    """A value of Spark as an AttributeValue. Raises TypeError for a type that `columns.check` refuses."""
    for type_, convert in _CONVERSIONS:
        if isinstance(value, type_):
            return convert(value)
    raise TypeError(type(value).__name__)


def _list(value: list[Any]) -> dict[str, Any]:
    return {"L": [{"NULL": True} if one is None else attribute(one) for one in value]}


def _map(members: dict[str, Any]) -> dict[str, Any]:
    return {"M": {name: attribute(one) for name, one in members.items() if one is not None}}


# In this order: a boolean is an int for Python, and a struct, which Spark gives as a Row, is a tuple.
_CONVERSIONS: tuple[tuple[type, Callable[[Any], dict[str, Any]]], ...] = (
    (bool, lambda value: {"BOOL": value}),
    (str, lambda value: {"S": value}),
    (int, lambda value: {"N": str(value)}),
    (Decimal, lambda value: {"N": format(value, "f")}),
    (bytearray, lambda value: {"B": bytes(value)}),
    (dt.date, lambda value: {"S": value.isoformat()}),
    (list, _list),
    (dict, _map),
    (tuple, lambda value: _map(value.asDict())),
)


def _key_text(part: Any) -> str:
    """A part of a key as text. The number of a key is canonical (`put_items.values.number`)."""
    return base64.b64encode(part).decode() if isinstance(part, bytes) else str(part)
