"""Values exactly as DynamoDB keeps them: plain JSON and DynamoDB JSON as items, with their sizes.

What DynamoDB would refuse, or round, is a RecordError that names the attribute's path.
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
TOO_DEEP = f"is nested deeper than DynamoDB's {DEPTH} levels"
DIGITS, LARGEST, SMALLEST = 38, 125, -130  # significant digits; exponents of the first digit

Value = dict[str, Any]  # an AttributeValue as the low-level client takes it: {"S": "…"}, {"B": b"…"}, …
Item = dict[str, Value]
Convert = Callable[
    [Any, str, int], tuple[Value, int]
]  # of a value, its path and its depth; the size in bytes


def number(digits: str, path: str) -> Decimal:
    """The value of a number that DynamoDB keeps; raises RecordError for one it would refuse or round."""
    if not NUMBER.fullmatch(digits):
        raise RecordError(path, f"is no number that DynamoDB takes{_why_no_number(digits)}")
    value = Decimal(digits)
    if not value:
        return Decimal(0)
    sign, figures, exponent = value.as_tuple()
    digits = "".join(map(str, figures))  # of which the first is no zero
    kept = digits.rstrip("0")
    if len(kept) > DIGITS:
        raise RecordError(path, f"has {len(kept)} significant digits; DynamoDB keeps {DIGITS}")
    if not SMALLEST <= value.adjusted() <= LARGEST:
        raise RecordError(path, "is outside DynamoDB's 1E-130 to 9.9E+125")
    if len(kept) == len(digits):
        return value
    # One spelling for one value: 1, 1.0 and 1e0 are one key. Not normalize(), which rounds to the context.
    return Decimal(("-" if sign else "") + kept + f"E{int(exponent) + len(digits) - len(kept)}")


def _why_no_number(text: str) -> str:
    """What to change in a text that was perhaps meant as a number; never the text itself."""
    if not text.strip():
        return ": it is empty"
    if "," in text:
        return ": it has a comma; leave out separators of thousands, and write decimals with a point"
    if text != text.strip():
        return ": it has white space around it"
    if text.strip("+-").lower() in ("nan", "inf", "infinity"):
        return ", which has neither NaN nor infinity"
    return ""


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
    if isinstance(value, bytes):
        return value  # of a Buffer inside a CSV cell
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
    """A JSON value as an AttributeValue, and its size in bytes.

    A set or Buffer as the JavaScript SDK writes it becomes a set or binary. An object that looks like
    DynamoDB JSON is a RecordError: nobody can say which was meant, a map or a value with its type.
    """
    if isinstance(value, dict):
        if tagged(value):
            (tag,) = value
            raise RecordError(
                path,
                f'looks like DynamoDB JSON ({{"{tag}": …}}) among plain JSON; give all values their types '
                "or none, or say --plain if it is a map",
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
    """A JSON value as an AttributeValue, and its size in bytes: every object is a map."""
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
        made, bytes_ = convert(element, f"{path}[{index}]", depth + 1)
        elements.append(made)
        size += bytes_ + 1
    return {"L": elements}, size


def _map(value: dict[str, Any], path: str, depth: int, convert: Convert) -> tuple[Value, int]:
    if depth > DEPTH:
        raise RecordError(path, TOO_DEEP)
    members, size = {}, 3
    for name, member in value.items():
        here, name_size = _attribute(name, path)
        members[name], bytes_ = convert(member, here, depth + 1)
        size += name_size + bytes_ + 1
    return {"M": members}, size


def from_typed(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:  # noqa: PLR0911  one a type
    """DynamoDB JSON as an AttributeValue (`B` from base64), and its size in bytes."""
    if depth > DEPTH:
        raise RecordError(path, TOO_DEEP)
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in TAGS:
        raise RecordError(path, f"must be an object with one type tag of DynamoDB JSON ({', '.join(TAGS)})")
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
        return _list(content, here, depth, from_typed)
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
                value = number(element, here)
                bytes_ = _number_size(value)
                # As text: anybody can write many numbers of one hash, on which a set takes squared time.
                identity = str(value)
        if identity in seen:
            raise RecordError(here, "stands in the set twice")
        seen.add(identity)
        members.append(member)
        size += bytes_ + 1
    return {tag: members}, size


def _of_javascript(value: dict[str, Any], path: str) -> tuple[Value, int] | None:
    """The set or binary that an object is in JSON of the JavaScript SDK; None for any other object."""
    if is_buffer(value):
        raw = _buffer(value, path)
        return {"B": raw}, len(raw)
    if not is_set(value):
        return None
    tag, members = SETS.get(value["type"]) if isinstance(value["type"], str) else None, value["values"]
    if tag is None or not isinstance(members, list):
        raise RecordError(
            path, f"is a set of the DocumentClient without a list of values of type {', '.join(SETS)}"
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
        raise RecordError(path, "is a Buffer whose data are not bytes, 0 to 255") from None


def item_of(content: Mapping[str, Any], table: Table, convert: Convert | None = None) -> tuple[Item, int]:
    """A record as an item, and its size in bytes; raises RecordError for what the table would refuse.

    Without `convert` the record says itself what it is: a key attribute is never a map, so a key written as
    {"S": …} makes it DynamoDB JSON, every attribute of it; otherwise every attribute is plain.
    """
    for name in table.keys:
        if name not in content:
            raise RecordError(name, "is missing, and a key of the table")
    if convert is None:
        keys = [content[name] for name in table.keys]
        typed = any(isinstance(key, dict) and not is_buffer(key) for key in keys)
        convert = from_typed if typed else from_plain
    item, size = {}, 0
    for name, value in content.items():
        path, name_size = _attribute(name, "")
        made, bytes_ = convert(value, path, 0)
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
            continue  # an item without an index's key is not in the index
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
