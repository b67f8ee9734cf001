"""The plan of a backfill: the origin of the items, the engine that writes the rows and why, and the cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lake.waiting import duration
from scripts.core import cost
from scripts.core.backfilling.exports import Export
from scripts.core.backfilling.option_stacks import Landing
from scripts.core.backfilling.rates import LOCAL_BYTES, LOCAL_ITEMS, LOCAL_RATE, glue_dpu_hours
from scripts.core.backfilling.scanning import Scan
from scripts.core.backfilling.source_table import SourceTable
from scripts.core.sides import LakeSide, Source

Engine = Literal["local", "glue"]


@dataclass(frozen=True)
class Choice:
    """An engine, and the reason in words."""

    engine: Engine
    why: str


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the work begins. Without `export`, a new one is made, or a scan."""

    source: Source
    lake: LakeSide
    table: SourceTable
    landing: Landing | None
    export: Export | None
    time: str  # of the rows; of a scan, the time at which it begins
    choice: Choice
    scan: Scan | None = None
    finished: bool = False  # the rows of the export are all in the lake

    @property
    def costs(self) -> dict[str, float]:
        """USD, by service, at list prices of us-east-1. An export that exists is paid already."""
        if self.finished:
            return {}
        hours = 0.0
        if self.choice.engine == "glue":
            hours = glue_dpu_hours(self.table.items)
        costs = cost.backfill(self.table.bytes, scanned=self.scan is not None, dpu_hours=hours)
        return {name: usd for name, usd in costs.items() if self.export is None or "export" not in name}

    @property
    def days(self) -> list[str]:
        """The day of the rows; none for a scan, whose rows get the time at which they are read."""
        return [] if self.scan is not None else [self.time[:10]]

    def document(self) -> dict[str, Any]:
        """The plan as the beginning of the JSON answer."""
        lake, source = self.lake.connection, self.source.connection
        return {
            "table": self.table.name,
            "source_account": source.account,
            "lake_account": lake.account,
            "region": source.region,
            "lake_bucket": self.lake.bucket,
            "items_about": self.table.items,
            "bytes_about": self.table.bytes,
            "export": None if self.export is None else self.export.arn,
            "scan": None if self.scan is None else self.scan.id,
            "time": self.time,
            "engine": self.choice.engine,
            "usd_about": round(sum(self.costs.values(), 0.0), 2),
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """The plan for people."""
        size = f"about {self.table.items:,} items, {self.table.bytes / 1024**3:,.2f} GB"
        yield "table", f"{self.table.name} in account {self.source.connection.account} ({size})"
        yield "lake", f"{self.lake.bucket} in account {self.lake.connection.account}"
        if self.scan is not None:
            seconds = duration(self.scan.seconds(self.table))
            yield "items", f"a consistent scan at {self.scan.units:,.0f} read units a second: about {seconds}"
        elif self.export is None:
            place = "" if self.landing is None else f" into {self.landing.bucket}/{self.landing.prefix}"
            yield "items", f"a new full export of {self.time}{place}"
        else:
            state = "exists" if self.export.status == "COMPLETED" else "is running"
            yield "items", f"export {self.export.id} of {self.time}, which {state}"
        yield "rows", f"SNAPSHOT rows under dt={self.time[:10]}"
        yield "engine", f"{self.choice.engine}: {self.choice.why}"
        parts = ", ".join(f"{name} {usd:,.2f}" for name, usd in self.costs.items())
        yield "cost", f"about {sum(self.costs.values()):,.2f} USD" + (f" ({parts})" if parts else "")


def choose(asked: str | None, items: int, size: int) -> Choice:
    """The engine for an export of this many items and bytes; `asked` is the one that the user names."""
    if asked is not None:
        return Choice("glue" if asked == "glue" else "local", "as asked")
    if items > LOCAL_ITEMS or size > LOCAL_BYTES:
        bound = f"{LOCAL_ITEMS:,} items or {LOCAL_BYTES // 1024**3} GB"
        return Choice("glue", f"the export has more than {bound}, which this process is for")
    return Choice("local", f"this process converts about {LOCAL_RATE:,} items of 1 KB a second")
