"""How far settled tables are behind: the raw objects of the last days that are not in `settled_objects`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from raw_lines.days import visible
from scripts.core.athena import Workgroup, quoted
from scripts.core.settling.option_stack import has_tables
from scripts.core.sides import LakeSide
from settled.names import OBJECT, OBJECTS, TAG

DAYS = 40  # as CheckedDays of the stack (templates/options/tables.yaml)


@dataclass(frozen=True)
class Backlog:
    """Raw objects since a day that are not settled: how many, their bytes, the delivery of the oldest."""

    objects: int
    bytes: int
    oldest: datetime | None
    first_day: str

    def hours(self, now: datetime) -> float:
        """Hours since the delivery of the oldest of them; 0 if there is none."""
        return 0.0 if self.oldest is None else max(0.0, (now - self.oldest).total_seconds() / 3600)


def backlog(lake: LakeSide, today: date, days: int = DAYS) -> Backlog:
    """Compare a listing of the last days with the table of settled objects."""
    first_day = f"{today - timedelta(days=days)}"
    settled = _settled(lake, first_day)
    number = size = 0
    oldest: datetime | None = None
    s3: Any = lake.connection.client("s3")
    for back in range(days, -2, -1):  # a delivery may be of the day that begins now
        prefix = f"data/dt={today - timedelta(days=back)}/"
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=lake.bucket, Prefix=prefix, ExpectedBucketOwner=lake.outputs["ConsumerAccountId"]
        )
        for entry in (entry for page in pages for entry in page.get("Contents", [])):
            key, tag = entry["Key"], entry["ETag"].strip('"')
            if not entry["Size"] or not visible(key.removeprefix(prefix)):
                continue  # Athena does not read it either
            if (f"s3://{lake.bucket}/{key}", tag) not in settled:
                number, size = number + 1, size + entry["Size"]
                oldest = min(oldest or entry["LastModified"], entry["LastModified"])
    return Backlog(number, size, oldest, first_day)


def _settled(lake: LakeSide, first_day: str) -> set[tuple[str, ...]]:
    """The path and ETag of each settled object of these days; none before the first run."""
    if not has_tables(lake):
        return set()
    sql = f"SELECT {OBJECT}, {TAG} FROM {OBJECTS} WHERE dt >= {quoted(first_day)}"  # noqa: S608
    workgroup = Workgroup(lake.connection, lake.workgroup)
    return {tuple(row) for row in workgroup.stream(sql, lake.database)}
