"""Convert plain JSON and DynamoDB JSON to items, with exact values and their sizes.

A value that DynamoDB would refuse or round raises a RecordError with the attribute's path.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from .errors import RecordError, shown
from .kinds import NUMBER, SETS, TAGS, Number, is_buffer, is_set, tagged
from .table import Table

# Limits: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
ITEM_BYTES = 400 * 1024
KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
NAME_BYTES = 65_535
DEPTH = 32
TOO_DEEP = f"has more than {DEPTH} levels, which is DynamoDB's limit"
DIGITS, LARGEST, SMALLEST = 38, 125, -130  # significant digits; exponents of the first digit

Value = dict[str, Any]  # an AttributeValue as the low-level client takes it: {"S": "…"}, {"B": b"…"}, …
Item = dict[str, Value]
Convert = Callable[
    [Any, str, int], tuple[Value, int]
]  # of a value, its path and its depth; the size in bytes


def number(digits: str, path: str) -> Decimal:
    """The value of a number. Raises RecordError for a number that DynamoDB would refuse or round."""
    if not NUMBER.fullmatch(digits):
        raise RecordError(path, f"is not a number{_why_no_number(digits)}")
    value = Decimal(digits)
    if not value:
        return Decimal(0)
    sign, figures, exponent = value.as_tuple()
    digits = "".join(map(str, figures))  # without leading zeros
    kept = digits.rstrip("0")
    if len(kept) > DIGITS:
        raise RecordError(path, f"has {len(kept)} significant digits; DynamoDB keeps {DIGITS}")
    if not SMALLEST <= value.adjusted() <= LARGEST:
        raise RecordError(path, "is outside DynamoDB's range, 1E-130 to 9.9E+125")
    if len(kept) == len(digits):
        return value
    # Equal values get equal text: 1, 1.0 and 1e0 are one key. normalize() would round to the context.
    return Decimal(("-" if sign else "") + kept + f"E{int(exponent) + len(digits) - len(kept)}")


def _why_no_number(text: str) -> str:
    """Why a text is not a number; it never contains the text itself."""
    if not text.strip():
        return ": it is empty"
    if "," in text:
        return ": it has a comma. Remove thousands separators, and use a point before decimals"
    if text != text.strip():
        return ": it has white space around it"
    if text.strip("+-").lower() in ("nan", "inf", "infinity"):
        return ": DynamoDB has neither NaN nor infinity"
    return ""


def _number_size(value: Decimal) -> int:
    return (len(value.as_tuple().digits) + 1) // 2 + 1 + (1 if value < 0 else 0)


def _text(value: Any, path: str) -> int:
    """The size of a text in bytes. Raises RecordError if the value is not text."""
    if type(value) is not str:
        raise RecordError(path, "must be text")
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise RecordError(
            path, "contains half a character (a lone surrogate), which is not valid Unicode"
        ) from None


def _bytes(value: Any, path: str) -> bytes:
    if isinstance(value, bytes):
        return value  # of a Buffer inside a CSV cell
    if not isinstance(value, str):
        raise RecordError(path, "must be base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise RecordError(path, "is not base64") from None


def _attribute(name: str, path: str) -> tuple[str, int]:
    """The path of an attribute, and the size of its name in bytes."""
    full_path = f"{path}.{shown(name)}" if path else shown(name)
    size = _text(name, full_path)
    if not 1 <= size <= NAME_BYTES:
        raise RecordError(full_path, f"its name has {size:,} bytes; DynamoDB accepts 1 to {NAME_BYTES:,}")
    return full_path, size


def from_plain(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:
    """Convert a JSON value to an AttributeValue; also returns its size in bytes.

    A set or Buffer of the JavaScript SDK becomes a set or binary. An object that looks like DynamoDB JSON
    raises a RecordError, because it may mean a map or a value with its type.
    """
    if isinstance(value, dict):
        if tagged(value):
            (tag,) = value
            raise RecordError(
                path,
                f'looks like DynamoDB JSON ({{"{tag}": …}}) within plain JSON. Write a type for all values '
                "or for none, or use --plain if it is a map",
            )
        if len(value) in (2, 3):
            special = _of_javascript(value, path)
            if special is not None:
                return special
        return _map(value, path, depth, from_plain)
    if isinstance(value, list):
        return _list(value, path, depth, from_plain)
    return _scalar(value, path, depth)


def from_literal(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:
    """Convert a JSON value to an AttributeValue, with objects as maps; also returns its size in bytes."""
    if isinstance(value, dict):
        return _map(value, path, depth, from_literal)
    if isinstance(value, list):
        return _list(value, path, depth, from_literal)
    return _scalar(value, path, depth)


def _scalar(value: Any, path: str, depth: int) -> tuple[Value, int]:
    if depth > DEPTH:
        raise RecordError(path, TOO_DEEP)
    if value is None:
        return {"NULL": True}, 1
    if isinstance(value, bool):
        return {"BOOL": value}, 1
    if isinstance(value, Number):
        return {"N": str(value)}, _number_size(number(value, path))
    return {"S": value}, _text(value, path)


def _list(value: list[Any], path: str, depth: int, convert: Convert) -> tuple[Value, int]:
    if depth > DEPTH:
        raise RecordError(path, TOO_DEEP)
    elements, size = [], 3
    for index, element in enumerate(value):
        converted, bytes_ = convert(element, f"{path}[{index}]", depth + 1)
        elements.append(converted)
        size += bytes_ + 1
    return {"L": elements}, size


def _map(value: dict[str, Any], path: str, depth: int, convert: Convert) -> tuple[Value, int]:
    if depth > DEPTH:
        raise RecordError(path, TOO_DEEP)
    members, size = {}, 3
    for name, member in value.items():
        member_path, name_size = _attribute(name, path)
        members[name], bytes_ = convert(member, member_path, depth + 1)
        size += name_size + bytes_ + 1
    return {"M": members}, size


def from_typed(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:  # noqa: PLR0911  one per type
    """Convert DynamoDB JSON to an AttributeValue (`B` from base64); also returns its size in bytes."""
    if depth > DEPTH:
        raise RecordError(path, TOO_DEEP)
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in TAGS:
        raise RecordError(path, f"must be an object with one type tag of DynamoDB JSON ({', '.join(TAGS)})")
    ((tag, content),) = value.items()
    content_path = f"{path}.{tag}"
    if tag == "S":
        return value, _text(content, content_path)
    if tag == "N":
        _text(content, content_path)
        return value, _number_size(number(content, content_path))
    if tag == "B":
        raw = _bytes(content, content_path)
        return {"B": raw}, len(raw)
    if tag in ("BOOL", "NULL"):
        if not isinstance(content, bool) or (tag == "NULL" and not content):
            raise RecordError(content_path, "must be true" if tag == "NULL" else "must be true or false")
        return value, 1
    if tag == "M":
        if not isinstance(content, dict):
            raise RecordError(content_path, "must be an object")
        return _map(content, content_path, depth, from_typed)
    if not isinstance(content, list):
        raise RecordError(content_path, "must be an array")
    if tag == "L":
        return _list(content, content_path, depth, from_typed)
    return _set(tag, content, content_path)


def _set(tag: str, content: list[Any], path: str) -> tuple[Value, int]:
    if not content:
        raise RecordError(path, "must not be empty")
    members: list[Any] = []
    seen: set[Any] = set()
    size = 3
    for index, element in enumerate(content):
        member_path = f"{path}[{index}]"
        if tag == "BS":
            member: Any = _bytes(element, member_path)
            identity, bytes_ = member, len(member)
        else:
            member = element
            identity, bytes_ = element, _text(element, member_path)
            if tag == "NS":
                value = number(element, member_path)
                bytes_ = _number_size(value)
                # As text: a file can contain many numbers with one hash, which take a set quadratic time.
                identity = str(value)
        if identity in seen:
            raise RecordError(member_path, "is in the set twice")
        seen.add(identity)
        members.append(member)
        size += bytes_ + 1
    return {tag: members}, size


def _of_javascript(value: dict[str, Any], path: str) -> tuple[Value, int] | None:
    """The set or binary that an object means in JSON of the JavaScript SDK; None for any other object."""
    if is_buffer(value):
        raw = _buffer(value, path)
        return {"B": raw}, len(raw)
    if not is_set(value):
        return None
    tag, members = SETS.get(value["type"]) if isinstance(value["type"], str) else None, value["values"]
    if tag is None or not isinstance(members, list):
        raise RecordError(
            path, f"is a set of the DocumentClient, but not a list of values of type {', '.join(SETS)}"
        )
    if tag == "NS":
        members = [str(member) if isinstance(member, Number) else member for member in members]
    elif tag == "BS":
        members = [
            _buffer(member, f"{path}[{index}]") if is_buffer(member) else member
            for index, member in enumerate(members)
        ]
    return _set(tag, members, path)


def _buffer(value: dict[str, Any], path: str) -> bytes:
    try:
        return bytes(int(byte) if isinstance(byte, Number) else -1 for byte in value["data"])
    except ValueError:
        raise RecordError(path, "is a Buffer with data other than bytes from 0 to 255") from None


def item_of(content: Mapping[str, Any], table: Table, convert: Convert | None = None) -> tuple[Item, int]:
    """Convert a record to an item; also returns its size in bytes.

    Without `convert` the record's keys decide the form. A key is never a map, so a key written as {"S": …}
    means that every attribute is DynamoDB JSON; otherwise every attribute is plain JSON. Raises RecordError
    for a record that the table would refuse.
    """
    for name in table.keys:
        if name not in content:
            raise RecordError(name, "is missing; it is a key of the table")
    if convert is None:
        keys = [content[name] for name in table.keys]
        typed = any(isinstance(key, dict) and not is_buffer(key) for key in keys)
        convert = from_typed if typed else from_plain
    item, size = {}, 0
    for name, value in content.items():
        path, name_size = _attribute(name, "")
        converted, bytes_ = convert(value, path, 0)
        item[name] = converted
        size += name_size + bytes_
    check_keys(item, table)
    if size > ITEM_BYTES:
        raise RecordError("", f"has about {size:,} bytes; DynamoDB accepts {ITEM_BYTES:,} per item")
    return item, size


def check_keys(item: Item, table: Table) -> None:
    """Check an item against the keys of the table and its indexes. Raises RecordError."""
    for name, type_ in table.types.items():
        value = item.get(name)
        if value is None:
            continue  # an item without an index's key is not in the index
        ((tag, content),) = value.items()
        role = "a key" if name in table.keys else "an index's key"
        if tag != type_:
            raise RecordError(
                name, f"has type {tag}, but as {role} of table {table.name} it has type {type_}"
            )
        if tag != "N":
            size = len(content.encode() if tag == "S" else content)
            most = KEY_BYTES[table.keys.get(name, "HASH")]
            if not 1 <= size <= most:
                raise RecordError(name, f"has {size:,} bytes; as {role} it may have 1 to {most:,}")


def key_of(item: Item, table: Table) -> tuple[Any, ...]:
    """The item's key. Equal keys are equal here, even if their numbers are written differently."""
    return tuple(
        number(item[name]["N"], name) if "N" in item[name] else next(iter(item[name].values()))
        for name in table.keys
    )
