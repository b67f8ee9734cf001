"""Values exactly as DynamoDB keeps them: plain JSON and DynamoDB JSON as items, with their sizes.

What DynamoDB would refuse, or round, is a RecordError that names the attribute's path.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from .errors import RecordError, shown
from .table import Table

# Limits: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
ITEM_BYTES = 400 * 1024
KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
NAME_BYTES = 65_535
DEPTH = 32
DIGITS, LARGEST, SMALLEST = 38, 125, -130  # significant digits; exponents of the first digit

TAGS = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")

Value = dict[str, Any]  # an AttributeValue as the low-level client takes it: {"S": "…"}, {"B": b"…"}, …
Item = dict[str, Value]


class Number(str):
    """The digits of a JSON number as the file has them: never a float."""


def number(digits: str, path: str) -> Decimal:
    """The value of a number that DynamoDB keeps; raises RecordError for one it would refuse or round."""
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?", digits, re.ASCII):
        raise RecordError(path, "is no number that DynamoDB takes")
    value = Decimal(digits)
    if not value:
        return Decimal(0)
    kept = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(kept) > DIGITS:
        raise RecordError(path, f"has {len(kept)} significant digits; DynamoDB keeps {DIGITS}")
    if not SMALLEST <= value.adjusted() <= LARGEST:
        raise RecordError(path, "is outside DynamoDB's 1E-130 to 9.9E+125")
    # One spelling for one value: 1, 1.0 and 1e0 are one key. Not normalize(), which rounds to the context.
    sign, figures, exponent = value.as_tuple()
    trimmed = "".join(map(str, figures)).rstrip("0")
    return Decimal(("-" if sign else "") + trimmed + f"E{int(exponent) + len(figures) - len(trimmed)}")


def _number_size(value: Decimal) -> int:
    return (len(value.as_tuple().digits) + 1) // 2 + 1 + (1 if value < 0 else 0)


def _text(value: Any, path: str) -> int:
    """The bytes of a text; raises RecordError when it is none."""
    if type(value) is not str:
        raise RecordError(path, "must be text")
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise RecordError(
            path, "holds half a character (a lone surrogate), which is no Unicode text"
        ) from None


def _bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise RecordError(path, "must be base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise RecordError(path, "is not base64") from None


def _attribute(name: str, path: str) -> tuple[str, int]:
    """The path of an attribute, and the bytes of its name."""
    here = f"{path}.{shown(name)}" if path else shown(name)
    size = _text(name, here)
    if not 1 <= size <= NAME_BYTES:
        raise RecordError(here, f"its name has {size:,} bytes; DynamoDB takes 1 to {NAME_BYTES:,}")
    return here, size


def from_plain(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:
    """A JSON value as an AttributeValue, and its size in bytes."""
    if depth > DEPTH:
        raise RecordError(path, f"is nested deeper than DynamoDB's {DEPTH} levels")
    if value is None:
        return {"NULL": True}, 1
    if isinstance(value, bool):
        return {"BOOL": value}, 1
    if isinstance(value, Number):
        return {"N": str(value)}, _number_size(number(value, path))
    if isinstance(value, str):
        return {"S": value}, _text(value, path)
    if isinstance(value, list):
        elements, size = [], 3
        for index, element in enumerate(value):
            made, bytes_ = from_plain(element, f"{path}[{index}]", depth + 1)
            elements.append(made)
            size += bytes_ + 1
        return {"L": elements}, size
    return _map(value, path, depth, from_plain)


def _map(
    value: dict[str, Any], path: str, depth: int, convert: Callable[[Any, str, int], tuple[Value, int]]
) -> tuple[Value, int]:
    members, size = {}, 3
    for name, member in value.items():
        here, name_size = _attribute(name, path)
        members[name], bytes_ = convert(member, here, depth + 1)
        size += name_size + bytes_ + 1
    return {"M": members}, size


def from_typed(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:  # noqa: PLR0911  one a type
    """DynamoDB JSON as an AttributeValue (`B` from base64), and its size in bytes."""
    if depth > DEPTH:
        raise RecordError(path, f"is nested deeper than DynamoDB's {DEPTH} levels")
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in TAGS:
        raise RecordError(path, f"must be an object with one type tag of {', '.join(TAGS)}")
    ((tag, content),) = value.items()
    here = f"{path}.{tag}"
    if tag == "S":
        return value, _text(content, here)
    if tag == "N":
        _text(content, here)
        return value, _number_size(number(content, here))
    if tag == "B":
        raw = _bytes(content, here)
        return {"B": raw}, len(raw)
    if tag in ("BOOL", "NULL"):
        if not isinstance(content, bool) or (tag == "NULL" and not content):
            raise RecordError(here, "must be true" if tag == "NULL" else "must be true or false")
        return value, 1
    if tag == "M":
        if not isinstance(content, dict):
            raise RecordError(here, "must be an object")
        return _map(content, here, depth, from_typed)
    if not isinstance(content, list):
        raise RecordError(here, "must be an array")
    if tag == "L":
        elements, size = [], 3
        for index, element in enumerate(content):
            made, bytes_ = from_typed(element, f"{here}[{index}]", depth + 1)
            elements.append(made)
            size += bytes_ + 1
        return {"L": elements}, size
    return _set(tag, content, here)


def _set(tag: str, content: list[Any], path: str) -> tuple[Value, int]:
    if not content:
        raise RecordError(path, "must not be empty")
    members: list[Any] = []
    seen: set[Any] = set()
    size = 3
    for index, element in enumerate(content):
        here = f"{path}[{index}]"
        if tag == "BS":
            member: Any = _bytes(element, here)
            identity, bytes_ = member, len(member)
        else:
            member = element
            identity, bytes_ = element, _text(element, here)
            if tag == "NS":
                identity = number(element, here)
                bytes_ = _number_size(identity)
        if identity in seen:
            raise RecordError(here, "stands in the set twice")
        seen.add(identity)
        members.append(member)
        size += bytes_ + 1
    return {tag: members}, size


def item_of(content: Mapping[str, Any], table: Table) -> tuple[Item, int]:
    """A record as an item, and its size in bytes; raises RecordError for what the table would refuse.

    A key attribute is never a map, so a key written as {"S": …} says that the record is DynamoDB JSON.
    """
    typed = any(isinstance(content.get(name), dict) for name in table.keys)
    item, size = {}, 0
    for name, value in content.items():
        path, name_size = _attribute(name, "")
        made, bytes_ = (from_typed if typed else from_plain)(value, path)
        item[name] = made
        size += name_size + bytes_
    check_keys(item, table)
    if size > ITEM_BYTES:
        raise RecordError("", f"has about {size:,} bytes; DynamoDB takes {ITEM_BYTES:,} an item")
    return item, size


def check_keys(item: Item, table: Table) -> None:
    """Hold an item against the keys of the table and of its indexes."""
    for name, type_ in table.types.items():
        value = item.get(name)
        if value is None:
            if name in table.keys:
                raise RecordError(name, "is missing, and a key of the table")
            continue
        ((tag, content),) = value.items()
        role = "a key" if name in table.keys else "an index's key"
        if tag != type_:
            raise RecordError(name, f"is of type {tag}; it is {role} of table {table.name}, of type {type_}")
        if tag != "N":
            size = len(content.encode() if tag == "S" else content)
            most = KEY_BYTES[table.keys.get(name, "HASH")]
            if not 1 <= size <= most:
                raise RecordError(name, f"has {size:,} bytes; as {role} it takes 1 to {most:,}")


def key_of(item: Item, table: Table) -> tuple[Any, ...]:
    """The item's key, equal for equal keys however their numbers are spelled."""
    return tuple(
        number(item[name]["N"], name) if "N" in item[name] else next(iter(item[name].values()))
        for name in table.keys
    )
