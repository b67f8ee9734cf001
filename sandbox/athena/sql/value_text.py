"""Values as text: as in Trino's CAST to varchar, in a result, and in a JSON object.

Source: Athena user guide, "Working with query results"; values print as Trino's CAST to varchar does, arrays
as `[a, b]`, rows as `{x=1, y=2}`, maps as `{k=v}`, bytes as spaced hexadecimal digits.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.athena.sql.trino_types import Type


def java_double(value: float) -> str:
    """A double as `Double.toString` prints it: 1.0E10, 0.001, NaN, Infinity."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    text = repr(value)
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
    """The function that prints one value of a type."""
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
    """The function that writes one value of a type into a JSON object."""
    if kind.is_text or kind.base in ("boolean", "json") or kind.is_integer or kind.base == "double":
        return lambda value: value
    if kind.base == "array":
        inner = json_value(kind.args[0])
        return lambda value: [None if item is None else inner(item) for item in value]
    return formatter(kind)
