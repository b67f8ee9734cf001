"""A table and a lake in memory with one clock, for the tests of reconcile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

from repair.rows import snapshot
from scripts.core.athena import Workgroup
from scripts.core.console import Output
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.reconciling.looks import Looking
from scripts.core.reconciling.table_reads import Budget, TableReader
from scripts.core.source_stream import Clock
from tests.sql.lake import Lake
from tests.unit.scripts.edge import refused
from transform_lambda.canonical import canonical_json
from transform_lambda.change import Change, line_of

Item = dict[str, Any]
TABLE = "orders"
START = datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC)
DELIVERY_SECONDS = 60.0


def item(key: str, number: int = 0) -> Item:
    """An item of a key."""
    return {"pk": {"S": key}, "n": {"N": str(number)}}


def key_of(name: str) -> str:
    """The `change_key` of a key."""
    return canonical_json({"pk": {"S": name}}).decode()


@dataclass
class World:
    """The table, its lake, and the time. A write is delivered `delay` seconds later, or never."""

    lake: Lake = field(default_factory=Lake)
    items: dict[str, Item] = field(default_factory=dict)
    moment: datetime = START
    page_size: int = 2
    unit_price: float = 1.0  # read capacity units of an item
    throttled: int = 0  # requests that are refused before one succeeds
    unprocessed: int = 0  # batches of which DynamoDB returns half
    dates: bool = True
    about: dict[str, Any] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    events: list[tuple[datetime, bytes]] = field(default_factory=list)  # rows on their way
    plans: list[tuple[datetime, str, Item | None]] = field(default_factory=list)  # writes to come
    _number: int = 0

    def write(self, name: str, new: Item | None, *, delay: float | None = 1.0) -> None:
        """Change an item now. Without a delay, the change is lost."""
        old = self.items.pop(name, None)
        if new is not None:
            self.items[name] = new
        self._number += 1
        kind = "REMOVE" if new is None else "MODIFY" if old else "INSERT"
        time = f"{self.moment:%Y-%m-%dT%H:%M:%S.%f}Z"
        sequence = f"{self._number:0129d}"
        change = Change(
            f"e{self._number}", kind, time, sequence, "user", TABLE, {"pk": {"S": name}}, old, new
        )
        if delay is not None:
            copy = Change(**{name: getattr(change, name) for name in change.__slots__})
            for image in ("keys", "old_image", "new_image"):
                setattr(copy, image, json.loads(json.dumps(getattr(change, image))))
            self.events.append((self.moment + timedelta(seconds=delay), line_of(copy)))

    def copy(self, source: str, time: str, name: str, state: Item | None) -> None:
        """Write a SNAPSHOT row."""
        change = snapshot(source, time, TABLE, {"pk": {"S": name}}, json.loads(json.dumps(state)))
        self.put(line_of(change), time[:10], f"repair-backfill-{source}-{name}.gz")

    def put(self, line: bytes, day: str, name: str) -> None:
        """Write a row as an object."""
        self.lake.put(line.decode().rstrip("\n"), day=day, name=name)

    def pass_time(self, seconds: float) -> None:
        """Let time pass: planned writes happen, rows arrive."""
        self.moment += timedelta(seconds=seconds)
        for plan in sorted(self.plans, key=lambda plan: plan[0]):
            if plan[0] <= self.moment:
                self.plans.remove(plan)
                now, self.moment = self.moment, plan[0]
                self.write(*plan[1:])
                self.moment = now
        for event in list(self.events):
            if event[0] <= self.moment:
                self.events.remove(event)
                self._number += 1
                self.put(event[1], f"{event[0]:%Y-%m-%d}", f"ddb-lake-{self._number}.gz")

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self.slept.append(seconds)
        self.pass_time(seconds)

    def seconds(self) -> float:
        """The time as a number."""
        return self.moment.timestamp()

    def looking(self, folder: Path, *, capacity: float = 100.0, switched_at: str | None = None) -> Looking:
        """Both sides as the verb has them."""
        budget = Budget(capacity, now=self.seconds, sleep=self.sleep)
        table = TableReader(self, TABLE, budget)
        rows = LakeReader(cast("Workgroup", self), "ddb_lake", TABLE, switched_at)
        clock = Clock(1.0, lambda: self.moment, self.sleep)
        return Looking(table, rows, clock, DELIVERY_SECONDS, folder, Output())

    def stream(self, sql: str, _database: str) -> Iterator[list[str]]:
        """Athena."""
        self.statements.append(sql)
        for row in self.lake.ask(sql):
            yield [cell or "" for cell in row]

    def _answered(self, request: dict[str, Any], response: dict[str, Any], units: float) -> dict[str, Any]:
        if self.throttled:
            self.throttled -= 1
            raise refused("ProvisionedThroughputExceededException", "slow down")
        self.requests.append(request)
        headers = {"date": format_datetime(self.moment, usegmt=True)} if self.dates else {}
        capacity: Any = {"CapacityUnits": units}
        if "RequestItems" in request:
            capacity = [capacity]
        return response | {"ResponseMetadata": {"HTTPHeaders": headers}, "ConsumedCapacity": capacity}

    def describe_table(self, TableName: str) -> dict[str, Any]:
        """The table's keys and its estimated size."""
        if TableName != TABLE:
            raise refused("ResourceNotFoundException")
        return self._answered({}, {"Table": {"KeySchema": [{"AttributeName": "pk"}], **self.about}}, 0.0)

    def scan(self, **request: Any) -> dict[str, Any]:
        """A page."""
        start = request.get("ExclusiveStartKey", {}).get("pk", {}).get("S", "")
        names = sorted(name for name in self.items if name > start)
        page = names[: min(self.page_size, request["Limit"])]
        response: dict[str, Any] = {"Items": [self.items[name] for name in page]}
        if len(page) < len(names):
            response["LastEvaluatedKey"] = {"pk": {"S": page[-1]}}
        return self._answered(request, response, self.unit_price * len(page))

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Some items; perhaps not all at once."""
        keys = request["RequestItems"][TABLE]["Keys"]
        rest: list[Item] = []
        if self.unprocessed:
            self.unprocessed -= 1
            keys, rest = keys[: len(keys) // 2], keys[len(keys) // 2 :]
        found = [self.items[key["pk"]["S"]] for key in keys if key["pk"]["S"] in self.items]
        response: dict[str, Any] = {"Responses": {TABLE: found}, "UnprocessedKeys": {}}
        if rest:
            response["UnprocessedKeys"] = {TABLE: {"Keys": rest, "ConsistentRead": True}}
        return self._answered(request, response, self.unit_price * len(found))
