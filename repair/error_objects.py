"""Error objects: objects below errors/ with the records that Firehose could not deliver as rows.

A key is `errors/<type>/dt=<day>/<name>`; the prefix in templates/producer.yaml makes it so. An object has one
JSON document per line, plain or compressed with GZIP: no AWS page states whether Firehose compresses these
objects when it compresses rows [unverified], so the first bytes decide.

A redriven error object leaves objects of its own below errors/unrecoverable/, on the day of the failure:
`repair-redrive-<digest of its key>-<number>.gz` with records that cannot become rows, and, written last, the
empty `repair-redrive-<digest>-end.gz`. This receipt states that the error object is complete.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final, Protocol

from repair.objects import END, PREFIX, compressed, source_digest

ERRORS: Final = "errors/"
UNRECOVERABLE: Final = "unrecoverable"
# A record of a Kinesis stream has at most 10 MiB (Kinesis Data Streams API Reference, "PutRecord",
# MaxRecordSizeInKiB), which are 13.4 MiB as base64. The rest of a line is short.
LINE_BYTES: Final = 16 * 1024 * 1024
EMPTY: Final = compressed([])  # the receipt

_KEY: Final = re.compile(r"errors/([^/]+)/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/([^/]+)")
_OWN: Final = re.compile(r"repair-redrive-([0-9a-f]{20})(-[0-9]{5}|-end)\.gz")
_GZIP: Final = b"\x1f\x8b"


class DamagedObjectError(ValueError):
    """The object is truncated, or is not the GZIP that its first bytes announce."""


@dataclass(frozen=True)
class ErrorObject:
    """An error object: its key, its ETag, its size in bytes, and what the key states."""

    key: str
    error_type: str
    day: str  # of the failure: when the oldest record of the object arrived, yyyy-MM-dd
    etag: str = ""
    size: int = 0

    @cached_property
    def source(self) -> str:
        """The part of the names of everything that is written for this object."""
        return source_digest(self.key)

    def unrecoverable_key(self, number: int) -> str:
        """The key for records of one part that cannot become rows."""
        return f"{ERRORS}{UNRECOVERABLE}/dt={self.day}/{PREFIX}redrive-{self.source}-{number:05d}.gz"

    @property
    def receipt_key(self) -> str:
        """The key of the receipt, which is written last."""
        return f"{ERRORS}{UNRECOVERABLE}/dt={self.day}/{PREFIX}redrive-{self.source}{END}.gz"


def error_object(key: str, etag: str = "", size: int = 0) -> ErrorObject | None:
    """The error object of a key; None if the key does not have the form of an error object's key."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    try:
        date.fromisoformat(found[2])
    except ValueError:
        return None
    return ErrorObject(key, found[1], found[2], etag, size)


def own_object(name: str) -> tuple[str, bool] | None:
    """The digest in the name of an object that a redrive wrote, and whether it is a receipt; else None."""
    found = _OWN.fullmatch(name)
    return None if found is None else (found[1], found[2] == END)


class Readable(Protocol):
    """A stream of bytes, such as the body of a response."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class _Raw(io.RawIOBase):
    """A Readable for io.BufferedReader."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def lines_of(stream: Readable) -> Iterator[bytes | int]:
    """The lines of an error object without blanks around them; empty ones are left out.

    A line longer than LINE_BYTES is never in memory as a whole: its length comes in its place.

    :raises DamagedObjectError: the compressed data is truncated or wrong
    """
    buffered = io.BufferedReader(_Raw(stream), 256 * 1024)
    packed = buffered.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
    source = gzip.GzipFile(fileobj=buffered, mode="rb") if packed else buffered
    try:
        while line := source.readline(LINE_BYTES + 1):
            length = len(line)
            if length > LINE_BYTES and not line.endswith(b"\n"):
                while not line.endswith(b"\n") and (line := source.readline(LINE_BYTES + 1)):
                    length += len(line)
                yield length
            elif line := line.strip():
                yield line
    except EOFError:
        raise DamagedObjectError("the GZIP data ends too early") from None
    except (gzip.BadGzipFile, zlib.error):
        raise DamagedObjectError("the GZIP data is not valid") from None
