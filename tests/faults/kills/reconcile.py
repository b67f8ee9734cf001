"""`python -m scripts.reconcile --repair`: the verb, over a lake that lacks some changes."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import orjson

from repair.objects import parts
from scripts import reconcile
from scripts.core import console
from scripts.core.reconciling import comparing, repairs, report  # noqa: F401  the verb imports it late
from scripts.core.sides import LakeSide, Source
from scripts.core.source_stream import Clock
from tests.faults.changes import Changes, digest, key_of, sent_image, time_text
from tests.faults.kills.athena import Athena
from tests.faults.kills.disk import Disk, Folder, Objects, Points
from tests.faults.kills.stacks import CONSUMER, OUTPUTS, PRODUCER, Account
from transform_lambda.change import transform

SEED, CHANGES = 23, 300
ROWS = 40  # in each object of Firehose
PART_BYTES = 2_500  # of rows in an object of the repair
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

Item = dict[str, Any]


def table() -> tuple[Changes, dict[str, Item], dict[str, str]]:
    """The changes of a table, its items at the end, and their digests."""
    changes = Changes(SEED, CHANGES)
    for _ in changes:
        pass
    left = {key_of(item): (item, state) for item, state in enumerate(changes.state) if state}
    items = {key: orjson.loads(sent_image(*each)) for key, each in left.items()}
    return changes, items, {key: digest(*each) for key, each in left.items()}


class _Dynamo(Account):
    """The table. A second passes with each answer."""

    def __init__(self, disk: Disk, points: Points) -> None:
        super().__init__(PRODUCER)
        _, self.items, _ = table()
        self._disk, self._points, self.now = disk, points, NOW

    def _answered(self, **members: Any) -> Item:
        self.now += timedelta(seconds=1)
        date = format_datetime(self.now, usegmt=True)
        return members | {
            "ResponseMetadata": {"HTTPHeaders": {"date": date}},
            "ConsumedCapacity": {"CapacityUnits": 1.0},
        }

    def describe_table(self, TableName: str) -> Item:
        """The table."""
        del TableName
        return self._answered(Table={"KeySchema": [{"AttributeName": "pk"}], "ItemCount": len(self.items)})

    def describe_time_to_live(self, **_: Any) -> Item:
        """No TTL."""
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    def scan(self, **request: Any) -> Item:
        """A page of ten items."""
        self._points.at("while the table is scanned")
        self._disk.note("page")
        start = request.get("ExclusiveStartKey", {}).get("pk", {}).get("S", "")
        names = sorted(name for name in self.items if name > start)
        more = {"LastEvaluatedKey": {"pk": {"S": names[9]}}} if len(names) > 10 else {}
        return self._answered(Items=[self.items[name] for name in names[:10]], **more)

    def batch_get_item(self, RequestItems: Item, **_: Any) -> Item:
        """Items by key, ten of them at once."""
        self._points.at("while keys are read again")
        self._disk.note("batch")
        [(name, request)] = RequestItems.items()
        keys, left = request["Keys"][:10], request["Keys"][10:]
        found = [self.items[key["pk"]["S"]] for key in keys if key["pk"]["S"] in self.items]
        rest = {"UnprocessedKeys": {name: {"Keys": left}}} if left else {}
        return self._answered(Responses={name: found}, **rest)


class _Workgroup:
    """Athena over the objects on the disk, by the sandbox's engine."""

    def __init__(self, athena: Athena, disk: Disk, points: Points) -> None:
        self._athena, self._disk, self._points = athena, disk, points

    def check(self) -> None:
        """It exists."""

    def stream(self, sql: str, _database: str) -> Iterator[list[str]]:
        """A query's rows."""
        self._points.at("before a query of the lake")
        _, rows = self._athena.ask(sql, self._disk.folder("lake"))
        self._disk.note("query")
        self._points.at("after the lake answered")
        yield from ([cell or "" for cell in row] for row in rows)


