"""One run of the job: verify every data file of an export, then convert each in a task of its own.

The order is the guarantee. Nothing is written until every file is verified, and a file counts as done when
its last object exists. So a run that ends anywhere is continued by the next one:

1. list the export, read its manifests, and compare them with the arguments and with the files that exist
2. list the objects of this export in the lake: a file whose last object exists is done
3. verify the other files, each in a task; if one is wrong, the run fails and has written nothing
4. convert them, each in a task
"""

import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from repair.backfill import finished_files, remaining_files, source_of
from repair.exports.errors import ExportError
from repair.exports.manifest import FULL, SUMMARY, Manifest, check_files, read_manifest

from . import arguments
from .arguments import Arguments
from .errors import JobError
from .storage import Storage
from .tasks import Objects, Outcome, Task, Work, convert, verify

_NAMED_IN_ERROR = 10  # refused files in the error message; the log has all of them

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


class Buckets(Objects, Protocol):
    """What a run needs of S3 (`storage.Storage`)."""

    def read(self, key: str) -> bytes:
        """The bytes of an object of the export, which exists."""

    def exported(self, prefix: str) -> dict[str, str]:
        """The keys of the export bucket below a prefix, each with its entity tag."""

    def written(self, prefix: str) -> list[str]:
        """The keys of the lake below a prefix."""


class Engine(Protocol):
    """Calls a function for each value, on as many workers as there are. Results come in any order."""

    def each(self, function: Callable[[_Given], _Result], values: Sequence[_Given]) -> Iterable[_Result]:
        """The results."""


@dataclass(frozen=True)
class Ports:
    """The systems that a run uses. `log` writes a line: counts and keys of files, never an item."""

    buckets: Buckets
    engine: Engine
    log: Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What a run has written, and how many files an earlier run had finished."""

    rows: int
    objects: int
    files: int
    finished_before: int


def run(ports: Ports, given: Arguments) -> Result:
    """Convert the files of an export that are not in the lake yet. Raises JobError."""
    tags = ports.buckets.exported(given.manifest.removesuffix(SUMMARY))
    manifest = _manifest(ports, given, tags)
    finished = finished_files(ports.buckets.written(given.source.objects_prefix), given.source)
    left = remaining_files(manifest, finished)
    before = sum(1 for file in manifest.files if file.items) - len(left)
    items = sum(file.items for file in left)
    ports.log(f"{len(left):,} files with {items:,} items to convert, {before:,} files finished before")
    # The largest first, so that no large file is left for the end. The empty ones have nothing to verify.
    tasks = [Task(file, tags[file.key]) for file in sorted(left, key=lambda file: -file.items)]
    work = Work(replace(manifest, files=()), given.schema, given.source, ports.buckets)
    verified = _stage(ports, partial(verify, work), tasks)
    ports.log(f"{sum(one.rows for one in verified):,} items verified")
    done = _stage(ports, partial(convert, work), tasks)
    result = Result(sum(one.rows for one in done), sum(one.objects for one in done), len(tasks), before)
    ports.log(f"{result.rows:,} rows written in {result.objects:,} objects")
    return result


def _manifest(ports: Ports, given: Arguments, existing: Collection[str]) -> Manifest:
    """The export's manifests, if they are of the export that the arguments name, and all files exist."""

    def read(key: str) -> bytes | None:
        return ports.buckets.read(key) if key in existing else None

    try:
        manifest = read_manifest(given.manifest, read)
        if manifest.data_prefix is not None:
            check_files(manifest, [key for key in existing if key.startswith(manifest.data_prefix)])
    except ExportError as error:
        raise _refusal(error) from None
    if manifest.type != FULL:
        raise JobError(f"{given.manifest} is of an incremental export", "Name a full export")
    if source_of(manifest, given.source.settings) != given.source:
        raise JobError(
            f"{given.manifest} is of export {manifest.export_id} of table {manifest.table} at "
            f"{manifest.time}, and the arguments name {given.source.id} of {given.source.table} at "
            f"{given.source.time}",
            "Start the run with `python -m scripts.backfill`",
        )
    return manifest


def _stage(ports: Ports, function: Callable[[Task], Outcome], tasks: Sequence[Task]) -> list[Outcome]:
    """The outcomes of one stage. Raises JobError if a file is refused, after all have been tried."""
    outcomes = list(ports.engine.each(function, tasks)) if tasks else []
    refused = sorted((one for one in outcomes if one.refused), key=lambda one: one.refused)
    for one in refused:
        ports.log(one.refused)
    if refused:
        hidden = len(refused) - _NAMED_IN_ERROR
        more = [f"and {hidden:,} more"] if hidden > 0 else []
        named = [one.refused for one in refused[:_NAMED_IN_ERROR]]
        raise JobError("; ".join([*named, *more]), refused[0].next_step)
    return outcomes


def _refusal(error: ExportError) -> JobError:
    return JobError(f"{error.name}: {error.message}", error.next_step)


class SparkEngine:
    """Each value is a task of Spark."""

    def __init__(self, context: object) -> None:
        self._context = context

    def each(self, function: Callable[[_Given], _Result], values: Sequence[_Given]) -> Iterable[_Result]:
        """The results, when all tasks have ended."""
        partitions = self._context.parallelize(values, len(values))  # type: ignore[attr-defined]
        results: list[_Result] = partitions.map(function).collect()
        return results


def main(given: Sequence[str]) -> Result:
    """Run once with Spark and S3. Raises if the export is refused."""
    read = arguments.read(given)
    from pyspark.sql import SparkSession  # noqa: PLC0415  the package itself loads without it

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    started = time.monotonic()
    session = SparkSession.builder.appName("backfill-export").getOrCreate()
    storage = Storage(read.export_bucket, read.lake_bucket, read.region)
    result = run(Ports(storage, SparkEngine(session.sparkContext), log), read)
    log(f"done in {time.monotonic() - started:.0f} s")
    return result
