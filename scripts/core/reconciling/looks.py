"""Look again at keys that differ, until each is equal, different for certain, or too busy to decide."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from repair.partitions import Partitions
from repair.reconciliation import Difference, Differences, Verdict, candidates, decided, verdict
from scripts.core.answers import count
from scripts.core.console import Output
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.reconciling.table_reads import TableReader
from scripts.core.source_stream import Clock, Wait

ROUNDS = 5  # looks at a key that changes all the time


@dataclass
class Looking:
    """The two sides, and what a look needs.

    :param delivery_seconds: the time in which a change reaches the lake at the latest
    :param folder: where states are stored
    """

    table: TableReader
    lake: LakeReader
    clock: Clock
    delivery_seconds: float
    folder: Path
    out: Output
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def partitions(self) -> Partitions:
        """An empty store."""
        return Partitions(self.folder / f"states-{next(self._numbers)}")

    def differences(self) -> Differences:
        """An empty store of differences."""
        return Differences(self.partitions())

    def compare_scan(self, kept: Callable[[Difference], None], progress: Callable[[int], None]) -> Partitions:
        """Compare every key by a scan of the table; returns the keys that changed in every look.

        :param kept: called with each key that differs for certain
        :param progress: called with the number of items read so far
        """
        in_table, in_lake, unequal = (self.partitions() for _ in range(3))
        started = self.table.server_time
        for read in self.table.scan(progress):
            in_table.add(read.key, read.digest, read.read_at)
        last_read = self.clock.now()
        self.out.say(f"{count(in_table.rows, 'item')} read; asking the lake for its newest states")
        self.lake.items(in_lake)
        candidates(in_table, in_lake, started, unequal)
        if not unequal.rows:
            return unequal
        self.out.say(f"{count(unequal.rows, 'key')} to look at again")
        return self.settle(unequal, last_read, kept)

    def read(self, keys: Iterable[str]) -> Partitions:
        """The states of these keys in the table as they are now."""
        into = self.partitions()
        for read in self.table.read(iter(keys)):
            into.add(read.key, read.digest, read.read_at)
        return into

    def settle(
        self, looked_at: Partitions, last_read: datetime, kept: Callable[[Difference], None]
    ) -> Partitions:
        """Look at keys until none is left that changed after it was read.

        :param looked_at: (digest, read_at) of the keys as the table had them
        :param last_read: the time after the last of these reads, by this clock
        :param kept: called with each key that differs for certain
        :return: the keys that changed in every look
        """
        for number in range(1, ROUNDS + 1):
            self.wait_until_delivered(last_read, "the changes before the last read")
            changed = self._look(looked_at, kept)
            if not changed.rows or number == ROUNDS:
                break
            self.out.say(f"{count(changed.rows, 'key')} changed meanwhile: reading the table's state again")
            looked_at = self.read(key for key, _ in changed)
            last_read = self.clock.now()
        return changed

    def _look(self, looked_at: Partitions, kept: Callable[[Difference], None]) -> Partitions:
        in_lake, changed = self.partitions(), self.partitions()
        self.lake.newest(looked_at, in_lake)
        for key, of_table, of_lake in decided(looked_at, in_lake):
            found = verdict(of_table, of_lake)
            if found is Verdict.DIFFERENT:
                kept(Difference.of(key, of_table, of_lake))
            elif found is Verdict.CHANGED:
                changed.add(key, *of_table)
        return changed

    def unequal(self, looked_at: Partitions) -> Partitions:
        """The keys that are not equal at once, with what the table had: for `settle`."""
        in_lake, found = self.partitions(), self.partitions()
        self.lake.newest(looked_at, in_lake)
        for key, of_table, of_lake in decided(looked_at, in_lake):
            if verdict(of_table, of_lake) is not Verdict.EQUAL:
                found.add(key, *of_table)
        return found

    def wait_until_delivered(self, moment: datetime, subject: str) -> None:
        """Wait until every change before `moment` must have been delivered."""
        due = moment + timedelta(seconds=self.delivery_seconds / self.clock.speed)
        if (left := (due - self.clock.now()).total_seconds()) > 0:
            wait = Wait(self.clock, self.out)
            wait.show(f"waiting {left:.0f} s until the lake must have {subject}")
            wait.sleep(left)
