"""`python -m scripts.backfill --heal`: the verb, over three windows, from the exports to the last row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import orjson

from scripts import backfill
from scripts.core import console
from scripts.core.healing import running
from scripts.core.source_stream import Clock
from tests.faults.changes import DAY
from tests.faults.kills.athena import Athena
from tests.faults.kills.backfill import Landed
from tests.faults.kills.disk import Disk, Folder, Points
from tests.faults.kills.reconcile import rows_of
from tests.unit.scripts.backfill.incremental import ExportingDynamo, Write, exporting
from tests.unit.scripts.backfill.scene import LAKE, LANDING, NOW

Item = dict[str, Any]
START = NOW - timedelta(microseconds=2 * DAY + DAY // 12)  # 50 hours: three exports
END = NOW - timedelta(minutes=30)
KEYS = 30


def writes() -> list[Write]:
    """Each key is written before the hole, within it (perhaps without delivery), and perhaps later."""
    made = []
    for number in range(KEYS):
        key, lost = f"item-{number:02d}", number % 3 != 0
        within = START + timedelta(minutes=17 + 95 * number)
        made.append(Write(START - timedelta(hours=2), key, None, 1))
        made.append(Write(within, key, 1, None if number % 5 == 0 else 2, lost=lost))
        if number % 4 == 0:
            old = None if number % 5 == 0 else 2
            made.append(Write(END + timedelta(minutes=2, seconds=number), key, old, 3))
    return made


def right() -> dict[str, int]:
    """The table at the end."""
    states: dict[str, int | None] = {}
    for write in writes():
        states[write.key] = write.new
    return {key: state for key, state in states.items() if state is not None}


class _Dynamo(ExportingDynamo):
    """DynamoDB whose exports outlive a child."""

    def keep(self, disk: Disk, points: Points) -> None:
        """Use this disk."""
        self._disk, self._points = disk, points
        self.exports = disk.kept("exports", {})
        self.requests = [{}] * disk.kept("requests", 0)

    def export_table_to_point_in_time(self, **request: Any) -> Item:
        """Start an export."""
        self._points.at("before an export is requested")
        answer = super().export_table_to_point_in_time(**request)
        self._disk.keep("exports", self.exports)
        self._disk.keep("requests", len(self.requests))
        self._points.at("after an export was requested")
        return answer

    def describe_export(self, ExportArn: str) -> Item:
        """Describe it; it ends some time."""
        answer = super().describe_export(ExportArn)
        self._disk.keep("exports", self.exports)
        self._points.at("while an export is written")
        return answer


class _Workgroup:
    def __init__(self, athena: Athena, disk: Disk, points: Points) -> None:
        self._athena, self._disk, self._points = athena, disk, points

    def stream(self, sql: str, _database: str) -> Iterator[list[str]]:
        """A query's rows."""
        _, rows = self._athena.ask(sql, self._disk.folder(LAKE))
        self._disk.note("query")
        self._points.at("after the lake answered")
        yield from ([cell or "" for cell in row] for row in rows)


class Heal:
    """The lake's newest state of each key is that of the table; three exports were requested."""

    name = "backfill --heal"

    def __init__(self) -> None:
        self._results: Folder | None = None

    def prepare(self, disk: Disk) -> None:
        """The lake without the lost changes."""
        disk.folder(LANDING)
        disk.folder(LAKE).update(exporting(writes()).bucket.buckets[LAKE])
        self._results = disk.folder("results")

    def run(self, disk: Disk, points: Points) -> int:
        """The verb, with clients on the disk."""
        assert self._results is not None
        scene = exporting(writes())
        bucket = Landed(disk, points, LAKE, LANDING)
        scene.bucket = cast("Any", bucket)
        dynamo = _Dynamo([], scene.bucket, writes=writes(), earliest=NOW - timedelta(days=20))
        dynamo.keep(disk, points)
        scene.dynamodb = dynamo
        workgroup = _Workgroup(Athena(self._results, ("pk", "n")), disk, points)
        ports: Any = backfill, running
        ports[0].both_sides = lambda _: scene.sides()
        ports[1].session_of_role = lambda *_: None
        ports[1].open_client = lambda *_: dynamo
        ports[1].clock_of = lambda _: Clock(sleep=lambda _: None)
        ports[1].Workgroup = lambda *_: workgroup
        ports[1].kept_switch = lambda *_: None
        period = ["--from", f"{START:%Y-%m-%dT%H:%M:%SZ}", "--to", f"{END:%Y-%m-%dT%H:%M:%SZ}"]
        code = console.run(backfill.main, ["orders", "--heal", *period, "--yes", "--output", "json"])
        points.at("after the verb ended")
        return code

    def state(self, disk: Disk) -> Any:
        """The rows of the heal."""
        rows = [orjson.loads(line) for line in rows_of(disk.folder(LAKE))]
        states: dict[str, int] = {}
        for row in sorted(rows, key=lambda row: row["change_time"]):
            if row["change_after"] and row["change_type"] != "REMOVE":
                states[row["pk"]] = row["n"]
            else:
                states.pop(row["pk"], None)
        table = right()
        wrong = sorted(key for key in {*states, *table} if states.get(key) != table.get(key))
        assert not wrong, f"{len(wrong)} keys of the lake are not as in the table, such as {wrong[0]}"
        assert disk.kept("requests") == 3, f"{disk.kept('requests')} exports were requested"
        return sorted(str(row) for row in rows)
