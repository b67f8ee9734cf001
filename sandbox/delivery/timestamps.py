"""Java's DateTimeFormatter patterns for an instant in a time zone.

Source: Java 8 API, java.time.format.DateTimeFormatter, "Patterns for Formatting and Parsing", to which the
Firehose developer guide refers for `!{timestamp:…}`. Locale-dependent text is English. Seconds
are the finest unit: Firehose writes zeros for fractions (seen in recorded deliveries).
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable

_MONTHS = list(calendar.month_name)[1:]
_DAYS = list(calendar.day_name)
_RESERVED = frozenset("{}#")


class PatternError(ValueError):
    """DateTimeFormatter does not accept the pattern, or one of its letters is not supported here."""


def _number(value: int, width: int) -> str:
    return str(value).zfill(width)


def _name(names: list[str], index: int, count: int) -> str:
    """Text forms: three letters short, four full, five narrow."""
    if count == 3:
        return names[index][:3]
    return names[index] if count == 4 else names[index][0]


def _year(value: int, count: int) -> str:
    return _number(value % 100, 2) if count == 2 else _number(value, count)


def _month(moment: dt.datetime, count: int) -> str:
    if count <= 2:
        return _number(moment.month, count)
    return _name(_MONTHS, moment.month - 1, count)


def _day_name(moment: dt.datetime, count: int) -> str:
    return _name(_DAYS, moment.weekday(), max(count, 3))


def _local_day(moment: dt.datetime, count: int) -> str:
    """`e`: the day of the week with Sunday first (locale en_US)."""
    return _number(moment.isoweekday() % 7 + 1, count) if count <= 2 else _day_name(moment, count)


def _quarter(moment: dt.datetime, count: int) -> str:
    quarter = (moment.month - 1) // 3 + 1
    ordinals = ("1st", "2nd", "3rd", "4th")
    if count <= 2:
        return _number(quarter, count)
    return f"Q{quarter}" if count == 3 else f"{ordinals[quarter - 1]} quarter" if count == 4 else str(quarter)


def _offset(moment: dt.datetime, count: int, *, zulu: bool) -> str:
    """`X` (Z for zero) and `x`: +08, +0830, +08:30."""
    seconds = int((moment.utcoffset() or dt.timedelta()).total_seconds())
    if zulu and not seconds:
        return "Z"
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    if count == 1:
        return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")
    return f"{sign}{hours:02d}{':' if count in {3, 5} else ''}{minutes:02d}"


def _rfc_offset(moment: dt.datetime, count: int) -> str:
    """`Z`: +0000; four letters GMT+08:00; five +08:00 with Z for zero."""
    if count <= 3:
        return _offset(moment, 2, zulu=False)
    return _gmt_offset(moment, 4) if count == 4 else _offset(moment, 3, zulu=True)


def _gmt_offset(moment: dt.datetime, count: int) -> str:
    """`O`: GMT+8; four letters GMT+08:00."""
    seconds = int((moment.utcoffset() or dt.timedelta()).total_seconds())
    if not seconds:
        return "GMT"
    if count == 4:
        return "GMT" + _offset(moment, 3, zulu=False)
    sign, (hours, minutes) = "-" if seconds < 0 else "+", divmod(abs(seconds) // 60, 60)
    return f"GMT{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


def _zone_id(moment: dt.datetime, _count: int) -> str:
    return getattr(moment.tzinfo, "key", None) or moment.tzname() or "UTC"


def _zone_name(moment: dt.datetime, count: int) -> str:
    if count == 4:
        if _zone_id(moment, 2) == "UTC":
            return "Coordinated Universal Time"
        raise PatternError("long time zone names are not supported here: use V or z")
    return moment.tzname() or "UTC"


def _fraction(moment: dt.datetime, count: int) -> str:  # noqa: ARG001  seconds are the finest unit
    return "0" * count


# letter → (most letters in a row, the value as text)
_FIELDS: dict[str, tuple[int, Callable[[dt.datetime, int], str]]] = {
    "G": (5, lambda _, count: {4: "Anno Domini", 5: "A"}.get(count, "AD")),
    "u": (19, lambda moment, count: _year(moment.year, count)),
    "y": (19, lambda moment, count: _year(moment.year, count)),
    "Y": (19, lambda moment, count: _year(_week_year(moment)[0], count)),
    "D": (3, lambda moment, count: _number(moment.timetuple().tm_yday, count)),
    "M": (5, _month),
    "L": (5, _month),
    "d": (2, lambda moment, count: _number(moment.day, count)),
    "Q": (5, _quarter),
    "q": (5, _quarter),
    "w": (2, lambda moment, count: _number(_week_year(moment)[1], count)),
    "W": (1, lambda moment, count: _number(_week_of_month(moment), count)),
    "E": (5, _day_name),
    "e": (5, _local_day),
    "F": (1, lambda moment, count: _number((moment.day - 1) % 7 + 1, count)),
    "a": (1, lambda moment, _: "AM" if moment.hour < 12 else "PM"),
    "h": (2, lambda moment, count: _number((moment.hour - 1) % 12 + 1, count)),
    "K": (2, lambda moment, count: _number(moment.hour % 12, count)),
    "k": (2, lambda moment, count: _number(moment.hour or 24, count)),
    "H": (2, lambda moment, count: _number(moment.hour, count)),
    "m": (2, lambda moment, count: _number(moment.minute, count)),
    "s": (2, lambda moment, count: _number(moment.second, count)),
    "S": (9, _fraction),
    "n": (19, _fraction),
    "A": (19, lambda moment, count: _number(_second_of_day(moment) * 1000, count)),
    "N": (19, lambda moment, count: _number(_second_of_day(moment) * 10**9, count)),
    "V": (2, _zone_id),
    "z": (4, _zone_name),
    "O": (4, _gmt_offset),
    "X": (5, lambda moment, count: _offset(moment, count, zulu=True)),
    "x": (5, lambda moment, count: _offset(moment, count, zulu=False)),
    "Z": (5, _rfc_offset),
}
_EXACTLY = {"V": {2}, "O": {1, 4}}


def _second_of_day(moment: dt.datetime) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _week_start(day: dt.date) -> dt.date:
    """The Sunday with which the week of a day begins (locale en_US)."""
    return day - dt.timedelta(days=day.isoweekday() % 7)


def _week_year(moment: dt.datetime) -> tuple[int, int]:
    """Week-based year and week; weeks begin on Sunday, the first one contains 1 January (locale en_US)."""
    start = _week_start(moment.date())
    year = (start + dt.timedelta(days=6)).year
    return year, (start - _week_start(dt.date(year, 1, 1))).days // 7 + 1


def _week_of_month(moment: dt.datetime) -> int:
    first = _week_start(moment.date().replace(day=1))
    return (_week_start(moment.date()) - first).days // 7 + 1


def format_timestamp(pattern: str, moment: dt.datetime) -> str:
    """`moment`, with its time zone, in the pattern. Raises PatternError."""
    parts: list[str] = []
    at = depth = 0
    width = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            text, at = _quoted(pattern, at)
        elif char.isascii() and char.isalpha():
            end = at
            while end < len(pattern) and pattern[end] == char:
                end += 1
            if char == "p":  # pads the next field to this width
                width, at = end - at, end
                if at >= len(pattern) or pattern[at] not in _FIELDS:
                    raise PatternError(f"the pad letters in {pattern!r} have no field after them")
                continue
            text, at = _field(char, end - at, moment), end
        elif char in "[]":
            depth += 1 if char == "[" else -1
            if depth < 0:
                raise PatternError(f"{pattern!r} closes an optional section that is not open")
            text, at = "", at + 1
        elif char in _RESERVED:
            raise PatternError(f"{char!r} is reserved in {pattern!r}: put it in quotes")
        else:
            text, at = char, at + 1
        if width:
            if len(text) > width:
                raise PatternError(f"a value does not fit into its padding in {pattern!r}")
            text, width = text.rjust(width), 0
        parts.append(text)
    return "".join(parts)


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    """A quoted text, and where it ends; two quotes mean one quote."""
    if pattern.startswith("''", at):
        return "'", at + 2
    text: list[str] = []
    at += 1
    while at < len(pattern):
        if pattern[at] != "'":
            text.append(pattern[at])
            at += 1
        elif pattern.startswith("''", at):
            text.append("'")
            at += 2
        else:
            return "".join(text), at + 1
    raise PatternError(f"a quote in {pattern!r} is never closed")


def _field(letter: str, count: int, moment: dt.datetime) -> str:
    if letter not in _FIELDS:
        raise PatternError(f"the pattern letter {letter!r} is not supported here")
    most, value = _FIELDS[letter]
    if count > most or count not in _EXACTLY.get(letter, {count}):
        raise PatternError(f"{letter * count!r}: too many, or too few, {letter!r} in a row")
    return value(moment, count)
