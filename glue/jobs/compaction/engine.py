"""The Spark side: raw objects to rows, rows to Parquet, and the count and digest of both."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from .days import SourceObject
from .rows import Row, rows_of

# It contains a space, so it can never be an attribute's column.
UNDECLARED = "undeclared names"
_FILE_BYTES = 128 * 1024 * 1024  # of compressed raw JSON; as ZSTD Parquet it is about half as large
_HASH_PARTS = 4
_HASH_DIGITS = 15  # of 16: so a part is a positive 64-bit number, and the sum over any day fits decimal(38)
_UNSAFE = frozenset("*?[]{}\\^,:")  # special characters in a Hadoop path, such as patterns


class UnreadableNameError(Exception):
    """A Hadoop path cannot contain an object's name. The message states the next step."""


@dataclass(frozen=True)
class Content:
    """The number of rows, and a digest that does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Raw:
    """The content of a day's raw objects."""

    content: Content
    unreadable_lines: int
    undeclared: frozenset[str]


class Day(Protocol):
    """A day's rows, read once."""

    def content(self) -> Raw:
        """Count and digest of the rows."""

    def write(self, location: str) -> None:
        """Write the rows as Parquet into an empty folder."""


class Engine(Protocol):
    """The functions that the job needs from Spark."""

    def read(
        self, bucket: str, objects: Sequence[SourceObject], columns: Sequence[str]
    ) -> AbstractContextManager[Day]:
        """The rows of these raw objects, available inside a `with` block."""

    def written(self, location: str, columns: Sequence[str]) -> Content:
        """Count and digest of the rows that a reader of this folder gets."""


class _SparkDay:
    def __init__(self, frame: Any, columns: Sequence[str], files: int) -> None:
        self._frame, self._columns, self._files = frame, columns, files

    def content(self) -> Raw:
        """One pass over the cached rows."""
        lines, content, names = _summed(self._frame, self._columns, UNDECLARED)
        undeclared = frozenset(name for text in names for name in text.split(","))
        return Raw(content, lines - content.rows, undeclared)

    def write(self, location: str) -> None:
        order = ["change_key", "change_time", "change_sequence", "change_id"]  # keeps an item's rows together
        changes = self._frame.where("change_type IS NOT NULL").drop(UNDECLARED)
        spread = changes.coalesce(1) if self._files == 1 else changes.repartitionByRange(self._files, *order)
        ordered = spread.sortWithinPartitions(*order)
        ordered.write.mode("errorifexists").option("compression", "zstd").parquet(location)


class SparkEngine:
    """Spark, with its own S3 connector."""

    def __init__(self, session: Any) -> None:
        self._session = session
        # No marker object: the partition shows which version is complete.
        session.conf.set("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")

    @contextmanager
    def read(
        self, bucket: str, objects: Sequence[SourceObject], columns: Sequence[str]
    ) -> Iterator[_SparkDay]:
        """The rows of these objects, parsed once and cached until the end of the block."""
        from pyspark import StorageLevel  # noqa: PLC0415

        for key in (source.key for source in objects):
            if not _UNSAFE.isdisjoint(key) or "//" in key or not key.isprintable():
                raise UnreadableNameError(
                    f"Spark cannot read an object with the name {key!r}. Next: move it out of data/"
                )
        paths = [f"s3://{bucket}/{source.key}" for source in objects]
        prefix = f"s3://{bucket}/"
        wanted = list(columns)

        def parse(partition: Iterator[Any]) -> Iterator[Row]:
            reported: set[str] = set()
            for path, content in partition:
                yield from rows_of(path.removeprefix(prefix), bytes(content), wanted, reported)

        files = self._session.read.format("binaryFile").load(paths).select("path", "content")
        frame = self._session.createDataFrame(
            files.rdd.mapPartitions(parse), _schema([*wanted, UNDECLARED]), verifySchema=False
        ).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            size = sum(source.size for source in objects)
            yield _SparkDay(frame, wanted, max(1, round(size / _FILE_BYTES)))
        finally:
            frame.unpersist()

    def written(self, location: str, columns: Sequence[str]) -> Content:
        """Count and digest of the rows in the folder's Parquet objects."""
        frame = self._session.read.schema(_schema(columns)).parquet(location)
        lines, content, _ = _summed(frame, columns)
        return Content(lines, content.digest)  # every row must be a change, so all lines count


def _schema(columns: Sequence[str]) -> Any:
    from pyspark.sql.types import StringType, StructField, StructType  # noqa: PLC0415

    return StructType([StructField(name, StringType()) for name in columns])


def _summed(frame: Any, columns: Sequence[str], listed: str = "") -> tuple[int, Content, list[str]]:
    """The number of lines, the count and digest of the changes, and the values of the column `listed`.

    The digest is the sum, part by part, of the SHA-256 of every row's JSON text. That text has names and no
    NULLs, so a column that is added later does not change the digest. A row that occurs twice counts twice.
    """
    from pyspark.sql import functions as f  # noqa: PLC0415  the rest of the package runs without Spark

    text = f.to_json(f.struct(*[f.col(f"`{name}`") for name in columns]))
    row = f.when(f.col("change_type").isNotNull(), f.sha2(text, 256))
    extra = f.col(f"`{listed}`") if listed else f.lit(None).cast("string")
    parts = [
        f.sum(f.conv(f.substring("row", 1 + 16 * part, _HASH_DIGITS), 16, 10).cast("decimal(20,0)"))
        for part in range(_HASH_PARTS)
    ]
    hashed = frame.select(row.alias("row"), extra.alias("extra"))
    counts = (f.count(f.lit(1)), f.count("row"), f.collect_set("extra"))
    lines, rows, names, *sums = hashed.agg(*counts, *parts).collect()[0]
    total = ":".join(str(int(part or 0)) for part in sums)
    return int(lines), Content(int(rows), hashlib.sha256(total.encode()).hexdigest()[:32]), list(names)
