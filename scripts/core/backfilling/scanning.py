"""Read a small table itself, without an export: a consistent scan, one segment after the other.

Every row has a time that is not later than the read of its item: the Date header of the answer before it, by
DynamoDB's clock. A change between that time and the read has a later time and leads to the state that was
read, so the views are right. A page whose answer took long is read again, so the two are never far apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from repair.backfill import KIND, Source, rows
from repair.exports.records import Item, KeySchema, keys_of
from repair.objects import PART_BYTES, Row, parts
from scripts.core.backfilling.progress import Progress
from scripts.core.backfilling.source_table import SourceTable
from scripts.core.console import CommandError, Output
from scripts.core.cost import READ_UNIT_BYTES
from scripts.core.lake_objects import LakeObjects
from scripts.core.server_clock import server_time
from scripts.core.source_stream import Clock
from transform_lambda.change import change_day
from transform_lambda.flatten import RowSettings
from transform_lambda.values import as_sent

SEGMENT_BYTES = 256 * 1024 * 1024  # of the table per segment
MOST_SEGMENTS = 10_000
# The gaps view accepts a state that is reached within a minute after a SNAPSHOT states it.
LONGEST_READ = timedelta(seconds=30)
MOST_READS = 5  # of one page
PAGE_SECONDS = 10  # a page uses the units of this many seconds at most, so that the budget holds


@dataclass(frozen=True)
class Scan:
    """One scan: its id, how many segments, and the read units per second that it may use."""

    id: str
    segments: int
    units: float

    @classmethod
    def of(cls, table: SourceTable, units: float) -> Scan:
        """The scan that begins now. Its id has the time, so that another scan has other objects."""
        segments = max(1, min(MOST_SEGMENTS, math.ceil(table.bytes / SEGMENT_BYTES)))
        return cls(f"scan-{table.answered_at:%Y%m%dT%H%M%SZ}", segments, units)

    def seconds(self, table: SourceTable) -> float:
        """About how long the scan takes, from the table's size."""
        return table.bytes / READ_UNIT_BYTES / self.units

    def page_items(self, table: SourceTable) -> int:
        """The most items that one page may evaluate, from their average size."""
        units_each = max(1.0, table.bytes / max(1, table.items) / READ_UNIT_BYTES)
        return max(1, int(self.units * PAGE_SECONDS / units_each))


@dataclass(frozen=True)
class Scanned:
    """The result: rows and objects written, and read units used."""

    rows: int
    objects: int
    units: float


class Scanner:
    """Scans one table into the lake."""

    def __init__(
        self, dynamodb: Any, table: SourceTable, scan: Scan, settings: RowSettings, clock: Clock
    ) -> None:
        self._dynamodb, self._table, self._scan = dynamodb, table, scan
        self._settings, self._clock = settings, clock
        self._last_answer = table.answered_at
        self._used = 0.0

    def run(self, lake: LakeObjects, out: Output, part_bytes: int = PART_BYTES) -> Scanned:
        """Write the rows of every segment."""
        progress = Progress(self._clock, out, "written", self._table.items, self._scan.segments)
        written = objects = 0
        for segment in range(self._scan.segments):
            found = progress.count(self._rows(segment))
            for _, of_day in groupby(found, key=lambda row: change_day(row.time)):  # a scan may pass midnight
                prefix = f"s{segment:05d}-"
                for part in parts(KIND, self._scan.id, of_day, prefix=prefix, part_bytes=part_bytes):
                    lake.put(part)
                    written, objects = written + part.rows, objects + 1
            progress.file_done()
        out.say(progress.line(), "green")
        return Scanned(written, objects, self._used)

    def _rows(self, segment: int) -> Iterator[Row]:
        schema: KeySchema = self._table.schema
        for time, page in self._pages(segment):
            source = Source(
                self._scan.id, f"{time:%Y-%m-%dT%H:%M:%S}.000000Z", self._table.name, self._settings
            )
            images = (as_sent(image) for image in page)  # boto3 decodes binary
            yield from rows((Item(keys_of(image, schema), image) for image in images), source)

    def _pages(self, segment: int) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
        request: dict[str, Any] = {
            "TableName": self._table.name,
            "ConsistentRead": True,
            "ReturnConsumedCapacity": "TOTAL",
            "Limit": self._scan.page_items(self._table),
        }
        if self._scan.segments > 1:
            request |= {"Segment": segment, "TotalSegments": self._scan.segments}
        reads = 0
        while True:
            time = self._last_answer
            answer = self._dynamodb.scan(**request)
            self._last_answer = server_time(answer)
            units = answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
            self._used += units
            if self._last_answer - time <= LONGEST_READ:
                reads = 0
                yield time, answer["Items"]
                if "LastEvaluatedKey" not in answer:
                    return
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            elif (reads := reads + 1) == MOST_READS:
                raise CommandError(
                    f"table {self._table.name} took more than {LONGEST_READ.seconds} s to answer",
                    "Lower --read-capacity, or export the table: leave out --scan.",
                )
            if pause := min(units / self._scan.units, LONGEST_READ.total_seconds() / 2):
                self._clock.sleep(pause)
