"""The sandbox's delivery with its threads: its checkpoints are in memory, so it begins again when killed.

What was delivered is delivered again: every change at least once, nothing else, and no checkpoint too early.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import threading
import time
import zlib
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pybase64

from sandbox.delivery.description import parse
from sandbox.delivery.pipeline import Pipeline
from tests.faults.changes import START, Changes, poison
from tests.faults.kills.disk import Disk, Objects, Points
from tests.faults.services import refused
from tests.faults.stream import description
from transform_lambda.handler import handler

CHANGES = 240
SHARDS = 2
PAGE = 15  # records that one read returns
SECONDS = 60.0
BUFFERS_OF = 20 * CHANGES  # so the buffers are those of a larger run: some twenty batches


class _Kinesis:
    """A stream of two closed shards."""

    def __init__(self, points: Points) -> None:
        self._points, self._reads = points, 0
        changes = Changes(17, CHANGES)
        self._records: dict[str, list[bytes]] = {f"shard-{number}": [] for number in range(SHARDS)}
        for number in changes:
            records = self._records[f"shard-{changes.item[number] % SHARDS}"]
            records.append(changes.record(number))
            if number % 40 == 7:
                records.append(poison(number))

    def list_shards(self, **_: Any) -> dict[str, Any]:
        """Both shards."""
        return {"Shards": [{"ShardId": name} for name in self._records]}

    def describe_stream(self, **_: Any) -> dict[str, Any]:
        """The retention."""
        return {"StreamDescription": {"RetentionPeriodHours": 24 * 365 * 100}}

    def get_shard_iterator(self, ShardId: str, StartingSequenceNumber: str = "", **_: Any) -> dict[str, str]:
        """The place after a record."""
        start = int(StartingSequenceNumber) % 10_000 + 1 if StartingSequenceNumber else 0
        return {"ShardIterator": f"{ShardId}/{start}"}

    def get_records(self, ShardIterator: str, **_: Any) -> dict[str, Any]:
        """Some records. The iterator of every third read has expired."""
        self._reads += 1
        if self._reads % 3 == 0:
            raise refused("ExpiredIteratorException", "GetRecords")
        shard, place = ShardIterator.split("/")
        first, records = int(place), self._records[shard]
        found = [
            {
                "SequenceNumber": f"4966{int(shard[-1]):02d}{number:08d}",
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(START / 1e6 + number, UTC),
                "PartitionKey": "x",
                "Data": records[number],
            }
            for number in range(first, min(first + PAGE, len(records)))
        ]
        self._points.at("after records were read")
        more = first + PAGE < len(records)
        return {
            "Records": found,
            "NextShardIterator": f"{shard}/{first + PAGE}" if more else None,
            "MillisBehindLatest": 1,
        }


class _Lambda:
    """The real function. Some calls fail."""

    def __init__(self, points: Points) -> None:
        self._points, self._calls, self._lock = points, 0, threading.Lock()

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        """One invocation."""
        del FunctionName
        self._points.at("before the function is invoked")
        with self._lock, contextlib.redirect_stdout(io.StringIO()):
            self._calls += 1
            if self._calls % 7 == 0:
                raise refused("TooManyRequestsException", "Invoke")
            answer = orjson.dumps(handler(orjson.loads(Payload), None))
        self._points.at("after the function answered")
        return {"Payload": io.BytesIO(answer)}


class _Refusing(Objects):
    """Every sixth put is refused once."""

    def __init__(self, disk: Disk, points: Points) -> None:
        super().__init__(disk, points)
        self._puts = 0

    def put_object(self, Bucket: str, Key: str, Body: bytes, **more: Any) -> dict[str, Any]:
        """PutObject."""
        self._puts += 1
        if self._puts % 6 == 0:
            self._points.at("after a put was refused")
            raise refused("SlowDown", "PutObject")
        return super().put_object(Bucket, Key, Body, **more)


class Delivery:
    """Every change and every poison record is in the lake's bucket, at least once."""

    name = "delivery of the sandbox"

    def prepare(self, disk: Disk) -> None:
        """An empty bucket."""
        disk.folder("lake")

    def run(self, disk: Disk, points: Points) -> int:
        """The real pipeline until every shard is delivered."""
        logging.getLogger("delivery").setLevel(logging.CRITICAL)
        clients = {
            "kinesis": _Kinesis(points),
            "lambda": _Lambda(points),
            "s3": _Refusing(disk, points),
            "logs": None,
        }
        sandbox = cast("Any", SimpleNamespace(speed=5_000.0))
        pipeline = Pipeline(sandbox, parse(description(BUFFERS_OF)))
        pipeline._roles = cast("Any", SimpleNamespace(client=lambda _, service: clients[service]))
        points.at("before delivery begins")
        pipeline.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            shards = list(pipeline.shards.values())
            if len(shards) == SHARDS and all(shard.finished and shard.idle for shard in shards):
                points.at("after everything was delivered")
                return 0
            time.sleep(0.002)
        return 1

    def state(self, disk: Disk) -> Any:
        """The distinct rows, and the distinct records that failed."""
        rows: set[bytes] = set()
        failed: set[bytes] = set()
        for key, body in disk.folder("lake").items():
            lines = zlib.decompress(body, 31).splitlines()
            if key.startswith("data/"):
                rows.update(lines)
            else:
                failed.update(pybase64.b64decode(json.loads(line)["rawData"]) for line in lines)
        changes = Changes(17, CHANGES)
        right = {changes.change_id(number).encode() for number in changes}
        found = {line.partition(b'"change_id":"')[2][:36] for line in rows}
        assert found == right, f"{len(right - found)} changes are missing, {len(found - right)} are none"
        return {"rows": sorted(rows), "failed": sorted(failed)}
