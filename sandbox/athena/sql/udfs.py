"""Functions that DuckDB lacks: SQL macros where possible, otherwise Python."""

import datetime as dt
import functools
import math
import re
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from urllib.parse import quote_plus, unquote_plus
from zoneinfo import ZoneInfo

import duckdb
from duckdb import sqltypes as d
from duckdb.func import FunctionNullHandling

from sandbox.athena.errors import unsupported
from sandbox.athena.sql import json_values
from sandbox.athena.sql.value_text import java_double, sql_double

_EPOCH = dt.datetime(1970, 1, 1)

# The parameters of lambdas begin with `__`, so that none shadows a user's parameter inside an argument.
MACROS = (
    # Java maps code point to code point, so the sharp s stays
    "trino_upper(s) AS replace(upper(replace(s, 'ß', chr(1))), chr(1), 'ß')",
    # the rank of approx_percentile while its digest still contains every single value
    "trino_rank(l, q) AS CASE WHEN len(l) > 0 THEN "
    "list_sort(l)[1 + least(CAST(floor(q * len(l)) AS BIGINT), len(l) - 1)] END",
    "trino_percentile(l, q) AS trino_rank(list_filter(l, lambda __v: __v IS NOT NULL), q)",
    "trino_percentiles(l, shares) AS CASE WHEN len(list_filter(l, lambda __v: __v IS NOT NULL)) > 0 THEN "
    "list_transform(shares, lambda __q: trino_percentile(l, __q)) END",
    # positions count from 1, negative ones from the end, 0 and positions out of range return empty text
    "trino_substr(s, p) AS CASE WHEN p = 0 OR abs(p) > length(s) THEN '' ELSE substr(s, p) END",
    "trino_substr_length(s, p, n) AS CASE WHEN p = 0 OR abs(p) > length(s) OR n <= 0 THEN '' "
    "ELSE substr(s, p, n) END",
    "trino_replace(s, f, r) AS CASE WHEN f = '' THEN error('TRINO[NOT_SUPPORTED: the sandbox''s Athena "
    "does not support replace of an empty text. Write the query without it, or run it on AWS.]') "
    "ELSE replace(s, f, r) END",
    "trino_has_null(a) AS len(list_filter(a, lambda __v: __v IS NULL)) > 0",
    "trino_contains(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL WHEN list_contains(a, x) THEN TRUE "
    "WHEN trino_has_null(a) THEN NULL ELSE FALSE END",
    # the first of equal ones stays
    "trino_array_distinct(a) AS list_filter(a, lambda __v, __i: NOT coalesce("
    "list_contains(a[1:__i - 1], __v), FALSE) AND NOT (__v IS NULL AND trino_has_null(a[1:__i - 1])))",
    "trino_array_max(a) AS CASE WHEN NOT trino_has_null(a) THEN list_max(a) END",
    "trino_array_min(a) AS CASE WHEN NOT trino_has_null(a) THEN list_min(a) END",
    "trino_slice(a, s, n) AS CASE WHEN s > 0 THEN a[s:s + n - 1] WHEN s < 0 AND -s <= len(a) "
    "THEN a[len(a) + s + 1:len(a) + s + n] ELSE a[1:0] END",
    "trino_sequence(a, b) AS generate_series(a, b, CASE WHEN a <= b THEN 1 ELSE -1 END)",
    "trino_split(s, d, n) AS CASE WHEN len(string_split(s, d)) <= n THEN string_split(s, d) ELSE "
    "list_append(string_split(s, d)[1:n - 1], array_to_string(string_split(s, d)[n:], d)) END",
    # DuckDB needs a constant group
    "trino_regexp_extract_all(s, p, g) AS CASE g WHEN 0 THEN regexp_extract_all(s, p, 0) "
    "WHEN 1 THEN regexp_extract_all(s, p, 1) WHEN 2 THEN regexp_extract_all(s, p, 2) "
    "WHEN 3 THEN regexp_extract_all(s, p, 3) ELSE error('TRINO[NOT_SUPPORTED: the sandbox''s Athena does not "
    "support a group above 3 in a regular expression. Write the query without it, or run it on AWS.]') END",
    "trino_regexp_extract(s, p, g) AS CASE WHEN regexp_matches(s, p) "
    "THEN list_extract(trino_regexp_extract_all(s, p, g), 1) END",
)

_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?(Z|z|[+-]\d\d(?::?\d\d)?)?"
)


