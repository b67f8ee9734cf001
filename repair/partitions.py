"""States by key on disk, in partitions: two sides of any size are joined with one partition in memory.

A key is in the partition that its checksum names, on both sides. The whole key is stored, so two keys never
count as one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

PARTITIONS: Final = 512  # at 10,000,000 keys, a partition has about 20,000 of them
BUFFERED_BYTES: Final = 32 * 1024 * 1024  # written to disk at once

# What is stored of a key: texts, None, true and false.
Fields = tuple[Any, ...]


class Partitions:
    """Fields by key, in files of one folder. A key that is added again has its last fields."""

    def __init__(
        self, folder: Path, *, partitions: int = PARTITIONS, buffered_bytes: int = BUFFERED_BYTES
    ) -> None:
        """Store into this folder, which is created and must be empty."""
        folder.mkdir(exist_ok=True)
        self.rows = 0
        self.key_bytes = 0  # UTF-8 of all keys
        self._files = [folder / f"{number:05d}" for number in range(partitions)]
        self._buffers = [bytearray() for _ in self._files]
        self._buffered, self._most_buffered = 0, buffered_bytes

    def add(self, key: str, *fields: str | bool | None) -> None:
        """Store the fields of a key."""
        encoded = key.encode()
        line = orjson.dumps((key, *fields), option=orjson.OPT_APPEND_NEWLINE)
        self._buffers[zlib.crc32(encoded) % len(self._buffers)] += line
        self.rows += 1
        self.key_bytes += len(encoded)
        self._buffered += len(line)
        if self._buffered > self._most_buffered:
            self._write()

    def __iter__(self) -> Iterator[tuple[str, Fields]]:
        """Every key with its fields. One partition is in memory."""
        for number in range(len(self._files)):
            yield from self.partition(number).items()

    def partition(self, number: int) -> dict[str, Fields]:
        """The keys of one partition with their fields."""
        self._write()
        found: dict[str, Fields] = {}
        if self._files[number].exists():
            with self._files[number].open("rb") as lines:
                for line in lines:
                    key, *fields = orjson.loads(line)
                    found[key] = tuple(fields)
        return found

    @property
    def number(self) -> int:
        """The number of partitions."""
        return len(self._files)

    def _write(self) -> None:
        if not self._buffered:
            return
        for file, buffer in zip(self._files, self._buffers, strict=True):
            if buffer:
                with file.open("ab") as target:  # not kept open: a process may have few open files
                    target.write(buffer)
                buffer.clear()
        self._buffered = 0


def joined(left: Partitions, right: Partitions) -> Iterator[tuple[str, Fields | None, Fields | None]]:
    """Each key of either side, with the fields of both.

    :raises ValueError: the sides have different partitions
    """
    for ours, others in _pairs(left, right):
        for key, fields in ours.items():
            yield key, fields, others.pop(key, None)
        for key, fields in others.items():
            yield key, None, fields


def looked_up(left: Partitions, right: Partitions) -> Iterator[tuple[str, Fields, Fields | None]]:
    """Each key of the left side, with the fields of both.

    :raises ValueError: the sides have different partitions
    """
    for ours, others in _pairs(left, right):
        for key, fields in ours.items():
            yield key, fields, others.get(key)


def _pairs(left: Partitions, right: Partitions) -> Iterator[tuple[dict[str, Fields], dict[str, Fields]]]:
    if left.number != right.number:
        raise ValueError("the sides have different partitions")
    for number in range(left.number):
        yield left.partition(number), right.partition(number)


def batches(keys: Iterable[str], most: int) -> Iterator[list[str]]:
    """The keys in lists of at most this many."""
    batch: list[str] = []
    for key in keys:
        batch.append(key)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch
