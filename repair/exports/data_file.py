"""The lines of a data file, streamed, with its MD5 and its number of lines compared at the end.

A file is GZIP, and its `md5Checksum` is of the compressed bytes: the empty files of published exports have
the MD5 of 20 bytes of empty GZIP. Memory is flat whatever the file's size: one block is in memory at a time.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

from repair.exports.errors import ChecksumError, CountError, ExportError, RecordError, TruncatedFileError
from repair.exports.manifest import DataFile

_READ: Final = 256 * 1024  # bytes of GZIP per read
_BLOCK: Final = 1024 * 1024  # most bytes that one step decompresses
# An item has at most 400 KB (DynamoDB Developer Guide, "Constraints in Amazon DynamoDB"). Its text in JSON
# can be several times as long, and a changed item has two images.
_LONGEST_LINE: Final = 8 * 1024 * 1024
_GZIP: Final = 31  # zlib's window bits for GZIP

_Record = TypeVar("_Record")


class Stream(Protocol):
    """A file of bytes that is read once, such as the body of GetObject."""

    def read(self, size: int, /) -> bytes:
        """At most this many bytes; none at the end."""


def records(stream: Stream, file: DataFile, parse: Callable[[bytes], _Record]) -> Iterator[_Record]:
    """Each line of a data file, parsed. Whatever is wrong is raised after the last good record at the latest.

    A caller that must not act on a part of a damaged file reads it to the end first.

    :param parse: raises RecordError or KeySchemaError for a line; the line's place is added to the message
    :raises ExportError: TruncatedFileError, ChecksumError, CountError, or an error of `parse`
    """
    body, number = _Body(stream), 0
    try:
        for number, line in enumerate(body.lines(file.key), 1):  # noqa: B007  counted after the loop
            yield parse(line)
    except zlib.error:
        body.drain()
        _check_md5(body, file)
        raise RecordError(
            f"{file.key} is not GZIP, and its MD5 is the one that the manifest states"
        ) from None
    except ExportError as error:
        body.drain()
        _check_md5(body, file)  # a damaged file is the cause, not the line
        raise type(error)(f"{file.key}, line {number:,}: {error.message}", error.next_step) from None
    if not body.complete:
        raise TruncatedFileError(f"{file.key} ends in the middle of its GZIP data after {number:,} items")
    _check_md5(body, file)
    if number != file.items:
        raise CountError(f"{file.key} has {number:,} items, and the manifest states {file.items:,}")


def _check_md5(body: _Body, file: DataFile) -> None:
    if body.md5 != file.md5:
        raise ChecksumError(f"the MD5 of {file.key} is {body.md5}, and the manifest states {file.md5}")


class _Body:
    """A GZIP file of lines. Each byte is read once and counts towards the MD5."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._digest = stream, hashlib.md5(usedforsecurity=False)
        self._inflate = zlib.decompressobj(_GZIP)
        self._begun = False

    @property
    def md5(self) -> str:
        """The MD5 of the bytes read so far, as base64."""
        return base64.b64encode(self._digest.digest()).decode()

    @property
    def complete(self) -> bool:
        """Whether the GZIP data has its end. A file without a byte is complete."""
        return self._inflate.eof or not self._begun

    def drain(self) -> None:
        """Read the rest for the MD5."""
        while chunk := self._stream.read(_READ):
            self._digest.update(chunk)

    def lines(self, key: str) -> Iterator[bytes]:
        """The lines without their newlines; a last line needs none."""
        rest = b""
        for block in self._blocks():
            first, *others = block.split(b"\n")
            rest += first
            if len(rest) > _LONGEST_LINE:
                raise RecordError(f"a line of {key} is longer than any item")
            if others:
                yield rest
                yield from others[:-1]
                rest = others[-1]
        if rest and self.complete:
            yield rest

    def _blocks(self) -> Iterator[bytes]:
        while chunk := self._stream.read(_READ):
            self._digest.update(chunk)
            self._begun = True
            while chunk:
                if self._inflate.eof:  # GZIP may consist of several members
                    self._inflate = zlib.decompressobj(_GZIP)
                yield self._inflate.decompress(chunk, _BLOCK)
                chunk = self._inflate.unconsumed_tail or self._inflate.unused_data