# A quoted text may end without a quote, so the pattern never fails there and never reads a quote twice.
_TOKEN = re.compile(r"'(?:[^']|'')*'?|([A-Za-z])\1*|[^A-Za-z']")


def fail(code: str, message: str) -> ValueError:
    """An error that the engine reports as the query's failure."""
    return ValueError(f"TRINO[{code}: {message}]")


def _micros(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def _moment(micros: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=micros)


def _iso_micros(text: str, *, any_offset: bool = False) -> int:
    """Microseconds since 1970 of an ISO 8601 time, in whole milliseconds.

    An offset other than UTC is rejected where the result would show it, because values here have no offset.
    """
    match = _ISO.fullmatch(text)
    if not match:
        raise fail("INVALID_FUNCTION_ARGUMENT", f'Invalid format: "{text}"')
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    offset = _offset_micros(zone or "Z")
    if offset and not any_offset:
        raise fail(
            "NOT_SUPPORTED",
            unsupported("a time with an offset other than UTC", "Convert it with AT TIME ZONE 'UTC'."),
        )
    try:
        moment = dt.datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        raise fail("INVALID_FUNCTION_ARGUMENT", f'Cannot parse "{text}": value out of range') from None
    return _micros(moment) + int((fraction or "0").ljust(3, "0")[:3]) * 1_000 - offset


def _offset_micros(zone: str) -> int:
    """The offset `Z`, `+02`, `+0530` or `-05:30` from UTC."""
    if zone in "Zz":
        return 0
    ahead = (int(zone[1:3]) * 60 + int(zone[3:].removeprefix(":") or 0)) * 60_000_000
    return -ahead if zone[0] == "-" else ahead


def iso_timestamp_micros(text: str) -> int:
    """from_iso8601_timestamp for texts that DuckDB's cast does not accept."""
    return _iso_micros(text)


def iso_instant_micros(text: str) -> int:
    """The same with any offset, for callers that convert the instant to another zone."""
    return _iso_micros(text, any_offset=True)


def iso_date_days(text: str) -> int:
    """from_iso8601_date as days since 1970."""
    return _iso_micros(text) // 86_400_000_000


def _tokens(pattern: str) -> list[str]:
    """A Joda pattern as runs of one letter, quoted texts and other characters."""
    return [match.group() for match in _TOKEN.finditer(pattern)]


def _quoted(run: str) -> str:
    """The text of a quoted run in a pattern; two quotes are one, and the end closes an open quote."""
    if run == "''":
        return "'"
    text = run[1:-1] if run.count("'") % 2 == 0 else run[1:]
    return text.replace("''", "'")


def format_datetime(micros: int, pattern: str, zone: str) -> str:
    """format_datetime: Joda's pattern letters over a wall-clock time."""
    moment = _moment(micros)
    out = []
    for token in _tokens(pattern):
        letter, width = token[0], len(token)
        if letter == "'":
            out.append(_quoted(token))
        elif not letter.isalpha():
            out.append(token)
        else:
            out.append(_joda_part(moment, letter, width, zone))
    return "".join(out)


def _joda_part(moment: dt.datetime, letter: str, width: int, zone: str) -> str:  # noqa: PLR0911
    if letter in "yYx":
        year = moment.isocalendar()[0] if letter == "x" else moment.year
        return f"{year % 100:02d}" if width == 2 else str(year).zfill(width)
    if letter == "M":
        if width >= 3:
            return moment.strftime("%B" if width > 3 else "%b")
        return str(moment.month).zfill(width)
    if letter == "E":
        return moment.strftime("%A" if width > 3 else "%a")
    if letter == "a":
        return "AM" if moment.hour < 12 else "PM"
    if letter == "S":
        return f"{moment.microsecond // 1000:03d}".ljust(width, "0")[:width]
    if letter in "zZ":
        offset = moment.replace(tzinfo=ZoneInfo(zone)).utcoffset() or dt.timedelta()
        minutes = int(offset.total_seconds() // 60)
        text = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
        if letter == "z":
            return zone
        return text if width == 1 else (zone if width > 2 else f"{text[:3]}:{text[3:]}")
    values = {
        "d": moment.day,
        "D": moment.timetuple().tm_yday,
        "e": moment.isoweekday(),
        "w": moment.isocalendar()[1],
        "H": moment.hour,
        "k": moment.hour or 24,
        "h": moment.hour % 12 or 12,
        "K": moment.hour % 12,
        "m": moment.minute,
        "s": moment.second,
    }
    if letter not in values:
        raise fail("INVALID_FUNCTION_ARGUMENT", f"Illegal pattern component: {letter * width}")
    return str(values[letter]).zfill(width)


_MYSQL: dict[str, Callable[[dt.datetime], str]] = {
    "a": lambda m: m.strftime("%a"),
    "b": lambda m: m.strftime("%b"),
    "c": lambda m: str(m.month),
    "d": lambda m: f"{m.day:02d}",
    "e": lambda m: str(m.day),
    "f": lambda m: f"{m.microsecond:06d}",
    "H": lambda m: f"{m.hour:02d}",
    "h": lambda m: f"{m.hour % 12 or 12:02d}",
    "I": lambda m: f"{m.hour % 12 or 12:02d}",
    "i": lambda m: f"{m.minute:02d}",
    "j": lambda m: f"{m.timetuple().tm_yday:03d}",
    "k": lambda m: str(m.hour),
    "l": lambda m: str(m.hour % 12 or 12),
    "M": lambda m: m.strftime("%B"),
    "m": lambda m: f"{m.month:02d}",
    "p": lambda m: "AM" if m.hour < 12 else "PM",
    "r": lambda m: m.strftime("%I:%M:%S ") + ("AM" if m.hour < 12 else "PM"),
    "S": lambda m: f"{m.second:02d}",
    "s": lambda m: f"{m.second:02d}",
    "T": lambda m: m.strftime("%H:%M:%S"),
    "v": lambda m: f"{m.isocalendar()[1]:02d}",
    "W": lambda m: m.strftime("%A"),
    "x": lambda m: str(m.isocalendar()[0]),
    "Y": lambda m: f"{m.year:04d}",
    "y": lambda m: f"{m.year % 100:02d}",
    "%": lambda _: "%",
}


def date_format(micros: int, pattern: str, _: str) -> str:
    """date_format: MySQL's %-letters over a wall-clock time."""
    moment = _moment(micros)

    def part(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter in "DUuVwX":
            raise fail("INVALID_FUNCTION_ARGUMENT", f"%{letter} not supported in date format string")
        return _MYSQL[letter](moment) if letter in _MYSQL else letter

    return re.sub(r"%(.)", part, pattern)


_PARSED = {
    "Y": "%Y",
    "y": "%y",
    "m": "%m",
    "c": "%m",
    "d": "%d",
    "e": "%d",
    "H": "%H",
    "k": "%H",
    "h": "%I",
    "I": "%I",
}
_PARSED |= {
    "l": "%I",
    "i": "%M",
    "s": "%S",
    "S": "%S",
    "p": "%p",
    "f": "%f",
    "T": "%H:%M:%S",
    "b": "%b",
    "M": "%B",
}
_PARSED |= {"a": "%a", "W": "%A", "j": "%j", "r": "%I:%M:%S %p", "%": "%%"}


def date_parse(text: str, pattern: str) -> int:
    """date_parse: microseconds since 1970, cut to milliseconds."""

    def part(match: re.Match[str]) -> str:
        if match.group(1) not in _PARSED:
            raise fail("NOT_SUPPORTED", unsupported(f"date_parse with %{match.group(1)}"))
        return _PARSED[match.group(1)]

    return _strptime(text, re.sub(r"%(.)", part, pattern))


def _strptime(text: str, pattern: str) -> int:
    try:
        moment = dt.datetime.strptime(text, pattern)
    except ValueError:
        raise fail("INVALID_FUNCTION_ARGUMENT", f'Invalid format: "{text}"') from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return _micros(moment) // 1_000 * 1_000


def parse_datetime(text: str, pattern: str) -> int:
    """parse_datetime: Joda's pattern, microseconds since 1970 in UTC."""
    codes = {
        "y": "%Y",
        "Y": "%Y",
        "M": "%m",
        "d": "%d",
        "H": "%H",
        "h": "%I",
        "m": "%M",
        "s": "%S",
        "S": "%f",
    }
    codes |= {"a": "%p", "Z": "%z"}
    out = []
    for token in _tokens(pattern):
        if token[0] == "'":
            out.append(_quoted(token))
        elif not token[0].isalpha():
            out.append(token.replace("%", "%%"))
        elif token[0] in codes and not (token[0] == "M" and len(token) > 2):
            out.append(codes[token[0]])
        else:
            raise fail("NOT_SUPPORTED", unsupported(f"parse_datetime with {token}"))
    return _strptime(text, "".join(out))


def to_iso8601(micros: int, zone: str, digits: int) -> str:
    """to_iso8601 of a wall-clock time, with its zone's offset when it has one, and its type's digits."""
    moment = _moment(micros)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if digits:
        text += f".{moment.microsecond // 1000:03d}"[: digits + 1]
    if not zone:
        return text
    offset = moment.replace(tzinfo=ZoneInfo(zone)).utcoffset() or dt.timedelta()
    minutes = int(offset.total_seconds() // 60)
    return text + (
        "Z"
        if zone == "UTC"
        else f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    )


def text_to_timestamptz(text: str, safe: bool) -> int | None:
    """CAST(varchar AS timestamp with time zone) as microseconds since 1970."""
    match = re.fullmatch(
        r"\s*(\d+-\d{1,2}-\d{1,2})(?: (\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d+)?)?))?"
        r" ?([A-Za-z][\w/+-]*|[+-]\d\d:\d\d)?\s*",
        text,
    )
    try:
        if match is None:
            raise ValueError(text)
        day, clock, zone = match.groups()
        year, month, date = (int(part) for part in day.split("-"))
        parts = (clock or "0:0:0").split(":")
        seconds = Decimal(parts[2]) if len(parts) > 2 else Decimal(0)
        moment = dt.datetime(year, month, date, int(parts[0]), int(parts[1]), int(seconds))
        moment += dt.timedelta(milliseconds=int((seconds % 1) * 1_000))
        if zone and zone.upper() not in ("UTC", "Z", "+00:00"):
            raise fail("NOT_SUPPORTED", unsupported("a zone other than UTC in this cast"))
        return _micros(moment)
    except ValueError as error:
        if "TRINO[" in str(error):
            raise
        if safe:
            return None
        raise fail(
            "INVALID_CAST_ARGUMENT", f"Value cannot be cast to timestamp with time zone: {text}"
        ) from None


def decimal_arithmetic(left: str, operator: str, right: str, scale: int, safe: bool) -> str | None:
    """Exact decimal arithmetic at a scale, halves rounded away from zero."""
    first, second = Decimal(left), Decimal(right)
    with localcontext() as context:
        context.prec = 100
        context.rounding = ROUND_HALF_UP
        if operator in "/%" and second == 0:
            if safe:
                return None
            raise fail("DIVISION_BY_ZERO", "Division by zero")
        if operator == "/":
            value = first / second
        elif operator == "%":
            value = first % second
        elif operator == "*":
            value = first * second
        else:
            value = first + second if operator == "+" else first - second
        value = value.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
    if len(value.as_tuple().digits) > 38:
        if safe:
            return None
        raise fail("NUMERIC_VALUE_OUT_OF_RANGE", "Decimal overflow")
    return format(value, "f")


def decimal_average(parts: list[str | None], scale: int) -> str | None:
    """Sum over count at a scale; NULL over nothing."""
    if not parts or parts[0] is None or parts[1] in (None, "0"):
        return None
    return decimal_arithmetic(parts[0], "/", str(parts[1]), scale, False)


def truncate_decimal(text: str, digits: int) -> str:
    """truncate(decimal, digits): towards zero, the scale kept."""
    return format(Decimal(text).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_DOWN), "f")


def cube_root(value: float) -> float:
    """cbrt, exact for cubes of whole numbers."""
    root = math.cbrt(value)
    return float(round(root)) if math.isfinite(root) and round(root) ** 3 == value else root


def from_base(text: str, radix: int) -> int:
    """from_base."""
    try:
        return int(text, radix)
    except ValueError:
        raise fail("INVALID_FUNCTION_ARGUMENT", f"Not a valid base-{radix} number: {text}") from None


# DuckDB counts a function's parameters, so each function has its exact number.


def _double_text(value: float) -> str:
    return sql_double(value)


def _real_text(value: float) -> str:
    return sql_double(value, real=True)


def _double_json(value: float) -> str:
    return java_double(value)


def _url_encode(text: str) -> str:
    return quote_plus(text, safe="*-._")


def _url_decode(text: str) -> str:
    return unquote_plus(text)


def _guard(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*arguments: Any) -> Any:
        if None in arguments:
            return None
        try:
            return function(*arguments)
        except json_values.JsonError as error:
            raise ValueError(f"TRINO[{error}]") from None

    return guarded


_TEXT, _LONG, _FLAG = d.VARCHAR, d.BIGINT, d.BOOLEAN
_FUNCTIONS: dict[str, tuple[Callable[..., Any], list[Any], Any]] = {
    "trino_double_text": (_double_text, [d.DOUBLE], _TEXT),
    "trino_real_text": (_real_text, [d.FLOAT], _TEXT),
    "trino_double_json": (_double_json, [d.DOUBLE], _TEXT),
    "trino_truncate": (truncate_decimal, [_TEXT, d.INTEGER], _TEXT),
    "trino_cbrt": (cube_root, [d.DOUBLE], d.DOUBLE),
    "trino_decimal": (decimal_arithmetic, [_TEXT, _TEXT, _TEXT, d.INTEGER, _FLAG], _TEXT),
    "trino_avg": (decimal_average, [duckdb.list_type(_TEXT), d.INTEGER], _TEXT),
    "trino_from_base": (from_base, [_TEXT, _LONG], _LONG),
    "trino_url_encode": (_url_encode, [_TEXT], _TEXT),
    "trino_url_decode": (_url_decode, [_TEXT], _TEXT),
    "trino_iso_micros": (iso_timestamp_micros, [_TEXT], _LONG),
    "trino_instant_micros": (iso_instant_micros, [_TEXT], _LONG),
    "trino_iso_days": (iso_date_days, [_TEXT], _LONG),
    "trino_format_datetime": (format_datetime, [_LONG, _TEXT, _TEXT], _TEXT),
    "trino_date_format": (date_format, [_LONG, _TEXT, _TEXT], _TEXT),
    "trino_date_parse": (date_parse, [_TEXT, _TEXT], _LONG),
    "trino_parse_datetime": (parse_datetime, [_TEXT, _TEXT], _LONG),
    "trino_to_iso8601": (to_iso8601, [_LONG, _TEXT, d.INTEGER], _TEXT),
    "trino_zoned_micros": (text_to_timestamptz, [_TEXT, _FLAG], _LONG),
    "trino_json_quote": (json_values.quoted, [_TEXT], _TEXT),
    "trino_json_parse": (json_values.parse, [_TEXT], _TEXT),
    "trino_json_extract": (json_values.extract, [_TEXT, _TEXT], _TEXT),
    "trino_json_extract_scalar": (json_values.extract_scalar, [_TEXT, _TEXT], _TEXT),
    "trino_json_array_length": (json_values.array_length, [_TEXT], _LONG),
    "trino_json_array_get": (json_values.array_get, [_TEXT, _LONG], _TEXT),
    "trino_json_array_contains": (json_values.array_contains, [_TEXT, _TEXT], _FLAG),
    "trino_json_size": (json_values.size, [_TEXT, _TEXT], _LONG),
    "trino_json_cast": (json_values.cast, [_TEXT, _TEXT, _FLAG], _TEXT),
}
# DuckDB parses the stream's format, always UTC; Python parses the rest of ISO 8601
_FROM_ISO = (
    "{}(x) AS CASE WHEN regexp_full_match(x, "
    r"'\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}:\d{{2}}:\d{{2}}(?:\.\d{{1,6}})?Z') THEN "
    "make_timestamptz(epoch_us(CAST(replace(replace(x, 'T', ' '), 'Z', '') AS TIMESTAMP)) // 1000 * 1000) "
    "ELSE make_timestamptz({}(x)) END"
)
_AFTER = (
    _FROM_ISO.format("trino_from_iso8601_timestamp", "trino_iso_micros"),
    _FROM_ISO.format("trino_from_iso8601_instant", "trino_instant_micros"),
    "trino_from_iso8601_date(x) AS DATE '1970-01-01' + CAST(trino_iso_days(x) AS INTEGER)",
    "trino_text_to_timestamptz(x, safe) AS make_timestamptz(trino_zoned_micros(x, safe))",
)


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define all functions in the connection's database."""
    for name, (function, parameters, result) in _FUNCTIONS.items():
        connection.create_function(
            name, _guard(function), parameters, result, null_handling=FunctionNullHandling.SPECIAL
        )
    for macro in (*MACROS, *_AFTER):
        connection.execute(f"CREATE MACRO {macro}")
