"""Operators on numbers and times, with Trino's result types.

Source: Trino documentation, "Mathematical functions and operators", "Decimal functions and operators", "Date
and time functions and operators".
"""

import re

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql import casts
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.trino_types import Type, literal

MAX_DIGITS = 38


def arithmetic(  # noqa: PLR0911  one return a kind of operands
    left: str, left_type: Type, operator: str, right: str, right_type: Type, *, safe: bool
) -> tuple[str, Type] | None:
    """`left operator right` with Trino's result type, or None where it has no such operator."""
    if left_type.base == "unknown" and right_type.base == "unknown":
        return "NULL", t.UNKNOWN
    if left_type.is_time or right_type.is_time or "interval" in left_type.base + right_type.base:
        return _moments(left, left_type, operator, right, right_type)
    if left_type.base == "unknown":
        left, left_type = f"CAST(NULL AS {right_type.duckdb()})", right_type
    if right_type.base == "unknown":
        right, right_type = f"CAST(NULL AS {left_type.duckdb()})", left_type
    kind = t.common(left_type, right_type)
    if kind is None or not kind.is_number:
        return None
    if kind.base == "decimal":
        return _decimals(left, t.as_decimal(left_type), operator, right, t.as_decimal(right_type), safe=safe)
    left, right = (
        casts.cast(text, own, kind, safe=safe) for text, own in ((left, left_type), (right, right_type))
    )
    if kind.is_integer:
        if operator in "/%":
            divisor = f"nullif({right}, 0)"
            if not safe:
                zero = casts.failure("DIVISION_BY_ZERO", "'Division by zero'")
                divisor = f"CASE WHEN {right} = 0 THEN {zero} ELSE {right} END"
            return f"({left} {'//' if operator == '/' else '%'} {divisor})", kind
        return f"({left} {operator} {right})", kind
    if operator == "%":
        return f"CASE WHEN {right} = 0 THEN CAST('nan' AS DOUBLE) ELSE fmod({left}, {right}) END", kind
    return f"({left} {operator} {right})", kind


def _decimals(
    left: str, left_type: Type, operator: str, right: str, right_type: Type, *, safe: bool
) -> tuple[str, Type]:
    """Exact arithmetic; precision and scale as Trino's documentation, "Decimal functions and operators"."""
    (p1, s1), (p2, s2) = left_type.args, right_type.args
    if operator in "+-":
        scale = max(s1, s2)
        precision = max(p1 - s1, p2 - s2) + scale + 1
    elif operator == "*":
        scale, precision = s1 + s2, p1 + p2
    elif operator == "/":
        scale, precision = max(s1, s2), p1 + s2 + max(0, s2 - s1)
    else:
        scale = max(s1, s2)
        precision = min(p1 - s1, p2 - s2) + scale
    kind = t.decimal(max(1, min(MAX_DIGITS, precision)), scale)
    if scale > MAX_DIGITS:
        raise QueryError(
            "TYPE_MISMATCH", f"DECIMAL scale must be in range [0, precision ({MAX_DIGITS})]: {scale}"
        )
    operands = f"CAST({left} AS VARCHAR), {literal(operator)}, CAST({right} AS VARCHAR)"
    text = f"trino_decimal({operands}, {scale}, {'TRUE' if safe else 'FALSE'})"
    if operator in "+-" and precision <= 18:
        return f"CAST(({left} {operator} {right}) AS {kind.duckdb()})", kind
    return f"CAST({text} AS {kind.duckdb()})", kind


def _moments(  # noqa: PLR0911  one return a pair of kinds
    left: str, left_type: Type, operator: str, right: str, right_type: Type
) -> tuple[str, Type] | None:
    if operator == "+" and left_type.base.startswith("interval") and right_type.is_time:
        return _moments(right, right_type, operator, left, left_type)
    if operator in "+-" and left_type.is_time and right_type.base.startswith("interval"):
        if left_type.base == "date":
            return f"CAST({left} {operator} {right} AS DATE)", left_type
        if left_type.base == "timestamptz" and left_type.zone != "UTC":
            local = f"({casts.local_time(left, left_type)} {operator} {right})"
            return f"timezone({literal(left_type.zone)}, {local})", left_type
        return f"({left} {operator} {right})", left_type
    if operator == "-" and left_type.is_time and right_type.is_time:
        kind = t.common(left_type, right_type)
        if kind is not None and kind.base == "date":
            return f"to_days(CAST({left} - {right} AS INTEGER))", t.INTERVAL_DAY
        if kind is not None:
            a, b = (
                casts.cast(text, own, kind, safe=False)
                for text, own in ((left, left_type), (right, right_type))
            )
            return f"to_microseconds(epoch_us({a}) - epoch_us({b}))", t.INTERVAL_DAY
    if left_type.base == right_type.base and left_type.base.startswith("interval") and operator in "+-":
        return f"({left} {operator} {right})", left_type
    if left_type.base.startswith("interval") and right_type.is_number and operator in "*/":
        return f"({left} {operator} {right})", left_type
    if right_type.base.startswith("interval") and left_type.is_number and operator == "*":
        return f"({right} * {left})", right_type
    return None


def zoned_literal(text: str) -> tuple[str, Type] | None:
    """TIMESTAMP '2026-01-01 00:00 Europe/Paris' as an instant with its zone; None when it names no zone."""
    match = re.fullmatch(r"(\d+-\d+-\d+(?: [\d:.]+)?) ?([A-Za-z_/]+|[+-]\d\d:\d\d)", text.strip())
    if not match:
        return None
    zone = match.group(2)
    fraction = text.split(".")[1] if "." in text else ""
    digits = len(fraction) - len(fraction.lstrip("0123456789"))
    utc = zone.upper() in ("UTC", "Z", "+00:00")
    kind = Type("timestamptz", zone="UTC" if utc else zone, length=digits if digits < 3 else None)
    if zone[0] in "+-" and not utc:
        raise UnsupportedError(
            "a time zone written as an offset", "Use the name of a zone, as in 'Europe/Paris'."
        )
    if utc:
        zone = "UTC"
    local = casts.cast(literal(match.group(1)), t.VARCHAR, t.TIMESTAMP, safe=False)
    return f"timezone({literal(zone)}, {local})", kind
