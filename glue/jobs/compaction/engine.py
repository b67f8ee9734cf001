"""The Spark side: raw objects to rows, rows to Parquet, and the count and digest of either."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from .days import SourceObject
from .rows import Row, rows_of

# A space keeps it from ever being an attribute's column.
UNDECLARED = "undeclared names"
_FILE_BYTES = 128 * 1024 * 1024  # of raw, compressed JSON; ZSTD Parquet of it is about half as large
_HASH_PARTS = 4
_HASH_DIGITS = 15  # of 16: so a part stays a positive 64-bit number, and their sum over any day a decimal(38)
_UNSAFE = frozenset("*?[]{}\\^,:")  # a Hadoop path reads these as patterns or as something else


class UnreadableNameError(Exception):
    """A Hadoop path cannot say an object's name; the message says what to do."""


@dataclass(frozen=True)
class Content:
    """How many rows, and a digest of them that does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Raw:
    """What the raw objects of a day hold."""

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
    """What the job asks of Spark."""

    def read(
        self, bucket: str, objects: Sequence[SourceObject], columns: Sequence[str]
    ) -> AbstractContextManager[Day]:
        """The rows of these raw objects, for the length of a block."""

    def written(self, location: str, columns: Sequence[str]) -> Content:
        """Count and digest of the rows that a reader of this folder finds."""


class _SparkDay:
    def __init__(self, frame: Any, columns: Sequence[str], files: int) -> None:
        self._frame, self._columns, self._files = frame, columns, files

    def content(self) -> Raw:
        """One pass over the kept rows."""
        lines, found, names = _summed(self._frame, self._columns, UNDECLARED)
        undeclared = frozenset(name for text in names for name in text.split(","))
        return Raw(found, lines - found.rows, undeclared)

    def write(self, location: str) -> None:
        order = ["change_key", "change_time", "change_sequence", "change_id"]  # one item's rows lie together
        changes = self._frame.where("change_type IS NOT NULL").drop(UNDECLARED)
        spread = changes.coalesce(1) if self._files == 1 else changes.repartitionByRange(self._files, *order)
        ordered = spread.sortWithinPartitions(*order)
        ordered.write.mode("errorifexists").option("compression", "zstd").parquet(location)


class SparkEngine:
    """Spark, with its own S3 connector."""

    def __init__(self, session: Any) -> None:
        self._session = session
        # No marker object: what is complete, the partition says.
        session.conf.set("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")

    @contextmanager
    def read(
        self, bucket: str, objects: Sequence[SourceObject], columns: Sequence[str]
    ) -> Iterator[_SparkDay]:
        """The rows of these objects, parsed once and kept until the end of the block."""
        from pyspark import StorageLevel  # noqa: PLC0415

        for one in objects:
            if not _UNSAFE.isdisjoint(one.key) or "//" in one.key or not one.key.isprintable():
                raise UnreadableNameError(
                    f"Spark cannot read the name {one.key!r}. Next: move it out of data/"
                )
        paths = [f"s3://{bucket}/{one.key}" for one in objects]
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
            size = sum(one.size for one in objects)
            yield _SparkDay(frame, wanted, max(1, round(size / _FILE_BYTES)))
        finally:
            frame.unpersist()

    def written(self, location: str, columns: Sequence[str]) -> Content:
        """Count and digest of what the folder's Parquet objects hold."""
        frame = self._session.read.schema(_schema(columns)).parquet(location)
        lines, found, _ = _summed(frame, columns)
        return Content(lines, found.digest)  # a row that is no change is one too many


def _schema(columns: Sequence[str]) -> Any:
    from pyspark.sql.types import StringType, StructField, StructType  # noqa: PLC0415

    return StructType([StructField(name, StringType()) for name in columns])


def _summed(frame: Any, columns: Sequence[str], listed: str = "") -> tuple[int, Content, list[str]]:
    """How many lines, count and digest of those that are changes, and the values of the column `listed`.

    The digest is the sum, part by part, of the SHA-256 of every row's JSON text. NULLs are left out of that
    text and names are in it, so a column added later leaves the digest as it is; a row that is there twice
    counts twice.
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
    total = ":".join(str(int(one or 0)) for one in sums)
    return int(lines), Content(int(rows), hashlib.sha256(total.encode()).hexdigest()[:32]), list(names)
