"""Read every item from the lake, rebuild it, and count which are exact, without keeping any."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lake.waiting import Schedule
from repair.restoration import SAMPLE, Rebuilder, Rebuilt, State
from scripts.core.athena import Finished, Workgroup
from scripts.core.console import CommandError
from scripts.core.restoring.key_schema import KeySchema
from scripts.put_items.errors import RecordError
from scripts.put_items.table import Table
from scripts.put_items.values import Item, from_typed, item_of

MOST_NAMES = 20  # of attributes and keys that a report lists; there can be very many
_COUNTED_NAMES = 10_000  # attributes whose doubts are counted: names can be data
UNIT_BYTES = 1024  # of a write unit (DynamoDB Developer Guide, "DynamoDB read and write operations")


@dataclass
class Check:
    """The counts of a pass over all items."""

    from_images: int = 0  # exact, with change_image
    from_rows: int = 0  # exact without it: the rebuilt item has the row's digest
    inexact: int = 0
    without_image: int = 0  # items that need their lines, before these are read
    write_units: int = 0
    doubts: dict[str, Counter[str]] = field(default_factory=dict)  # reason → attribute → items
    doubtful: Counter[str] = field(default_factory=Counter)  # reason → items
    other_keys: int = 0  # items whose keys the table cannot have
    refused: Counter[str] = field(default_factory=Counter)  # why DynamoDB would refuse an item → items

    @property
    def items(self) -> int:
        """All items."""
        return self.from_images + self.from_rows + self.inexact

    def count(self, rebuilt: Rebuilt, size: int) -> None:
        """Count an item of this size in bytes."""
        self.write_units += write_units(size)
        if rebuilt.exact and rebuilt.from_image:
            self.from_images += 1
        elif rebuilt.exact:
            self.from_rows += 1
        else:
            self.inexact += 1
            for reason, names in rebuilt.doubts.items():
                self.doubtful[reason] += 1
                counted = self.doubts.setdefault(reason, Counter())
                for name in names:
                    if name in counted or len(counted) < _COUNTED_NAMES:
                        counted[name] += 1

    def document(self) -> list[dict[str, Any]]:
        """Why items are not exact: reason, number of items, attributes with the most items first."""
        return [
            {
                "reason": reason,
                "items": items,
                "attributes": [name for name, _ in self.doubts[reason].most_common(MOST_NAMES)],
                "more_attributes": max(len(self.doubts[reason]) - MOST_NAMES, 0),
            }
            for reason, items in self.doubtful.most_common()
        ]


def write_units(size: int) -> int:
    """The write units of an item of this size in bytes."""
    return max(1, math.ceil(size / UNIT_BYTES))


@dataclass
class Reader:
    """The items of the finished queries; they can be read any number of times.

    `lines` is the query of the items without an image, None if every item has one.
    """

    workgroup: Workgroup
    states: Finished
    lines: Finished | None
    rebuilder: Rebuilder
    keys: KeySchema
    table: Table
    say: Callable[[str], None]

    def without_image(self) -> int:
        """The number of items without an image."""
        return sum(not image for _, _, image in self.workgroup.rows(self.states))

    def learn(self) -> None:
        """Show the rebuilder a sample of the items without an image."""
        if self.lines is not None:
            for key, after, line in islice(self.workgroup.rows(self.lines), SAMPLE):
                self.rebuilder.learn(State(key, after, line=line))

    def items(self, check: Check) -> Iterator[tuple[Item, int]]:
        """The items as boto3 takes them, with their sizes; all are counted in `check`.

        Items that the table cannot take are counted too, and left out. Raises RowError for a row that cannot
        be read, and CommandError if the two queries do not agree.
        """
        schedule = Schedule()
        for state in self._states(check):
            rebuilt = self.rebuilder.rebuild(state)
            if not self.keys.fits(rebuilt.keys):
                check.other_keys += 1
                continue
            try:
                item, size = item_of(rebuilt.item, self.table, from_typed)
            except RecordError as error:
                check.refused[str(error)] += 1
                continue
            check.count(rebuilt, size)
            yield item, size
            if schedule.is_due():
                self.say(f"{check.items:,} items read")

    def _states(self, check: Check) -> Iterator[State]:
        for key, after, image in self.workgroup.rows(self.states):
            if image:
                yield State(key, after, image=image)
            else:
                check.without_image += 1
        if self.lines is None:
            return
        found = 0
        for key, after, line in self.workgroup.rows(self.lines):
            found += 1
            yield State(key, after, line=line)
        if found != check.without_image:
            raise CommandError(
                f"the lake changed while it was read: {check.without_image:,} items without an image, "
                f"then {found:,}",
                "Run the command again.",
            )