class Reconcile:
    """The lake's newest state of each key is that of the table."""

    name = "reconcile --repair"

    def __init__(self) -> None:
        self._results: Folder | None = None

    def prepare(self, disk: Disk) -> None:
        """Objects of the lake without one change in six."""
        changes = Changes(SEED, CHANGES)
        lines = [
            (time_text(changes.moment[number])[:10], transform(changes.record(number), str(number + 1))[0])
            for number in changes
            if number % 6 != 2
        ]
        days: defaultdict[str, list[bytes]] = defaultdict(list)
        for day, line in lines:
            days[day].append(line)
        self._results = disk.folder("results")
        objects = disk.folder("lake")
        for day, rows in days.items():
            for start in range(0, len(rows), ROWS):
                body = gzip.compress(b"".join(rows[start : start + ROWS]), mtime=0)
                objects[f"data/dt={day}/ddb-lake-{start:05d}.gz"] = body

    def run(self, disk: Disk, points: Points) -> int:
        """The verb, with clients on the disk."""
        assert self._results is not None
        athena = Athena(self._results)
        dynamo = _Dynamo(disk, points)
        connection: Any = SimpleNamespace(
            account=PRODUCER, region="eu-west-1", location="", profile=None, client=lambda _: dynamo
        )
        own: Any = SimpleNamespace(account=CONSUMER, region="eu-west-1", location="", profile=None)
        outputs = OUTPUTS[CONSUMER]["ddb-lake-consumer"]
        source = Source(connection, "ddb-lake-producer", OUTPUTS[PRODUCER]["ddb-lake-producer"])
        lake = LakeSide(own, "ddb-lake-consumer", outputs, {"s3": Objects(disk, points)})
        clock = Clock(1.0, lambda: dynamo.now, lambda seconds: _pass(dynamo, seconds))
        ports: Any = reconcile, comparing, repairs
        ports[0].both_sides = lambda _: (source, lake)
        ports[1].Workgroup = lambda *_: _Workgroup(athena, disk, points)
        ports[1].clock_of = lambda _: clock
        ports[2].parts = partial(parts, part_bytes=PART_BYTES)
        arguments = ["orders", "--repair", "--yes", "--switched-at", "none", "--output", "json"]
        arguments += ["--read-capacity", "1000000"]
        code = console.run(reconcile.main, arguments)
        points.at("after the verb ended")
        return code

    def state(self, disk: Disk) -> Any:
        """The newest state of each key."""
        _, _, right = table()
        found = newest(orjson.loads(line) for line in rows_of(disk.folder("lake")))
        wrong = sorted(key for key in {*found, *right} if found.get(key) != right.get(key))
        assert not wrong, f"{len(wrong)} keys of the lake are not as in the table, such as {wrong[0]}"
        return found


def _pass(dynamo: _Dynamo, seconds: float) -> None:
    dynamo.now += timedelta(seconds=seconds)


def rows_of(lake: Folder) -> Iterator[bytes]:
    """The lines of every object of a lake."""
    for body in lake.values():
        yield from gzip.decompress(body).splitlines()


def newest(rows: Iterator[dict[str, Any]]) -> dict[str, str]:
    """The digest of each key's newest state, by time, chain and the SNAPSHOT rows; without deleted items."""
    by_key: defaultdict[str, set[tuple[str, str, str, str]]] = defaultdict(set)
    for row in rows:
        before, after = row["change_before"] or "", row["change_after"] or ""
        by_key[row["pk"]].add((row["change_time"], row["change_type"], before, after))
    result = {}
    for key, changes in by_key.items():
        state = ""
        for time in sorted({change[0] for change in changes}):
            group = [change for change in changes if change[0] == time]
            copies = {change[3] for change in group if change[1] == "SNAPSHOT"}
            reached = Counter(change[3] for change in group if change[1] != "SNAPSHOT")
            reached.subtract(change[2] for change in group if change[1] != "SNAPSHOT")
            ends = [end for end, count in reached.items() if count > 0]
            state = copies.pop() if copies else ends[0] if ends else state
        if state:
            result[key] = state
    return result
