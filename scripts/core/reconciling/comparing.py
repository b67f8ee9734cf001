"""Both sides of one comparison: prepare, plan, compare by a scan or an export, write the difference."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from repair.error_objects import ERRORS
from repair.partitions import Partitions
from repair.reconciliation import Circumstances, Differences
from scripts.core.answers import count
from scripts.core.athena import Workgroup
from scripts.core.console import CommandError, Output
from scripts.core.deployment.partitioning import PARTITION_BY
from scripts.core.draining import clock_of
from scripts.core.lake_objects import LakeObjects
from scripts.core.reconciling import export_rows, repairs
from scripts.core.reconciling.export_rows import Export
from scripts.core.reconciling.lake_states import LakeReader, LakeSummary
from scripts.core.reconciling.looks import Looking
from scripts.core.reconciling.table_reads import Budget, TableReader
from scripts.core.redriving.selection import Wanted, select
from scripts.core.road_switch import kept_switch, read_switch
from scripts.core.settling.writing import Settling
from scripts.core.sides import LakeSide, Source, side_options
from scripts.core.source_stream import REPORT_SECONDS, buffer_seconds, parameters_of
from scripts.core.stack import Stack
from scripts.core.views import definitions, view_name

EXISTING_TABLE = "ExistingTableName"  # parameter of the producer stack


@dataclass(frozen=True)
class Comparison:
    """A table and its lake, ready to be compared."""

    source: Source
    lake: LakeSide
    looking: Looking
    summary: LakeSummary
    export: Export | None
    adopted: bool  # the table existed before the stack, so items may be older than the stream
    out: Output

    @classmethod
    def of(
        cls, args: argparse.Namespace, source: Source, lake: LakeSide, folder: Path, out: Output
    ) -> Comparison:
        """Prepare both sides. Raises CommandError if one of them cannot be compared."""
        source.check_table(args.table)
        connection = source.connection
        client = connection.client("dynamodb")
        export = None
        both = side_options(source, lake)
        if args.export:
            export = export_rows.described(
                client, args.export, source.table, both=both, location=connection.location
            )
        table = TableReader(client, source.table, Budget(args.read_capacity))
        workgroup = Workgroup(lake.connection, lake.workgroup)
        workgroup.check()
        rows = LakeReader(workgroup, lake.database, source.table, _switch(args, workgroup, lake, source))
        summary = rows.summary(both=both, without=export.identifier if export else "")
        if summary.both_roads and rows.switched_at is None and args.switched_at is None:
            out.say(
                f"changes of {source.table} came by Kinesis and by DynamoDB Streams: give the second of the "
                "switch with --switched-at",
                "yellow",
            )
        description = Stack(connection.client("cloudformation"), source.stack).describe() or {}
        parameters = parameters_of(description)
        looking = Looking(
            table,
            rows,
            clock_of(connection),
            buffer_seconds(parameters, by_event=parameters.get(PARTITION_BY) == "event"),
            folder,
            out,
        )
        return cls(source, lake, looking, summary, export, bool(parameters.get(EXISTING_TABLE)), out)

    @property
    def table(self) -> TableReader:
        """The side of the table."""
        return self.looking.table

    @property
    def rows(self) -> LakeReader:
        """The side of the lake."""
        return self.looking.lake

    def announce(self) -> dict[str, Any]:
        """Print the plan, and return what it says."""
        connection, say, table = self.source.connection, self.out.say, self.table
        where = f"account {connection.account}, Region {connection.region}"
        say(
            f"{where}: compare table {table.name} with database {self.lake.database} of stack "
            f"{self.lake.stack}, account {self.lake.connection.account}",
            "bold",
        )
        say(f"lake: {count(self.summary.rows, 'row')} of this table, {count(len(self.summary.days), 'day')}")
        plan: dict[str, Any] = {
            "table": table.name,
            "account": connection.account,
            "database": self.lake.database,
            "lake_account": self.lake.connection.account,
            "rows": self.summary.rows,
        }
        if self.export:
            time_text = f"{self.export.time:%Y-%m-%dT%H:%M:%SZ}"
            say(
                f"table: export {self.export.identifier} of {time_text}, {count(self.export.items, 'item')}; "
                "Athena compares"
            )
            return plan | {"mode": "export", "export": self.export.identifier, "export_time": time_text}
        seconds = table.scan_units / table.budget.units_per_second
        say(
            f"table: a consistent scan of about {count(table.items, 'item')} with at most "
            f"{table.budget.units_per_second:g} read capacity units a second, about {table.scan_units:,} in "
            f"all, {_span(seconds)}"
        )
        return plan | {
            "mode": "scan",
            "items_estimated": table.items,
            "read_capacity_estimated": table.scan_units,
            "seconds_estimated": round(seconds),
        }

    def run(self, into: Differences) -> Partitions:
        """Find the differences; returns the keys that changed too often to decide."""
        if self.export is None:
            return self.looking.compare_scan(into.add, _Progress(self.table, self.out))
        self.looking.wait_until_delivered(self.export.time, "the changes before the export")
        moment = export_rows.check_rows(self.rows, self.export, both=side_options(self.source, self.lake))
        older = self._has_older_items
        export_rows.compare(self.rows, self.export, moment, into.add, older=older)
        return self.looking.partitions()

    def repair(self, differences: Differences, settling: Settling) -> tuple[int, Differences, Partitions]:
        """Write the table's states of the keys that differ, and compare these keys again.

        Returns the number of rows, what still differs, and the keys that changed too often to decide.
        """
        keys = (found.key for found in differences if not found.covered)
        source = repairs.source_id(self.table.server_time)
        with settling.writing(repairs.KIND, source) as write:
            objects = LakeObjects(self.lake, write.begin)
            written = repairs.repair(self.table, keys, source, self.source.settings, objects)
        self.out.say(f"{count(written, 'row')} written; comparing these keys again")
        left = self.looking.differences()
        again = self.looking.read(found.key for found in differences if not found.covered)
        last_read = self.looking.clock.now()
        unequal = self.looking.unequal(again)
        changing = self.looking.settle(unequal, last_read, left.add) if unequal.rows else unequal
        return written, left, changing

    @cached_property
    def circumstances(self) -> Circumstances:
        """What is known about the lake and the table that may explain a difference."""
        return Circumstances(self.summary.days, self._has_older_items, self._failures(), self._has_ttl())

    @property
    def _has_older_items(self) -> bool:
        return self.adopted and not self.summary.backfilled

    def _failures(self) -> int | None:
        """How many error objects have records that are not in the lake; None if nobody may look."""
        try:
            found = select(LakeObjects(self.lake).listed(ERRORS), Wanted())
            return len(found.pending) + found.remaining + sum(found.unknown.values())
        except (ClientError, CommandError):
            self.out.say("this profile may not take RepairRole, so nobody looked below errors/", "yellow")
            return None

    def _has_ttl(self) -> bool:
        try:
            found = self.table.client.describe_time_to_live(TableName=self.table.name)
        except ClientError:
            return False
        return bool(found["TimeToLiveDescription"].get("TimeToLiveStatus") == "ENABLED")


def _switch(args: argparse.Namespace, workgroup: Workgroup, lake: LakeSide, source: Source) -> str | None:
    """The time of the switch between two roads: as given, else as in the views of the table."""
    if args.switched_at is not None:
        return read_switch(args.switched_at)
    names = [view.name for view in definitions(view_name(source.table), source.table, [], {})]
    return kept_switch(workgroup, lake.database, names, source.table)


class _Progress:
    """Reports a scan at most every 15 seconds, with the time that is left."""

    def __init__(self, table: TableReader, out: Output) -> None:
        self._table, self._out = table, out
        self._began = self._said = time.monotonic()

    def __call__(self, items: int) -> None:
        now = time.monotonic()
        if now - self._said < REPORT_SECONDS:
            return
        self._said = now
        used = self._table.budget.used
        rate = used / (now - self._began)
        left = max(self._table.scan_units - used, 0.0) / rate if rate else 0.0
        self._out.say(
            f"{items:,} of about {self._table.items:,} items read, {rate:,.0f} units a second, "
            f"{_span(left)} left"
        )


def _span(seconds: float) -> str:
    """A time span for people."""
    return f"about {timedelta(seconds=round(seconds))}"
