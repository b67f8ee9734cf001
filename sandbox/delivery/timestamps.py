"""Java's DateTimeFormatter patterns, as far as an instant in a time zone has values for them."""

from __future__ import annotations

import datetime as dt


def format_timestamp(pattern: str, moment: dt.datetime) -> str:
    """`moment` in the pattern."""
    table = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
    for letters, directive in table.items():
        pattern = pattern.replace(letters, moment.strftime(directive))
    return pattern
