"""Data files: which lines are in which file, and a file's compressed bytes.

AWS facts
- There is at least one file per partition of the table, with the items of that part of the hashed key
  space; an empty partition has an empty file (DynamoDB developer guide, "DynamoDB table export output
  format"). The published exports of three and six items have four files, of which three and two are empty.
- A file has a name of 26 lower-case base32 characters. An empty file is 20 bytes of GZIP whose header has
  no time and no operating system: its MD5 in the published exports is `FjvgqIxwymKf1RbbqtrZag==`.

In a partition the lines have the order of a digest of the key, so their order is not that of the keys. The
last file is always empty, so that every reader meets one: here it stands for a partition that a split left
without items.
"""

import base64
import gzip
import hashlib
import io
import secrets
from collections.abc import Iterable, Iterator

LEAST_PARTITIONS = 4
PARTITION_ROWS = 50_000
PART_BYTES = 8 * 1024 * 1024  # of a multipart upload; S3 requires 5 MiB of each part but the last
LEVEL = 4  # a third of the time of 9; not 1 nor 9, which GZIP notes in its header


def partition_count(rows: int) -> int:
    """The number of partitions of a table or change set of this many rows, without the empty one."""
    return max(LEAST_PARTITIONS, -(-rows // PARTITION_ROWS))


def partition_of(partition_key: str, count: int) -> int:
    """The partition, from 0, of a partition key's text."""
    return (
        int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()[:4]) * count >> 32
    )


def order_in_partition(key: str) -> bytes:
    """What the rows of a partition are sorted by."""
    return hashlib.md5(b"order" + key.encode(), usedforsecurity=False).digest()


def random_name() -> str:
    """The name of a new data file, without its extension."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


class Compressed:
    """The parts of a file, made while they are read. Afterwards `rows` and `md5` describe the whole file."""

    def __init__(self, lines: Iterable[bytes], part_bytes: int = PART_BYTES) -> None:
        self._lines, self._part_bytes = lines, part_bytes
        self._digest = hashlib.md5(usedforsecurity=False)
        self.rows = 0

    @property
    def md5(self) -> str:
        """The MD5 of the file as base64."""
        return base64.b64encode(self._digest.digest()).decode()

    def __iter__(self) -> Iterator[bytes]:
        buffer = io.BytesIO()
        with gzip.GzipFile("", "wb", LEVEL, buffer, 0) as file:  # no name, no time
            for line in self._lines:
                file.write(line)
                self.rows += 1
                if buffer.tell() >= self._part_bytes:
                    yield self._take(buffer)
        yield self._take(buffer)

    def _take(self, buffer: io.BytesIO) -> bytes:
        part = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        self._digest.update(part)
        return part
