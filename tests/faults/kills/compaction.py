"""The compaction job: it writes a day's rows beside the old ones; one change of a partition switches them."""

from __future__ import annotations

import pickle
from typing import Any

from tests.faults.kills.disk import Disk, Points
from tests.unit.compaction.lake import World

DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")


class _World(World):
    """A lake that outlives a child: every effect is on the disk when the step ends."""

    def keep(self, disk: Disk, points: Points) -> None:
        """Use this disk."""
        self._disk, self._points = disk, points
        state = pickle.loads(disk.folder("world")["world"])  # noqa: S301  written below
        self.__dict__.update(state)

    def step(self, name: str, effect: Any = None) -> None:
        """One step with its effect."""
        self._points.at(f"before the step: {name}")
        super().step(name, effect)
        save(self, self._disk)
        self._disk.note(name)
        self._points.at(f"after the step: {name}")


def save(world: World, disk: Disk) -> None:
    """Write the lake's state to the disk."""
    state = {
        name: value for name, value in vars(world).items() if name not in ("_disk", "_points", "on_step")
    }
    disk.folder("world")["world"] = pickle.dumps(state)


class Compaction:
    """Each closed day has exactly its rows, once."""

    name = "compaction"

    def prepare(self, disk: Disk) -> None:
        """Three closed days with some objects; one of them was compacted and has got a late object."""
        world = World()
        for day in DAYS:
            for number in range(2):
                world.put(day, f"{day}/object-{number}", *(f"{day} row {number}.{row}" for row in range(2)))
        world.run()
        world.put(DAYS[0], f"{DAYS[0]}/late", f"{DAYS[0]} a late row")
        world.put(DAYS[1], f"{DAYS[1]}/late", f"{DAYS[1]} a late row")
        world.columns.append("fresh")
        save(world, disk)

    def run(self, disk: Disk, points: Points) -> int:
        """The job once."""
        world = _World()
        world.keep(disk, points)
        world.run()
        return 0

    def state(self, disk: Disk) -> Any:
        """The columns. What `changes_columnar` answers for each day is right."""
        world = World()
        world.__dict__.update(pickle.loads(disk.folder("world")["world"]))  # noqa: S301  written above
        for day in DAYS:
            partition = world.partitions.get(day)
            assert partition, f"{day} has no partition"
            assert partition.location in world.written, f"the partition of {day} has no rows"
            assert world.answered(day) == world.expected(day), f"{day} has other rows than `changes`"
        return sorted(world.declared)
