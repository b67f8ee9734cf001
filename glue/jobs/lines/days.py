"""Which folders are days, and which objects Athena reads: pure, decided from names."""

import datetime as dt
import re
from dataclasses import dataclass

_DAY = re.compile(r"dt=(\d{4}-\d\d-\d\d)/")


@dataclass(frozen=True, order=True)
class SourceObject:
    """One object as S3 lists it: key, bytes, ETag."""

    key: str
    size: int
    etag: str


def day_of(folder: str) -> str | None:
    """`dt=2026-11-20/` as a day; None for any other name, because `changes` does not read it either."""
    match = _DAY.fullmatch(folder)
    if not match:
        return None
    try:
        return dt.date.fromisoformat(match[1]).isoformat()
    except ValueError:
        return None


def visible(relative_key: str) -> bool:
    """Whether Athena reads an object: no part of its name begins with `_` or `.` (Athena user guide)."""
    return not any(part.startswith(("_", ".")) for part in relative_key.split("/"))
