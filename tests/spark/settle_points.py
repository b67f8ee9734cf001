"""The named points of a run at which it can end, and the changes that runs settle: those of tests/soak."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from settled.names import ITEMS
from tests.soak.checks import differs
from tests.soak.delivery import Line, body, deliver
from tests.soak.histories import TABLE, History, histories
from tests.spark.settling import SettledLake

# Every call that changes something outside, and those between which a run has planned something.
POINTS: Final = {
    "the objects are read": ("settle.reading:Portion.taken", 1),
    "append": ("settle.tables:Table.append", 1),
    "columns are declared": ("settle.lake_catalog:LakeCatalog.declare", 1),
    "merge": ("settle.tables:Table.replace_partitions", 1),
    "the merge is recorded": ("settle.tables:Table.set_properties", 1),
    "index": ("settle.index:SettledObjects.add", 1),
    "view": ("settle.lake_catalog:LakeCatalog.create_view", 1),
    "marker": ("settle.storage:Storage.remove_marker", 1),
    "files are rewritten": ("settle.maintenance:Maintenance.rewrite", 2),
    "snapshots are expired": ("settle.maintenance:Maintenance.expire", 1),
    "orphans are removed": ("settle.maintenance:Maintenance.remove_orphans", 1),
    "the maintenance is recorded": ("settle.index:SettledObjects.set_maintained", 1),
}


@dataclass(frozen=True)
class Fault:
    """The end of a run before or after a call."""

    point: str
    when: str

    def request(self, **more: Any) -> dict[str, Any]:
        """As the driver takes it."""
        at, call = POINTS[self.point]
        return {"at": at, "when": self.when, "call": call, **more}


def faults(number: int, seed: int) -> list[Fault]:
    """So many faults, spread evenly over all points, in any order."""
    whens = ("before", "after")
    every = [Fault(point, whens[(at + turn) % 2]) for turn in (0, 1) for at, point in enumerate(POINTS)]
    chosen = [every[at % len(every)] for at in range(number)]
    random.Random(seed).shuffle(chosen)  # noqa: S311  the same seed gives the same result
    return chosen


class Deliveries:
    """The changes of some items in so many objects: copies, disorder, ties, missing sequences."""

    def __init__(self, name: str, changes: int, objects: int, seed: int) -> None:
        self._name = name
        self.histories: Sequence[History] = [
            History(f"{name}-{one.key}", one.changes) for one in histories(changes, seed)
        ]
        lines = [line for one in deliver(self.histories, seed) for line in one.lines]
        self._parts: Iterator[list[Line]] = iter([lines[at::objects] for at in range(objects)])
        self._number = 0

    def put(self, lake: SettledLake) -> bool:
        """Write the next object into one of the last days. False if there is none."""
        part = next(self._parts, None)
        if part is None:
            return False
        self._number += 1
        lake.put_bytes(
            body(self.histories, part), f"{self._name}-{self._number:04}.gz", lake.day(self._number % 4)
        )
        return True

    def check(self, lake: SettledLake) -> None:
        """With everything delivered, `settled_items` is what DynamoDB has."""
        items = {
            str(row["pk"]): (row["n"], row["change_after"])
            for row in lake.settled(ITEMS + TABLE)
            if row["change_type"] != "REMOVE" and str(row["pk"]).startswith(f"{self._name}-")
        }
        assert differs(self.histories, items) == {}


def reopen(lake: SettledLake, number: int) -> None:
    """A marker of a verb that has written everything, so that a run has one to remove."""
    text = json.dumps({"days": [lake.day(30)], "done": True}).encode()
    lake.lake.put_bytes(f"settled/reopened/{number:04}.json", text)
