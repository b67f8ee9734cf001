"""`python -m scripts.redrive`: the verb, over error objects of several parts."""

from __future__ import annotations

import base64
import gzip
import json
from types import SimpleNamespace
from typing import Any

from repair import redriving
from scripts import redrive
from scripts.core import connection, console
from scripts.core.sides import LakeSide
from tests.faults.changes import Changes, poison
from tests.faults.kills.disk import Disk, Objects, Points
from tests.faults.kills.stacks import clients

ERROR_OBJECTS = 4
RECORDS = 30  # in each
PART_LINES = 11


class _ErrorObjects(Objects):
    @staticmethod
    def place(key: str) -> str:
        """Receipts apart: they state that an error object is complete."""
        if key.endswith("-end.gz"):
            return "receipts"
        return "unrecoverable lines" if "/unrecoverable/" in key else Objects.place(key)


class Redrive:
    """Error objects become rows and unrecoverable lines, once each."""

    name = "redrive"

    def prepare(self, disk: Disk) -> None:
        """Error objects on three days, some compressed; one record in seven is poison."""
        changes = Changes(11, ERROR_OBJECTS * RECORDS)
        records = [poison(number) if number % 7 == 3 else changes.record(number) for number in changes]
        objects = disk.folder("lake")
        for number in range(ERROR_OBJECTS):
            body = b"".join(
                json.dumps({"errorCode": "x", "rawData": base64.b64encode(record).decode()}).encode() + b"\n"
                for record in records[number * RECORDS : (number + 1) * RECORDS]
            )
            key = f"errors/processing-failed/dt=2026-11-{19 + number % 2}/ddb-lake-{number}"
            objects[key] = gzip.compress(body, mtime=0) if number % 2 else body

    def run(self, disk: Disk, points: Points) -> int:
        """The verb, with clients on the disk."""
        bucket = _ErrorObjects(disk, points)
        ports: Any = redriving, connection, LakeSide
        ports[0].PART_LINES = PART_LINES
        ports[1].open_session = _session
        ports[1].open_client = clients
        ports[2].repair_client = lambda *_: bucket
        points.at("before the verb begins")
        code = console.run(redrive.main, ["--profile", "consumer", "--yes", "--output", "json"])
        points.at("after the verb ended")
        return 0 if code in (0, 1) else code  # 1: there are unrecoverable records

    def state(self, disk: Disk) -> Any:
        """Every object with its lines."""
        found = {key: gzip.decompress(body) for key, body in disk.folder("lake").items() if "repair-" in key}
        changes = Changes(11, ERROR_OBJECTS * RECORDS)
        good = sorted(changes.change_id(number).encode() for number in changes if number % 7 != 3)
        rows = [line for key, body in found.items() if key.startswith("data/") for line in body.splitlines()]
        ids = sorted(line.partition(b'"change_id":"')[2][:36] for line in rows)
        assert ids == good, f"{len(ids)} rows, must be {len(good)}"
        stated = sum(body.count(b"\n") for key, body in found.items() if key.startswith("errors/"))
        assert stated == changes.count - len(good), f"{stated} unrecoverable lines"
        return found


def _session(profile: str, _region: str | None) -> Any:
    return SimpleNamespace(
        region_name="eu-west-1", profile_name=profile, available_profiles=["producer", "consumer"]
    )
