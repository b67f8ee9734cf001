"""A run of the job in this process: both buckets in memory, and an engine that calls the tasks in turn."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from glue.jobs.backfill import arguments
from glue.jobs.backfill.job import Ports, Result, run
from glue.jobs.backfill.storage import ChangedError
from repair.exports.data_file import Stream
from repair.objects import Part
from tests.unit.repair.exports import EXPORT_ID, SCHEMA, SUMMARY, Export, md5

TIME = "2026-11-20T09:15:02.000000Z"
SETTINGS = {"max_depth": 32, "keep_whole": [], "exclude": [], "keep_images": True}

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


class Death(BaseException):
    """The process was killed: `except Exception` does not catch it."""


def given(**changed: str) -> list[str]:
    """The arguments of a run as the verb passes them, with some that Glue adds."""
    values = {
        "manifest": SUMMARY,
        "source-id": EXPORT_ID,
        "source-table": "orders",
        "key-schema": json.dumps(SCHEMA),
        "time": TIME,
        "settings": json.dumps(SETTINGS),
        "export-bucket": "exports",
        "lake-bucket": "lake",
        "lake-region": "eu-west-1",
        "JOB_RUN_ID": "jr_1",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    return [text for name, value in values.items() for text in (f"--{name}", value)]


@dataclass
class Scene:
    """An export, the lake, and the calls of a run. `dies_at` ends the process at that write, before it."""

    export: Export
    lake: dict[str, bytes] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    puts: int = 0
    dies_at: int = 0

    def run(self, **changed: str) -> Result:
        """One run."""
        self.opened, self.log, self.puts = [], [], 0
        return run(Ports(self, self, self.log.append), arguments.read(given(**changed)))

    # glue.jobs.backfill.job.Engine

    def each(self, function: Callable[[_Given], _Result], values: Sequence[_Given]) -> Iterable[_Result]:
        """In turn."""
        return [function(value) for value in values]

    # glue.jobs.backfill.job.Buckets

    def read(self, key: str) -> bytes:
        return self.export.objects[key]

    def open(self, key: str, tag: str) -> Stream:
        self.opened.append(key)
        if key not in self.export.objects or md5(self.export.objects[key]) != tag:
            raise ChangedError(f"{key} has changed since the run began")
        return io.BytesIO(self.export.objects[key])

    def exported(self, prefix: str) -> dict[str, str]:
        return {key: md5(body) for key, body in self.export.objects.items() if key.startswith(prefix)}

    def written(self, prefix: str) -> list[str]:
        return [key for key in self.lake if key.startswith(prefix)]

    def put(self, part: Part) -> None:
        self.puts += 1
        if self.puts == self.dies_at:
            raise Death
        self.lake[part.key] = part.body
