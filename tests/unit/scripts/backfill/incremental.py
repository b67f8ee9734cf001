"""Incremental exports of the scene's table, and a lake that answers queries."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from repair.exports.manifest import INCREMENTAL
from tests.sql.lake import Lake
from tests.unit.repair.exports import EXPORT_ID, PREFIX, TABLE_ARN, Export, json_lines, md5
from tests.unit.scripts.backfill.scene import LAKE, NOW, Bucket, Dynamo, Item, Scene, made
from transform_lambda.change import Change, line_of

PAGE = 2


@dataclass(frozen=True)
class Write:
    """A change of one item. Lost ones are in no row."""

    time: datetime
    key: str
    old: int | None
    new: int | None
    lost: bool = False


def image(key: str, number: int | None) -> Item | None:
    """The item in this state."""
    return None if number is None else {"pk": {"S": key}, "n": {"N": str(number)}}


@dataclass
class ExportingDynamo(Dynamo):
    """DynamoDB that also has the changes of the table, and exports them."""

    writes: list[Write] = field(default_factory=list)
    events: list[str] = field(default_factory=list)  # starts and ends of exports
    extra: list[Item] = field(default_factory=list)  # further lines of each export

    def list_exports(self, TableArn: str, MaxResults: int, NextToken: str = "0") -> Item:
        """A page of exports, the newest first."""
        assert (TableArn, MaxResults) == (TABLE_ARN, 25)
        known = sorted(self.exports.values(), key=lambda export: export["ExportArn"], reverse=True)
        start = int(NextToken)
        more = {"NextToken": str(start + PAGE)} if start + PAGE < len(known) else {}
        return {"ExportSummaries": known[start : start + PAGE], **more}

    def export_table_to_point_in_time(self, **request: Any) -> Item:
        """Start an incremental export and write its objects."""
        self.requests.append(request)
        period = request["IncrementalExportSpecification"]
        number = len(self.requests)
        export_id = f"{round(self.now.timestamp()) * 1000:014d}-{number:08x}"
        arn = f"{TABLE_ARN}/export/{export_id}"
        self.write(export_id, period["ExportFromTime"], period["ExportToTime"])
        self.events.append("start")
        described = self.add_export(
            arn,
            ExportStatus="IN_PROGRESS",
            ExportType=INCREMENTAL,
            ExportTime=None,
            IncrementalExportSpecification=period,
            S3Bucket=request["S3Bucket"],
            S3Prefix=request["S3Prefix"],
        )
        return {"ExportDescription": dict(described)}

    def describe_export(self, ExportArn: str) -> Item:
        """An export; it ends at the second look."""
        export = self.exports[ExportArn]
        if export["ExportStatus"] == "IN_PROGRESS" and export.setdefault("looked", 0) < 2:
            export["looked"] += 1
            if export["looked"] == 2:
                self.events.append("end")
                export |= self.fails or {
                    "ExportStatus": "COMPLETED",
                    "ExportManifest": PREFIX.replace(EXPORT_ID, ExportArn.rpartition("/")[2])
                    + "manifest-summary.json",
                }
        return {"ExportDescription": dict(export)}

    def write(self, export_id: str, start: datetime, end: datetime, **members: Any) -> None:
        """Write the objects of an export of a period."""
        net: dict[str, tuple[Write, Write]] = {}
        for write in self.writes:
            if start <= write.time < end:
                net[write.key] = (net.get(write.key, (write, write))[0], write)
        lines = [
            {
                "Metadata": {"WriteTimestampMicros": {"N": str(round(last.time.timestamp() * 1_000_000))}},
                "Keys": {"pk": {"S": key}},
                **{
                    name: found
                    for name, found in (
                        ("OldImage", image(key, first.old)),
                        ("NewImage", image(key, last.new)),
                    )
                    if found is not None
                },
            }
            for key, (first, last) in net.items()
            if not (first.old is None and last.new is None)
        ]
        half = len(lines) // 2
        export = Export.of(
            [json_lines(lines[:half]), b"", json_lines([*lines[half:], *self.extra])],
            kind=INCREMENTAL,
            **{
                "exportArn": f"{TABLE_ARN}/export/{export_id}",
                "exportFromTime": f"{start:%Y-%m-%dT%H:%M:%S}.000Z",
                "exportToTime": f"{end:%Y-%m-%dT%H:%M:%S}.000Z",
                **members,
            },
        )
        for key, body in export.objects.items():
            if not key.endswith(".md5"):
                self._put(export_id, key, body)

    def _put(self, export_id: str, key: str, body: bytes) -> None:
        """Write an object under the names of this export; a manifest with its checksum."""
        names = ((EXPORT_ID, export_id), ("/data/file", f"/data/{export_id}-"))
        for old, new in names:
            key = key.replace(old, new)
        if key.endswith(".json"):
            for old, new in names:
                body = body.replace(old.encode(), new.encode())
            self.bucket.buckets["exports-bucket"][key.replace(".json", ".md5")] = md5(body).encode()
        self.bucket.buckets["exports-bucket"][key] = body


class Athena:
    """Answers queries over the lake's objects."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.statements: list[str] = []

    def stream(self, sql: str, database: str) -> Iterator[list[str]]:
        """Rows, as `Workgroup.stream` yields them."""
        assert database == "ddb_lake"
        self.statements.append(sql)
        lake = Lake(("pk", "n"))
        for key, body in self._bucket.buckets[LAKE].items():
            _, day, name = key.split("/")
            lake.put_bytes(body, day=day.removeprefix("dt="), name=name)
        for row in lake.ask(sql):
            yield [cell or "" for cell in row]


def exporting(writes: list[Write]) -> Scene:
    """A scene with these changes of the table, of which the lake has those that were not lost."""
    scene = made([])
    dynamodb = ExportingDynamo([], scene.bucket, writes=writes, earliest=NOW - timedelta(days=20))
    scene.dynamodb = dynamodb
    lines = [_line(number, write) for number, write in enumerate(writes) if not write.lost]
    scene.bucket.buckets[LAKE]["data/dt=2026-11-20/ddb-lake-1.gz"] = gzip.compress(b"".join(lines))
    return scene


def _line(number: int, write: Write) -> bytes:
    kind = "REMOVE" if write.new is None else "INSERT" if write.old is None else "MODIFY"
    change = Change(
        f"e{number}",
        kind,
        f"{write.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
        f"{number:0129d}",
        "user",
        "orders",
        {"pk": {"S": write.key}},
        json.loads(json.dumps(image(write.key, write.old))),
        json.loads(json.dumps(image(write.key, write.new))),
    )
    return line_of(change)
