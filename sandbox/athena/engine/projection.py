"""Partition projection: a table's folders, computed from its properties, not from the catalog.

Source: Athena user guide, "Partition projection with Amazon Athena" and "Supported types for partition
projection".
"""

import datetime as dt
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.ports import GlueTable

MAX_PARTITIONS = 200_000  # more is an error in the properties
_NOW = re.compile(r"NOW(?:\s*([+-])\s*(\d+)\s*(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?)?", re.IGNORECASE)
# Java DateTimeFormatter letters to strptime directives, for folder names.
_DIRECTIVES = {"yyyy": "%Y", "uuuu": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


@dataclass(frozen=True)
class Partition:
    """One folder of a table: its partition values as text, and its location."""

    values: tuple[tuple[str, str], ...]
    location: str


def is_projected(table: GlueTable) -> bool:
    """Whether the table's folders are computed."""
    return str((table.get("Parameters") or {}).get("projection.enabled", "")).lower() == "true"


def projected_partitions(table: GlueTable, now: dt.datetime) -> list[Partition]:
    """Every folder that the properties describe at this time (UTC, without zone).

    Raises `QueryError` with Athena's INVALID_TABLE_PROPERTY when the properties contradict each other.
    """
    parameters = {str(k).lower(): str(v) for k, v in (table.get("Parameters") or {}).items()}
    names = [str(key["Name"]).lower() for key in table.get("PartitionKeys") or []]
    root = str((table.get("StorageDescriptor") or {}).get("Location") or "").rstrip("/")
    template = parameters.get("storage.location.template") or root + "".join(f"/{n}=${{{n}}}" for n in names)
    for name in names:
        if f"${{{name}}}" not in template:
            raise _invalid(f"Table's storage location template does not contain the partition column {name}")
    choices = [_values(name, parameters, now) for name in names]
    if math.prod(len(values) for values in choices) > MAX_PARTITIONS:
        raise _invalid(f"The projection of table {table['Name']} has more than {MAX_PARTITIONS:,} partitions")
    found = []
    for combination in itertools.product(*choices):
        location = template
        for name, value in zip(names, combination, strict=True):
            location = location.replace(f"${{{name}}}", value)
        found.append(Partition(tuple(zip(names, combination, strict=True)), location))
    return found


def _invalid(message: str) -> QueryError:
    return QueryError("INVALID_TABLE_PROPERTY", message)


def _values(name: str, parameters: dict[str, str], now: dt.datetime) -> list[str]:
    def property_of(suffix: str, default: str | None = None) -> str:
        value = parameters.get(f"projection.{name}.{suffix}", default)
        if value is None:
            raise _invalid(
                f"Table is configured for partition projection, but 'projection.{name}.{suffix}' is missing"
            )
        return value

    kind = property_of("type").lower()
    if kind == "enum":
        return property_of("values").split(",")  # according to the guide a space is part of the value
    if kind == "integer":
        low, high = (int(part) for part in property_of("range").split(","))
        digits = int(property_of("digits", "0"))
        return [str(n).zfill(digits) for n in range(low, high + 1, int(property_of("interval", "1")))]
    if kind == "date":
        return _dates(name, property_of, now)
    if kind == "injected":
        raise UnsupportedError("the projection type injected", "Use the type enum, integer or date.")
    raise _invalid(f"Unknown projection type {kind} of partition column {name}")


def _dates(name: str, property_of: Callable[..., str], now: dt.datetime) -> list[str]:
    pattern = property_of("format")
    directive = re.sub(r"'([^']*)'", r"\1", pattern)
    for letters, code in _DIRECTIVES.items():
        directive = directive.replace(letters, code)
    if re.search(r"(?<!%)[A-Za-z]", directive):
        raise UnsupportedError(
            f"the projection date format {pattern}", f"Use only {', '.join(_DIRECTIVES)} and quoted text."
        )
    bounds = [part.strip() for part in property_of("range").split(",")]
    if len(bounds) != 2:
        raise _invalid(f"The range of partition column {name} must be two values: first,last")
    low, high = (_bound(part, directive, now) for part in bounds)
    unit = property_of("interval.unit", "DAYS" if "%H" not in directive else "HOURS").upper().rstrip("S")
    step = int(property_of("interval", "1"))
    found: list[str] = []
    moment = low
    while moment <= high and len(found) < MAX_PARTITIONS:
        text = moment.strftime(directive)
        if not found or found[-1] != text:
            found.append(text)
        moment = _shift(moment, step, unit)
    return found


def _bound(text: str, directive: str, now: dt.datetime) -> dt.datetime:
    if match := _NOW.fullmatch(text):
        sign, amount, unit = match.groups()
        return now if not amount else _shift(now, int(amount) * (-1 if sign == "-" else 1), unit.upper())
    try:
        return dt.datetime.strptime(text, directive)
    except ValueError:
        raise _invalid(f"'{text}' does not fit the projection's date format") from None


def _shift(moment: dt.datetime, amount: int, unit: str) -> dt.datetime:
    if unit in ("YEAR", "MONTH"):
        months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "YEAR" else 1)
        return moment.replace(year=months // 12, month=months % 12 + 1, day=min(moment.day, 28))
    lengths: dict[str, Any] = {"WEEK": 7 * 86_400, "DAY": 86_400, "HOUR": 3_600, "MINUTE": 60, "SECOND": 1}
    return moment + dt.timedelta(seconds=amount * lengths[unit])
