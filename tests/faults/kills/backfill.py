"""`python -m scripts.backfill`: the verb with its local engine, from the request of an export to its rows."""

from __future__ import annotations

import gzip
from functools import partial
from typing import Any, cast

import orjson

from repair.backfill import objects_of_file
from scripts import backfill
from scripts.core import console
from scripts.core.backfilling import handover, local, running
from scripts.core.source_stream import Clock
from tests.faults.changes import digest, key_of, sent_image
from tests.faults.kills.disk import Disk, Objects, Points
from tests.unit.scripts.backfill.scene import LAKE, LANDING, Dynamo, Scene, made

ITEMS = 80
PART_BYTES = 4_000  # of rows in an object: each data file becomes several

Item = dict[str, Any]


class Landed(Objects):
    """The buckets of exports and of the lake."""

    @staticmethod
    def place(key: str) -> str:
        """Last objects apart: they state that a data file is complete."""
        if "/data/" in key:
            return "data files"
        if "manifest" in key:
            return "manifests"
        return "last rows of a file" if key.endswith("-end.gz") else Objects.place(key)


class _Dynamo(Dynamo):
    """DynamoDB whose exports outlive a child."""

    def keep(self, disk: Disk, points: Points) -> None:
        """Use this disk."""
        self._disk, self._points = disk, points
        self.exports = disk.kept("exports", {})

    def export_table_to_point_in_time(self, **request: Any) -> Item:
        """Start an export."""
        self._points.at("before the export is requested")
        answer = super().export_table_to_point_in_time(**request)
        self._disk.keep("exports", self.exports)
        self._disk.keep("requests", self._disk.kept("requests", 0) + 1)
        self._points.at("after the export was requested")
        return answer

    def describe_export(self, ExportArn: str) -> Item:
        """Describe it; it ends some time."""
        answer = super().describe_export(ExportArn)
        self._disk.keep("exports", self.exports)
        self._points.at("while the export is written")
        return answer


class _Workgroup:
    def __init__(self, *_: Any) -> None: ...

    def execute(self, *_: Any) -> Any:
        """No change of the table is in the lake yet."""
        return type("Result", (), {"rows": [[None]]})


class Backfill:
    """Every item of the table is one row, of the second of one export."""

    name = "backfill"

    def prepare(self, disk: Disk) -> None:
        """Nothing is there yet."""
        disk.folder(LAKE)

    def run(self, disk: Disk, points: Points) -> int:
        """The verb, with clients on the disk."""
        items = [orjson.loads(sent_image(number, number + 1)) for number in range(ITEMS)]
        scene: Scene = made(items)
        bucket = Landed(disk, points, LAKE, LANDING)
        scene.bucket = cast("Any", bucket)
        dynamo = _Dynamo(items, scene.bucket)
        dynamo.keep(disk, points)
        scene.dynamodb = dynamo
        ports: Any = backfill, running, handover, local
        ports[0].both_sides = lambda _: scene.sides()
        ports[1].session_of_role = lambda *_: None
        ports[1].open_client = lambda *_: dynamo
        ports[1].Clock = lambda: Clock(sleep=lambda _: None)
        ports[2].Workgroup = _Workgroup
        ports[3].objects_of_file = partial(objects_of_file, part_bytes=PART_BYTES)
        return console.run(backfill.main, ["orders", "--yes", "--output", "json"])

    def state(self, disk: Disk) -> Any:
        """The objects of the lake. Exactly one export was requested."""
        objects = {key: gzip.decompress(body) for key, body in disk.folder(LAKE).items()}
        rows = [orjson.loads(line) for body in objects.values() for line in body.splitlines()]
        right = sorted((key_of(number), digest(number, number + 1)) for number in range(ITEMS))
        assert sorted((row["pk"], row["change_after"]) for row in rows) == right, "the rows are not the items"
        assert disk.kept("requests") == 1, f"{disk.kept('requests')} exports were requested"
        return objects
