"""Glue's column types: their text, their Arrow type, and the conversion of a JSON value.

Rules of the conversions: Trino, `OpenXJsonDeserializer` ("Type Mapping" in its README) for valid values, and
the AWS knowledge base on schema drift for invalid ones: a value that does not fit its column is
HIVE_BAD_DATA, with any `ignore.malformed.json`.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.formats.openx import Literal, text_of, whole_number

Decoder = Callable[[Any], Any]

_INTEGERS = {"tinyint": (pa.int8(), 8), "smallint": (pa.int16(), 16), "int": (pa.int32(), 32)}
_INTEGERS |= {"integer": (pa.int32(), 32), "bigint": (pa.int64(), 64)}
_SIMPLE = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "binary": pa.binary(),
}
_DIGITS = 38  # of a decimal; an integer, or a time in milliseconds, has fewer
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


class HiveType:
    """One column's type: Glue's `text`, the Arrow type, and `decode` from a JSON value."""

    __slots__ = ("arrow", "decode", "text")

    def __init__(self, text: str, arrow: pa.DataType, decode: Decoder) -> None:
        self.text = text
        self.arrow = arrow
        self.decode = decode


def parse_type(text: str) -> HiveType:
    """The type in a Glue column's declaration: `string`, `decimal(10,2)`, `array<struct<a:int>>`.

    Raises `QueryError` for a type that Athena does not have.
    """
    parsed, rest = _parse(text.strip().lower())
    if rest.strip():
        raise _unknown(text)
    return parsed


def _unknown(text: str) -> QueryError:
    return QueryError("HIVE_INVALID_METADATA", f"Unsupported Hive type: {text}")


def _parse(text: str) -> tuple[HiveType, str]:
    match = re.match(r"[a-z_]+", text)
    if not match:
        raise _unknown(text)
    name, rest = match.group(), text[match.end() :]
    if name in ("array", "map", "struct", "uniontype"):
        return _parse_nested(name, rest)
    arguments: list[int] = []
    if bracket := re.match(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", rest):
        arguments = [int(group) for group in bracket.groups() if group]
        rest = rest[bracket.end() :]
    return _simple(name, arguments), rest


def _simple(name: str, arguments: list[int]) -> HiveType:
    if name in _INTEGERS:
        arrow, bits = _INTEGERS[name]
        return HiveType(name, arrow, _whole(name, bits))
    if name == "decimal":
        precision, scale = [*arguments, 0][:2] if arguments else (10, 0)
        return HiveType(
            f"decimal({precision},{scale})", pa.decimal128(precision, scale), _decimal(precision, scale)
        )
    if name in ("varchar", "char"):
        length = arguments[0] if arguments else 65_535
        return HiveType(f"{name}({length})", pa.string(), lambda value: (text_of(value) or "")[:length])
    if name not in _SIMPLE:
        raise _unknown(name)
    decoders: dict[str, Decoder] = {
        "string": text_of,
        "boolean": lambda value: (text_of(value) or "").lower() == "true",
        "double": _floating("double"),
        "float": _floating("float"),
        "real": _floating("real"),
        "date": _date,
        "timestamp": _timestamp,
        "binary": _binary,
    }
    return HiveType(name, _SIMPLE[name], decoders[name])


def _parse_nested(name: str, rest: str) -> tuple[HiveType, str]:
    if not rest.startswith("<"):
        raise _unknown(name)
    rest = rest[1:]
    names: list[str] = []
    types: list[HiveType] = []
    while True:
        if name == "struct":
            field = re.match(r"([^:,<>]+):", rest)
            if not field:
                raise _unknown(name)
            names.append(field.group(1).strip())
            rest = rest[field.end() :]
        inner, rest = _parse(rest.lstrip())
        types.append(inner)
        rest = rest.lstrip()
        if rest[:1] not in (",", ">"):
            raise _unknown(name)
        closed, rest = rest[0] == ">", rest[1:]
        if closed:
            break
    if name == "array" and len(types) == 1:
        return HiveType(f"array<{types[0].text}>", pa.list_(types[0].arrow), _array(types[0])), rest
    if name == "map" and len(types) == 2:
        text = f"map<{types[0].text},{types[1].text}>"
        return HiveType(text, pa.map_(types[0].arrow, types[1].arrow), _map(*types)), rest
    if name == "struct":
        text = "struct<" + ",".join(f"{n}:{t.text}" for n, t in zip(names, types, strict=True)) + ">"
        arrow = pa.struct([(n, t.arrow) for n, t in zip(names, types, strict=True)])
        return HiveType(text, arrow, _struct(names, types)), rest
    raise UnsupportedError(f"the column type {name}", "Declare the column as string.")


def bad_data(value: Any, name: str) -> QueryError:
    """The error for a value that does not fit its column. It omits the value: a message may be logged."""
    kind = {dict: "JSON object", list: "JSON array", bool: "boolean"}.get(type(value))
    kind = kind or ("number" if isinstance(value, int | float | Literal) else "string")
    return QueryError(
        "HIVE_BAD_DATA", f"Error parsing field value: a {kind} can not be coerced to {name.upper()}"
    )


def _text(value: Any, name: str) -> str:
    if isinstance(value, dict | list):
        raise bad_data(value, name)
    return str(text_of(value))


def _whole(name: str, bits: int) -> Decoder:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)

    def decode(value: Any) -> int:
        if type(value) is int and low <= value < high:
            return value
        text = str(value) if isinstance(value, Literal) else _text(value, name)
        try:
            number = whole_number(text)
        except ValueError:
            try:
                number = _integer(Decimal(text))
            except (InvalidOperation, ValueError, OverflowError):
                raise bad_data(value, name) from None
        if not low <= number < high:
            raise bad_data(value, name)
        return number

    return decode


def _integer(number: Decimal) -> int:
    """The whole part of a number. Raises OverflowError when no column can contain it: `1E999999` is long."""
    if number.adjusted() > _DIGITS:
        raise OverflowError("a number with more digits than any column can contain")
    return int(number)


def _floating(name: str) -> Decoder:
    def decode(value: Any) -> float:
        try:
            return float(_text(value, name))
        except ValueError:
            raise bad_data(value, name) from None

    return decode


def _decimal(precision: int, scale: int) -> Decoder:
    unit = Decimal(1).scaleb(-scale)

    def decode(value: Any) -> Decimal:
        try:
            number = Decimal(_text(value, "decimal")).quantize(unit, rounding=ROUND_HALF_UP)
        except InvalidOperation:
            raise bad_data(value, "decimal") from None
        if len(number.as_tuple().digits) > precision:
            raise bad_data(value, "decimal")
        return number

    return decode


def _date(value: Any) -> dt.date:
    text = _text(value, "date")
    try:
        return dt.date.fromisoformat(text.strip().split(" ")[0])
    except ValueError:
        try:
            return dt.date(1970, 1, 1) + dt.timedelta(days=whole_number(text))
        except (ValueError, OverflowError):
            raise bad_data(value, "date") from None


def _timestamp(value: Any) -> dt.datetime:
    text = _text(value, "timestamp").strip()
    if match := _TIMESTAMP.fullmatch(text):
        day, hour, minute, second, fraction, zone = match.groups()
        try:
            moment = dt.datetime.fromisoformat(f"{day}T{hour or '00'}:{minute or '00'}:{second or '00'}")
        except ValueError:
            raise bad_data(value, "timestamp") from None
        moment += dt.timedelta(microseconds=int((fraction or "0").ljust(6, "0")[:3]) * 1_000)
        if zone and zone.upper() != "Z":
            digits = zone[1:].replace(":", "")
            offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            moment += offset if zone[0] == "-" else -offset
        return moment
    try:
        number = Decimal(text)
        seconds = number / 1_000 if "." not in text and len(text) >= 13 else number
        return dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=_integer(seconds * 1_000))
    except (ArithmeticError, ValueError):
        raise bad_data(value, "timestamp") from None


def _binary(value: Any) -> bytes:
    if type(value) is not str:
        raise bad_data(value, "binary")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise bad_data(value, "binary") from None


def _array(element: HiveType) -> Decoder:
    def decode(value: Any) -> list[Any] | None:
        if value == "":
            return None
        items = value if isinstance(value, list) else [value]  # a single value is read as an array of one
        return [None if item is None else element.decode(item) for item in items]

    return decode


def _map(key: HiveType, item: HiveType) -> Decoder:
    def decode(value: Any) -> list[tuple[Any, Any]] | None:
        if isinstance(value, str) and not value.strip():
            return None
        if not isinstance(value, dict):
            raise bad_data(value, "map")
        return [(key.decode(str(k)), None if v is None else item.decode(v)) for k, v in value.items()]

    return decode


def _struct(names: list[str], types: list[HiveType]) -> Decoder:
    fields = list(zip(names, types, strict=True))

    def decode(value: Any) -> dict[str, Any] | None:
        if isinstance(value, str) and not value.strip():
            return {name: None for name, _ in fields}
        if isinstance(value, list):
            padded = value + [None] * len(fields)
            return {n: None if v is None else t.decode(v) for (n, t), v in zip(fields, padded, strict=False)}
        if not isinstance(value, dict):
            raise bad_data(value, "row")
        by_name = {k.lower(): v for k, v in value.items()}
        return {n: None if by_name.get(n) is None else t.decode(by_name[n]) for n, t in fields}

    return decode
