"""A task of Spark: verify or convert one data file of the export, on a worker.

Whatever is wrong with the export is a result, not an exception: Spark would only repeat the task. Any other
error is raised, such as a failed request to S3, and Spark repeats the task. A repeated or speculative task
writes the same objects again, because names and bytes depend only on the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from repair.backfill import Source, objects_of_file, rows
from repair.exports.data_file import Stream
from repair.exports.errors import ExportError
from repair.exports.manifest import DataFile, Manifest
from repair.exports.records import Item, KeySchema, items
from repair.objects import Part

from .storage import ChangedError


class Objects(Protocol):
    """What a task needs of S3 (`storage.Storage`)."""

    def open(self, key: str, tag: str) -> Stream:
        """A data file as a stream."""

    def put(self, part: Part) -> None:
        """Write an object of the lake."""


@dataclass(frozen=True)
class Work:
    """What all tasks of a run have in common. The manifest is without its files: each task has its own."""

    manifest: Manifest
    schema: KeySchema
    source: Source
    objects: Objects


@dataclass(frozen=True)
class Task:
    """One data file, and its entity tag when the run began."""

    file: DataFile
    tag: str


@dataclass(frozen=True)
class Outcome:
    """The rows and objects of one data file, or the reason to refuse the export, with the next step."""

    rows: int = 0
    objects: int = 0
    refused: str = ""
    next_step: str = ""


def verify(work: Work, task: Task) -> Outcome:
    """Read a data file to its end and make its rows, without writing one."""
    try:
        return Outcome(sum(1 for _ in rows(_items(work, task), work.source)))
    except (ExportError, ChangedError) as error:
        return _refused(task, error)


def convert(work: Work, task: Task) -> Outcome:
    """Write the rows of a data file."""
    written = objects = 0
    try:
        for part in objects_of_file(_items(work, task), task.file, work.source):
            work.objects.put(part)
            written, objects = written + part.rows, objects + 1
    except (ExportError, ChangedError) as error:
        return _refused(task, error)
    return Outcome(written, objects)


def _items(work: Work, task: Task) -> Iterator[Item]:
    return items(work.objects.open(task.file.key, task.tag), task.file, work.manifest, work.schema)


def _refused(task: Task, error: ExportError | ChangedError) -> Outcome:
    """The message names the file once: most errors of an export do so themselves."""
    message = error.message if isinstance(error, ExportError) else str(error)
    named = message if task.file.key in message else f"{task.file.key}: {message}"
    if isinstance(error, ExportError):
        return Outcome(refused=f"{error.name}: {named}", next_step=error.next_step)
    return Outcome(
        refused=f"Changed: {named}", next_step="Run the backfill again: it verifies the export again."
    )
