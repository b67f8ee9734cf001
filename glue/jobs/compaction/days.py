"""Which days are compacted, and which versions may go: pure, decided from listings and from the partitions.

A day's partition records what it was made of, so that a run can tell whether it still holds:

    ddb_lake.manifest         digest of the raw objects' keys, sizes and ETags
    ddb_lake.objects          how many they were
    ddb_lake.rows             rows, one per change line of the raw objects
    ddb_lake.digest           digest of those rows, whatever their order
    ddb_lake.unreadable_lines lines of the raw objects that are no change, which `changes_columnar` leaves out
    ddb_lake.undeclared       names of attributes that had no column then, or `*` where they are too many
    ddb_lake.columns          digest of the columns there were
    ddb_lake.layout           version of this format; another one makes the job compact every day anew
    ddb_lake.switched         when the partition came to this version, ISO 8601
    ddb_lake.run              the job run that did it
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PREFIX = "ddb_lake."
LAYOUT = "1"
ANY_NAME = "*"
UNDECLARED_LIMIT = 200_000  # characters; Glue takes 512,000 bytes in a parameter ("ParametersMap", Glue API)
_DAY = re.compile(r"dt=(\d{4}-\d\d-\d\d)/")


@dataclass(frozen=True, order=True)
class SourceObject:
    """One object as S3 lists it: key, bytes, ETag."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class Registered:
    """A partition of the compacted table: where its rows are, and what was recorded of them."""

    location: str
    parameters: Mapping[str, str]

    def recorded(self, name: str) -> str:
        """One of the recorded values, empty where there is none."""
        return self.parameters.get(PREFIX + name, "")


@dataclass(frozen=True)
class Version:
    """One folder `columnar/dt=DAY/NAME/` and the newest of its objects."""

    day: str
    location: str
    newest: dt.datetime
    keys: tuple[str, ...]


def day_of(folder: str) -> str | None:
    """`dt=2026-11-20/` as a day; None for any other name, which `changes` does not read either."""
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


def closed(day: str, now: dt.datetime, after_hours: float) -> bool:
    """Whether a day (UTC) has been over for so many hours; `now` is in UTC, with its zone."""
    end = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) + dt.timedelta(days=1)
    return now >= end + dt.timedelta(hours=after_hours)


def manifest(objects: Iterable[SourceObject]) -> str:
    """The digest of a day's raw objects: another one when any is added, removed or replaced."""
    lines = (f"{one.key}\0{one.size}\0{one.etag}\n" for one in sorted(objects))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_of_names(columns: Iterable[str]) -> str:
    """The digest of a set of column names."""
    return hashlib.sha256("\0".join(sorted(columns)).encode()).hexdigest()


def undeclared_text(names: Iterable[str]) -> str:
    """The names that had no column, as the partition records them."""
    text = ",".join(sorted(names))
    return text if len(text) <= UNDECLARED_LIMIT else ANY_NAME


def stale(registered: Registered | None, found: str, columns: Sequence[str]) -> str | None:
    """Why a day has to be compacted, in words for the log; None when its partition still holds.

    `found` is the manifest of the day's objects now, `columns` those of `changes` now.
    """
    if registered is None:
        return "new"
    if registered.recorded("layout") != LAYOUT:
        return "written in another layout"
    if registered.recorded("manifest") != found:
        return "its objects changed"
    undeclared = registered.recorded("undeclared")
    if undeclared == ANY_NAME:
        gained = registered.recorded("columns") != digest_of_names(columns)
    else:
        gained = not set(undeclared.split(",")).isdisjoint(columns)
    return "its attributes became columns" if gained else None


def removable(
    versions: Iterable[Version],
    registered: Mapping[str, Registered],
    now: dt.datetime,
    keep: dt.timedelta,
) -> list[Version]:
    """The versions that no query can be reading: not current, not young, and not current a while ago.

    A version under way is young, as long as a run may last less than `keep`.
    """
    found = []
    for version in versions:
        partition = registered.get(version.day)
        if partition and partition.location.rstrip("/") == version.location.rstrip("/"):
            continue
        switched = partition.recorded("switched") if partition else ""
        since = max(version.newest, dt.datetime.fromisoformat(switched) if switched else version.newest)
        if now - since > keep:
            found.append(version)
    return found
