"""The objects that repairs write: their names, their bytes, and how a source's rows are split into objects.

A name depends only on the kind of repair, the source and the part: `data/dt=<day>/repair-<kind>-<source>…`.
RepairRole may write no other name below data/ (templates/consumer.yaml), so a repair never replaces an object
of Firehose. The bytes depend only on the rows, so a second run replaces an object by an equal one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from transform_lambda.change import change_day

Kind = Literal["backfill", "heal", "redrive", "reconcile"]

DATA: Final = "data/"
PREFIX: Final = "repair-"
END: Final = "-end"  # marks the last part of a source: the source is complete when this object exists
GZIP_LEVEL: Final = 6  # higher levels took twice the time and more for 2 % fewer bytes
PART_BYTES: Final = 64 * 1024 * 1024  # of rows before compression: an object of some megabytes
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def source_digest(text: str) -> str:
    """20 hex digits for a source whose name cannot be a part of an object's name, such as an S3 key."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def object_name(kind: Kind, source: str, part: str, day: str) -> str:
    """The key of a repair's object.

    :param source: the id of the export or run, or the digest of an error object's key
    :param part: the part within the source
    :param day: the UTC day of the rows, yyyy-MM-dd
    :raises ValueError: a part of the name has other characters than letters, digits, `_`, `.` and `-`
    """
    name = f"{PREFIX}{kind}-{source}-{part}.gz"
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
        raise ValueError(f"not the name of an object: {name!r} on {day!r}")
    return f"{DATA}dt={day}/{name}"


class _Body:
    """Lines as GZIP. The bytes depend only on the lines: the header has no time and no name."""

    def __init__(self) -> None:
        self.size, self.rows = 0, 0  # size before compression
        self._target = io.BytesIO()
        self._file = gzip.GzipFile("", "wb", GZIP_LEVEL, self._target, mtime=0)

    def add(self, line: bytes) -> None:
        self._file.write(line)
        self.size += len(line)
        self.rows += 1

    def finished(self) -> bytes:
        self._file.close()
        return self._target.getvalue()


def compressed(lines: Iterable[bytes]) -> bytes:
    """The lines as GZIP whose bytes depend only on the lines."""
    body = _Body()
    for line in lines:
        body.add(line)
    return body.finished()


@dataclass(frozen=True)
class Row:
    """A line of the lake (with its newline) and its change_time."""

    line: bytes
    time: str


@dataclass(frozen=True)
class Part:
    """An object to write: its key, its bytes, and the number of rows in it."""

    key: str
    body: bytes
    rows: int


def parts(
    kind: Kind, source: str, rows: Iterable[Row], *, prefix: str = "", part_bytes: int = PART_BYTES
) -> Iterator[Part]:
    """The objects of one source whose rows all have the same day, in order; the last key ends in `-end.gz`.

    Only the compressed bytes of one part are in memory. No row, no object.

    :param prefix: the part within the source that these rows come from, such as the digest of a data file
    :param part_bytes: the most bytes of rows in one object, before compression
    :raises ValueError: the rows are of different days
    """
    body, number, day = _Body(), 0, ""
    for row in rows:
        own_day = change_day(row.time)
        if day and own_day != day:
            raise ValueError(f"rows of {day} and {own_day} in one source")
        day = own_day
        if body.rows and body.size + len(row.line) > part_bytes:
            name = object_name(kind, source, f"{prefix}{number:05d}", day)
            yield Part(name, body.finished(), body.rows)
            body, number = _Body(), number + 1
        body.add(row.line)
    if body.rows:
        name = object_name(kind, source, f"{prefix}{number:05d}{END}", day)
        yield Part(name, body.finished(), body.rows)
