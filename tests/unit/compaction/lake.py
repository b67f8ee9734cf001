"""A lake in memory for the job: storage, catalog and engine with the guarantees of S3, Glue and Spark.

Every call is counted. `die_at` ends the run at one of them, before or after its effect, like a process that
is killed.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from glue.jobs.compaction.catalog import Table
from glue.jobs.compaction.days import Registered, SourceObject, Version
from glue.jobs.compaction.engine import Content, Raw
from glue.jobs.compaction.job import Ports, Settings, run
from glue.jobs.compaction.storage import Folder

START = dt.datetime(2026, 11, 21, 4, 30, tzinfo=dt.UTC)


class Death(BaseException):
    """The process was killed."""


class World:
    """The state that outlives a run: raw rows, written folders, partitions, columns, the clock."""

    def __init__(self) -> None:
        self.raw: dict[str, dict[str, list[str]]] = {}  # day → object's key → rows
        self.written: dict[str, tuple[list[str], dt.datetime]] = {}  # folder → rows, when
        self.partitions: dict[str, Registered] = {}
        self.columns = ["change_type", "pk"]
        self.declared = ["change_type"]
        self.undeclared: dict[str, set[str]] = {}  # day → names that had no column
        self.now = START
        self.log: list[str] = []
        self.steps: list[str] = []
        self.die_at: tuple[int, str] | None = None  # number of the step, "before" or "after"
        self.on_step: dict[str, Any] = {}

    def step(self, name: str, effect: Any = None) -> None:
        """One step of the run, with its effect on the world."""
        self.steps.append(name)
        due = self.die_at and len(self.steps) == self.die_at[0]
        if due and self.die_at and self.die_at[1] == "before":
            raise Death(name)
        if name in self.on_step:
            self.on_step.pop(name)()
        if effect:
            effect()
        if due:
            raise Death(name)

    def put(self, day: str, key: str, *rows: str) -> None:
        """Add a raw object."""
        self.raw.setdefault(day, {})[key] = list(rows)

    def expected(self, day: str) -> list[str]:
        """The rows that `changes` has for a day."""
        return sorted(row for rows in self.raw.get(day, {}).values() for row in rows)

    def answered(self, day: str) -> list[str] | None:
        """The rows that `changes_columnar` has for a day, or None without a partition."""
        partition = self.partitions.get(day)
        return sorted(self.written[partition.location][0]) if partition else None

    def run(self, **changed: Any) -> int:
        """Run the job once. Returns how many days were switched."""
        self.steps = []
        settings: dict[str, Any] = {
            "close_after_hours": 2,
            "checked_days": 400,
            "keep_hours": 24,
            "run": "jr_1",
        }
        ports = Ports(_Storage(self), _Catalog(self), _Engine(self), lambda: self.now, self.log.append)  # type: ignore[arg-type]
        return run(ports, Settings(**settings | changed))


class _Storage:
    data = Folder("lake", "data/")
    compacted = Folder("lake", "columnar/")

    def __init__(self, world: World) -> None:
        self._world = world

    def days(self) -> list[str]:
        return sorted(day for day, objects in self._world.raw.items() if objects)

    def objects(self, day: str) -> list[SourceObject]:
        self._world.step("list")
        objects = self._world.raw.get(day, {})
        return sorted(SourceObject(key, len(rows), repr(rows)) for key, rows in objects.items())

    def versions(self) -> list[Version]:
        self._world.step("look for old versions")
        return [
            Version(location.split("dt=")[1].split("/")[0], location, when, (f"{location}part",))
            for location, (_, when) in self._world.written.items()
        ]

    def remove(self, versions: Sequence[Version]) -> None:
        for version in versions:
            self._world.step("remove", lambda location=version.location: self._world.written.pop(location))


class _Catalog:
    def __init__(self, world: World) -> None:
        self._world = world

    def source(self) -> Table:
        columns = [{"Name": name, "Type": "string"} for name in self._world.columns]
        return {
            "StorageDescriptor": {"Columns": columns},
            "Parameters": {"projection.dt.range": "2026-01-01,NOW+1DAY"},
        }

    def declare(self, wanted: list[dict[str, Any]]) -> int:
        missing = [column["Name"] for column in wanted if column["Name"] not in self._world.declared]
        self._world.step("declare", lambda: self._world.declared.extend(missing))
        return len(missing)

    def registered(self) -> dict[str, Registered]:
        return dict(self._world.partitions)

    def switch(self, day: str, location: str, parameters: dict[str, str]) -> None:
        assert set(self._world.columns) <= set(self._world.declared)
        self._world.step(
            "switch", lambda: self._world.partitions.__setitem__(day, Registered(location, parameters))
        )


class _Engine:
    def __init__(self, world: World) -> None:
        self._world = world

    @contextmanager
    def read(self, bucket: str, objects: Sequence[SourceObject], columns: Sequence[str]) -> Iterator[Any]:
        assert bucket == "lake"
        day = objects[0].key.split("/")[0]
        self._world.step("read")
        rows = [row for source in objects for row in self._world.raw[day][source.key]]
        yield _Day(self._world, day, rows, columns)

    def written(self, location: str, columns: Sequence[str]) -> Content:  # noqa: ARG002  part of the interface
        self._world.step("read back")
        rows = self._world.written[location][0]
        return Content(len(rows), repr(sorted(rows)))


class _Day:
    def __init__(self, world: World, day: str, rows: list[str], columns: Sequence[str]) -> None:
        self._world, self._day, self._rows, self._columns = world, day, rows, columns

    def content(self) -> Raw:
        names = frozenset(self._world.undeclared.get(self._day, set()) - set(self._columns))
        return Raw(Content(len(self._rows), repr(sorted(self._rows))), 0, names)

    def write(self, location: str) -> None:
        assert location not in self._world.written, "two runs would share a folder"
        for count in range(1, len(self._rows) + 1):  # S3 shows objects one by one
            part = (self._rows[:count], self._world.now)
            self._world.step("write", lambda part=part: self._world.written.__setitem__(location, part))
        self._world.written.setdefault(location, ([], self._world.now))
