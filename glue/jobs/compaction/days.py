"""Which days to compact, and which versions to delete: pure, decided from listings and partitions.

A day's partition records its sources, so that a run can check whether it is still valid:

    ddb_lake.manifest         digest of the raw objects' keys, sizes and ETags
    ddb_lake.objects          number of raw objects
    ddb_lake.rows             number of rows, one per change line of the raw objects
    ddb_lake.digest           digest of those rows, independent of their order
    ddb_lake.unreadable_lines number of lines that are not changes; `changes_columnar` leaves them out
    ddb_lake.undeclared       names of attributes that had no column then, or `*` if they are too many
    ddb_lake.columns          digest of the columns at that time
    ddb_lake.layout           version of this format; if it changes, the job compacts every day again
    ddb_lake.switched         when the partition was switched to this version, ISO 8601
    ddb_lake.run              the job run that switched it
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PREFIX = "ddb_lake."
LAYOUT = "1"
ANY_NAME = "*"
UNDECLARED_LIMIT = 200_000  # characters; a parameter may have 512,000 bytes ("ParametersMap", Glue API)
_DAY = re.compile(r"dt=(\d{4}-\d\d-\d\d)/")


@dataclass(frozen=True, order=True)
class SourceObject:
    """One object as S3 lists it: key, bytes, ETag."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class Registered:
    """A partition of the compacted table: the location of its rows, and the recorded parameters."""

    location: str
    parameters: Mapping[str, str]

    def recorded(self, name: str) -> str:
        """One of the recorded values, or an empty text."""
        return self.parameters.get(PREFIX + name, "")


@dataclass(frozen=True)
class Version:
    """One folder `columnar/dt=DAY/NAME/`, and the time of its newest object."""

    day: str
    location: str
    newest: dt.datetime
    keys: tuple[str, ...]


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


def closed(day: str, now: dt.datetime, after_hours: float) -> bool:
    """Whether a day (UTC) ended at least this many hours ago; `now` is in UTC, with its time zone."""
    end = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) + dt.timedelta(days=1)
    return now >= end + dt.timedelta(hours=after_hours)


def manifest(objects: Iterable[SourceObject]) -> str:
    """The digest of a day's raw objects. It changes when an object is added, removed or replaced."""
    lines = (f"{source.key}\0{source.size}\0{source.etag}\n" for source in sorted(objects))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_of_names(columns: Iterable[str]) -> str:
    """The digest of a set of column names."""
    return hashlib.sha256("\0".join(sorted(columns)).encode()).hexdigest()


def undeclared_text(names: Iterable[str]) -> str:
    """The names without a column, in the form that the partition records."""
    text = ",".join(sorted(names))
    return text if len(text) <= UNDECLARED_LIMIT else ANY_NAME


def stale(registered: Registered | None, current: str, columns: Sequence[str]) -> str | None:
    """The reason why a day must be compacted, for the log; None if its partition is still valid.

    `current` is the manifest of the day's objects now, `columns` are those of `changes` now.
    """
    if registered is None:
        return "new"
    if registered.recorded("layout") != LAYOUT:
        return "written in another layout"
    if registered.recorded("manifest") != current:
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
    """The versions that no query can be reading: not current, not young, and not recently replaced.

    A version that a run is still writing counts as young, because a run takes less time than `keep`.
    """
    result = []
    for version in versions:
        partition = registered.get(version.day)
        if partition and partition.location.rstrip("/") == version.location.rstrip("/"):
            continue
        switched = partition.recorded("switched") if partition else ""
        since = max(version.newest, dt.datetime.fromisoformat(switched) if switched else version.newest)
        if now - since > keep:
            result.append(version)
    return result
