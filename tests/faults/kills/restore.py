"""`python -m scripts.restore`: the verb, from the creation of the table to the end of the restore."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sandbox.athena.engine.results import to_csv
from scripts import restore
from scripts.core import connection, console
from scripts.core.athena import Finished, Result
from scripts.core.restoring import restore as verb
from scripts.core.restoring.target import UNFINISHED_TAG
from scripts.core.result_rows import result_rows
from tests.faults.changes import Changes, digest, key_of, time_text
from tests.faults.kills.athena import Athena
from tests.faults.kills.disk import Disk, Folder, Points
from tests.faults.kills.stacks import CONSUMER, PRODUCER, Account
from tests.faults.services import tag_of
from tests.unit.scripts.restoring.fake_dynamodb import FakeDynamoDb
from transform_lambda.canonical import image_digest
from transform_lambda.change import transform
from transform_lambda.flatten import RowSettings

SEED, CHANGES = 31, 500
SOURCE, TARGET = "orders", "orders-again"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_STATE = ("tables", "items", "tags", "recovered")


class _Dynamo(FakeDynamoDb):
    """Tables that outlive a child. A batch is not atomic."""

    def __init__(self, disk: Disk, points: Points) -> None:
        super().__init__()
        self._disk, self._points, self._calls = disk, points, threading.RLock()
        for name, value in disk.kept("dynamodb", {}).items():
            setattr(self, name, value)

    def _keep(self, work: str) -> None:
        self._disk.keep("dynamodb", {name: getattr(self, name) for name in _STATE})
        self._disk.note(work)

    def create_table(self, TableName: str, Tags: list[dict[str, str]], **request: Any) -> None:
        """Create the table."""
        self._points.at("before the table is created")
        super().create_table(TableName, Tags, **request)
        self._keep("create")
        self._points.at("after the table was created")

    def update_continuous_backups(self, TableName: str, PointInTimeRecoverySpecification: Any) -> None:
        """Turn on point-in-time recovery."""
        super().update_continuous_backups(TableName, PointInTimeRecoverySpecification)
        self._keep("backups")
        self._points.at("after recovery was turned on")

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """Read what an earlier run wrote."""
        self._points.at("before items are read again")
        return super().batch_get_item(RequestItems)

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """Put the items in two halves."""
        with self._calls:
            [(table, requests)] = RequestItems.items()
            middle = len(requests) // 2 + 1
            self._points.at("before a batch")
            super().batch_write_item({table: requests[:middle]})
            self._keep("half a batch")
            self._points.at("within a batch")
            super().batch_write_item({table: requests[middle:]})
            self._keep("a batch")
            self._points.at("after a batch")
            return {"UnprocessedItems": {}}

    def untag_resource(self, ResourceArn: str, TagKeys: list[str]) -> None:
        """The end of the restore."""
        self._points.at("before the restore is finished")
        for key in TagKeys:
            self.tags[ResourceArn.split("/")[1]].pop(key, None)
        self._keep("finish")
        self._points.at("after the restore was finished")


class _Workgroup:
    """Athena over a lake that does not change: each statement runs once for all children."""

    def __init__(self, lake: Folder, results: Folder, points: Points) -> None:
        self._lake, self._results, self._points = lake, results, points
        self._athena = Athena(results)

    def finish(self, sql: str, _database: str) -> Finished:
        """Run a statement."""
        name = f"{hashlib.sha256(sql.encode()).hexdigest()}.csv"
        if name not in self._results:
            self._results[name] = to_csv(*self._athena.ask(sql, self._lake))
        self._points.at("after a query")
        return Finished(name, is_select=True, location=f"s3://results/{name}", bytes_scanned=0, seconds=0.0)

    def execute(self, sql: str, database: str) -> Result:
        """Run a statement, and fetch its rows."""
        done = self.finish(sql, database)
        columns, rows = self._athena.ask(sql, self._lake)
        return Result(done.query_id, [(each.name, "varchar") for each in columns], rows, 0, 0.0)

    def rows(self, result: Finished) -> Iterator[list[str]]:
        """The rows of a statement."""
        return result_rows(self, result.location)

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        """A result's size and entity tag."""
        del Bucket
        body = self._results[Key]
        return {"ContentLength": len(body), "ETag": f'"{tag_of(body)}"'}

    def get_object(self, Bucket: str, Key: str, Range: str, IfMatch: str) -> dict[str, Any]:
        """A part of a result."""
        del Bucket, IfMatch
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        self._points.at("after a part of a result was read")
        return {"Body": io.BytesIO(self._results[Key][first : last + 1])}


class Restore:
    """The new table has every item of the moment, exactly; its tag of an unfinished restore is gone."""

    name = "restore"

    def __init__(self) -> None:
        self._results: Folder | None = None

    def prepare(self, disk: Disk) -> None:
        """A lake with images, and the source table."""
        changes = Changes(SEED, CHANGES, keep_images=True)
        lake = disk.folder("lake")
        settings = RowSettings(keep_images=True)
        for number in changes:
            line, time = transform(changes.record(number), str(number + 1), settings)
            lake[f"data/dt={time[:10]}/ddb-lake-{number:05d}.gz"] = gzip.compress(line, mtime=0)
        dynamo = FakeDynamoDb()
        dynamo.add(SOURCE)
        disk.keep("dynamodb", {name: getattr(dynamo, name) for name in _STATE})
        self._results = disk.folder("results")
        assert time_text(changes.moment[-1]) < f"{NOW:%Y-%m-%dT%H:%M:%S}"

    def run(self, disk: Disk, points: Points) -> int:
        """The verb, with clients on the disk."""
        assert self._results is not None
        dynamo = _Dynamo(disk, points)
        workgroup = _Workgroup(disk.folder("lake"), self._results, points)

        def client(session: Any, service: str, _endpoint: str | None) -> Any:
            if service == "dynamodb":
                return dynamo
            return Account(CONSUMER if session.profile_name == "consumer" else PRODUCER)

        ports: Any = connection, verb, restore
        ports[0].open_session = lambda profile, _: SimpleNamespace(
            region_name="eu-west-1", profile_name=profile, available_profiles=["producer", "consumer"]
        )
        ports[0].open_client = client
        ports[1].Workgroup = lambda *_: workgroup
        ports[2].datetime = SimpleNamespace(now=lambda _: NOW)
        arguments = [SOURCE, "--as-of", "2026-11-21T11:00:00Z", "--into", TARGET, "--profile", "producer"]
        arguments += ["--lake-profile", "consumer", "--switched-at", "none", "--yes", "--output", "json"]
        points.at("before the verb begins")
        if TARGET in dynamo.tables and UNFINISHED_TAG not in dynamo.tags[TARGET]:
            return 0  # an earlier run finished it, and was killed before it said so
        return console.run(restore.main, arguments)

    def state(self, disk: Disk) -> Any:
        """The new table."""
        changes = Changes(SEED, CHANGES)
        for _ in changes:
            pass
        kept = disk.kept("dynamodb")
        found = sorted(str(image_digest(item)) for item in kept["items"][TARGET].values())
        right = sorted(digest(item, state) for item, state in enumerate(changes.state) if state)
        assert found == right, f"{len(found)} items, must be {len(right)}, such as {key_of(0)}"
        assert kept["recovered"], "point-in-time recovery is off"
        return kept["tags"][TARGET]
