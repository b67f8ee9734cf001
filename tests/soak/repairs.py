"""The rows that backfill, reconcile and heal add to a lake with losses, made by the commands' own modules.

- A backfill writes every item as it was at noon, so most of its rows are older than the newest change.
- Reconcile then writes the state of each key that the lake shows otherwise than the table has it.
- A heal writes the states at the end of a hole of the stream, from the incremental export of the hole.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from repair import backfill
from repair.exports.records import Item
from repair.objects import Part, parts
from scripts.core.lake_objects import LakeObjects
from scripts.core.reconciling.repairs import repair
from scripts.core.reconciling.table_reads import Budget, TableReader
from tests.soak.delivery import DAYS
from tests.soak.engines import DuckDb
from tests.soak.histories import NOON, SECOND, TABLE, History, Road, State, item
from tests.soak.settled import Object, packed
from tests.sql import healing
from transform_lambda.canonical import canonical_json
from transform_lambda.change import change_time
from transform_lambda.flatten import DEFAULT_SETTINGS

EXPORTED: Final = NOON + SECOND // 2  # between two moments of either road
HEALED_ROADS: Final[tuple[Road, ...]] = ("kinesis", "streams")
_OBJECTS: Final = 9  # of the lake with a hole


def state(history: History, moment: int) -> State:
    """An item's state at a moment."""
    place = bisect_right([change.moment for change in history.changes], moment)
    return history.changes[place - 1].after if place else None


def backfilled(histories: Sequence[History]) -> list[Object]:
    """The objects of a backfill: a row of each item that existed at noon."""
    source = backfill.Source(
        "01795176000000-a1b2c3d4", change_time(EXPORTED, "MICROSECOND"), TABLE, DEFAULT_SETTINGS
    )
    states = ((history.key, state(history, EXPORTED)) for history in histories)
    items = (Item({"pk": {"S": key}}, item(key, one)) for key, one in states if one is not None)
    return list(map(_object, parts(backfill.KIND, source.id, backfill.rows(items, source))))


def reconciled(histories: Sequence[History], numbers: Sequence[int]) -> list[Object]:
    """The objects of `reconcile --repair`, for the items with these numbers, after all changes."""
    table = _Table({histories[number].key: histories[number].final for number in numbers}, histories)
    reader = TableReader(table, TABLE, Budget(1e9))
    objects = _Objects()
    keys = (canonical_json(table.key(histories[number].key)).decode() for number in numbers)
    repair(reader, keys, "20261120T235959Z-0a1b2c3d", DEFAULT_SETTINGS, objects)
    return objects.written


class _Table:
    """DynamoDB's answers about items, one minute after the last change."""

    def __init__(self, states: dict[str, State], histories: Sequence[History]) -> None:
        self._states = states
        last = max(history.changes[-1].moment for history in histories)
        self._now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=last, minutes=1)

    @staticmethod
    def key(pk: str) -> dict[str, Any]:
        """The key of an item."""
        return {"pk": {"S": pk}}

    def _answer(self, **response: Any) -> dict[str, Any]:
        headers = {"date": format_datetime(self._now.replace(microsecond=0), usegmt=True)}
        return response | {"ResponseMetadata": {"HTTPHeaders": headers}}

    def describe_table(self, TableName: str) -> dict[str, Any]:
        """The table."""
        del TableName
        return self._answer(Table={"KeySchema": [{"AttributeName": "pk"}], "ItemCount": len(self._states)})

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """The items of some keys that exist."""
        keys = [key["pk"]["S"] for key in request["RequestItems"][TABLE]["Keys"]]
        found = [item(key, state) for key in keys if (state := self._states[key]) is not None]
        return self._answer(
            Responses={TABLE: found}, UnprocessedKeys={}, ConsumedCapacity=[{"CapacityUnits": 1.0}]
        )


class _Objects(LakeObjects):
    """The lake's bucket, which keeps what is written."""

    def __init__(self) -> None:
        self.written: list[Object] = []

    def put(self, part: Part) -> None:
        """Write an object."""
        self.written.append(_object(part))


def _object(part: Part) -> Object:
    _, day, name = part.key.split("/")
    return day.removeprefix("dt="), name, part.body


@dataclass(frozen=True)
class Healed:
    """A table with a hole in its stream, and its lake's objects before and after the heal."""

    histories: Sequence[History]
    delivered: Sequence[Object]
    written: Sequence[Object]


def healed(items: int, seed: int, road: Road) -> Healed:
    """The lake of so many items, healed in the sandbox's engine as `scripts.backfill --heal` does."""
    model = healing.Model.of(seed, road, items=items)
    rows = model.delivered(seed)
    delivered = [
        (DAYS[number % len(DAYS)], f"ddb-lake-{number:05d}.gz", packed(rows[number::_OBJECTS]))
        for number in range(_OBJECTS)
    ]
    lake = DuckDb().lake("", delivered).memory
    with TemporaryDirectory(prefix="ddb-lake-soak-") as folder:
        result = healing.heal(lake, model, [healing.window(healing.START, healing.END)], Path(folder))
    written = [_object(Part(key, body, 0)) for key, body in result.objects.items()]
    return Healed(model.histories, delivered, written)
