"""One run of the job: every closed day that needs it is staged, checked and switched; then old versions go.

The order is the promise. A run that ends between any two steps leaves the day as it was, or as it is to be:

1. list the day's raw objects; if its partition records the same ones, there is nothing to do
2. read them, and write their rows as Parquet into a folder that no other run uses
3. read that folder back: the same count and digest, or the day stays as it was
4. list the raw objects again: what came meanwhile belongs to the next run
5. switch: one Glue call gives the partition its new folder and what it was made of
6. remove what no query can be reading any more

Runs beside each other do not disturb one another: folders are their own, and the last switch wins whole. Is
it the one that saw less, the next run sees other objects than the partition records, and compacts anew.
"""

import argparse
import datetime as dt
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .catalog import Catalog, names
from .days import (
    LAYOUT,
    PREFIX,
    Registered,
    SourceObject,
    closed,
    digest_of_names,
    manifest,
    removable,
    stale,
    undeclared_text,
)
from .engine import Engine, Raw, SparkEngine
from .storage import Folder, Storage

_TOLD = 10  # failures that the error names; the log has them all
# What a worker says of an object, in the middle of a Java stack trace.
_OWN_REASON = re.compile(r"(?:UnreadableObjectError|UnreadableNameError): (.+)")


class JobError(Exception):
    """A day could not be compacted: the message says which, why, and what to do."""


@dataclass(frozen=True)
class Settings:
    """One run: hours after its end that a day is closed, days looked at again, hours an old version stays."""

    close_after_hours: float
    checked_days: int
    keep_hours: float
    run: str


@dataclass(frozen=True)
class Ports:
    """What a run acts on. `now` is UTC, `say` takes a line of the log: counts and names, never a row."""

    storage: Storage
    catalog: Catalog
    engine: Engine
    now: Callable[[], dt.datetime]
    say: Callable[[str], None]


@dataclass(frozen=True)
class _Task:
    day: str
    objects: tuple[SourceObject, ...]
    manifest: str
    columns: tuple[str, ...]


def run(ports: Ports, settings: Settings) -> int:
    """Compact what needs it; how many days were switched.

    Raises JobError when a day failed; the days after it were tried all the same.
    """
    source = ports.catalog.source()
    columns = tuple(names(source))
    added = ports.catalog.declare(source["StorageDescriptor"].get("Columns") or [])
    if added:
        ports.say(f"{added} columns added")
    registered = ports.catalog.registered()
    days = _candidates(ports, settings, registered, _first_day(source))
    ports.say(f"{len(days)} closed days to look at, {len(registered)} compacted before")
    switched, failures = 0, list[str]()
    for day in days:
        try:
            switched += _compact(ports, settings, day, registered.get(day), columns)
        except Exception as error:  # noqa: BLE001  one day's trouble is not the next one's; all of it is raised below
            own = _OWN_REASON.search(f"{type(error).__name__}: {error}")  # Spark wraps what a worker raised
            failures.append(f"{day}: {own[1] if own else _shortened(error)}")
            ports.say(f"{failures[-1]}; the day stays as it was")
    try:
        _clean(ports, settings)
    except Exception as error:  # noqa: BLE001  as above: what was switched stays switched
        failures.append(f"old versions: {_shortened(error)}")
    ports.say(f"{switched} days switched, {len(failures)} failures")
    if failures:
        more = [f"and {len(failures) - _TOLD} more"] if len(failures) > _TOLD else []
        raise JobError("; ".join([*failures[:_TOLD], *more]))
    return switched


def _shortened(error: Exception) -> str:
    """The start of an error's text: a Java stack trace is in Spark's own log."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:500]}"


def _first_day(source: dict[str, Any]) -> str:
    """The day that the raw table's projection begins with; older folders are not part of it."""
    return str((source.get("Parameters") or {}).get("projection.dt.range", "")).split(",", maxsplit=1)[0]


def _candidates(ports: Ports, settings: Settings, registered: Iterable[str], first_day: str) -> list[str]:
    """The closed days to look at, oldest first: those never compacted, and those that are not too old."""
    now = ports.now()
    oldest = (now.date() - dt.timedelta(days=settings.checked_days)).isoformat()
    known = frozenset(registered)
    return [
        day
        for day in ports.storage.days()
        if day >= first_day
        and closed(day, now, settings.close_after_hours)
        and (day not in known or day >= oldest)
    ]


def _compact(
    ports: Ports, settings: Settings, day: str, registered: Registered | None, columns: tuple[str, ...]
) -> bool:
    """Steps 1 to 5 for one day; whether it was switched."""
    objects = tuple(ports.storage.objects(day))
    task = _Task(day, objects, manifest(objects), columns)
    reason = stale(registered, task.manifest, columns) if objects else None
    if not reason:
        return False
    started = ports.now()
    # Unlike any other run's, and in the order of time.
    version = f"{started:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:12]}"
    location = ports.storage.compacted.below(f"dt={day}").below(version).location
    with ports.engine.read(ports.storage.data.bucket, objects, columns) as rows:
        raw: Raw = rows.content()
        rows.write(location)
    found = ports.engine.written(location, columns)
    if found != raw.content:
        raise JobError(
            f"{location} holds {found.rows} rows with digest {found.digest}, its {len(objects)} raw objects "
            f"{raw.content.rows} with {raw.content.digest}. Next: run the job again"
        )
    if manifest(ports.storage.objects(day)) != task.manifest:
        ports.say(f"{day}: objects came while it was read, left to the next run")
        return False
    if ports.now() - started > dt.timedelta(hours=settings.keep_hours) / 2:
        raise JobError(
            f"it took longer than half of the {settings.keep_hours:g} hours after which a version may go. "
            "Next: give the job more workers (NumberOfWorkers)"
        )
    ports.catalog.switch(day, location, _record(ports, settings, task, raw))
    ports.say(
        f"{day}: {reason}; {raw.content.rows} rows of {len(objects)} objects, "
        f"{raw.unreadable_lines} lines left out"
    )
    return True


def _record(ports: Ports, settings: Settings, task: _Task, raw: Raw) -> dict[str, str]:
    """What the partition tells of its day (days.py lists it)."""
    recorded = {
        "layout": LAYOUT,
        "manifest": task.manifest,
        "objects": str(len(task.objects)),
        "rows": str(raw.content.rows),
        "digest": raw.content.digest,
        "unreadable_lines": str(raw.unreadable_lines),
        "undeclared": undeclared_text(raw.undeclared),
        "columns": digest_of_names(task.columns),
        "switched": ports.now().isoformat(timespec="seconds"),
        "run": settings.run,
    }
    return {PREFIX + name: value for name, value in recorded.items()}


def _clean(ports: Ports, settings: Settings) -> None:
    """Step 6, by the partitions as they are now: another run may have switched one."""
    versions = ports.storage.versions()
    registered = ports.catalog.registered()
    gone = removable(versions, registered, ports.now(), dt.timedelta(hours=settings.keep_hours))
    if gone:
        ports.storage.remove(gone)
        ports.say(f"{len(gone)} old versions removed")


def options() -> argparse.ArgumentParser:
    """The job's arguments; Glue passes more, which are left alone."""
    made = argparse.ArgumentParser(
        "compact_days", description="Compact the closed days of a lake.", allow_abbrev=False
    )
    made.add_argument("--database", required=True, help="the Glue database of both tables")
    made.add_argument("--source-table", required=True, help="the raw table, `changes`")
    made.add_argument("--table", required=True, help="the compacted table, `changes_columnar`")
    made.add_argument("--lake-region", required=True, help="the lake's Region")
    made.add_argument(
        "--close-after-hours", type=float, required=True, help="hours after its end that a day is closed"
    )
    made.add_argument(
        "--checked-days", type=int, required=True, help="how old a compacted day may be to be looked at again"
    )
    made.add_argument("--keep-hours", type=float, required=True, help="how long a replaced version stays")
    made.add_argument("--JOB_RUN_ID", default="", help="given by Glue")
    return made


def main(arguments: Sequence[str]) -> int:
    """Run once with Spark, S3 and Glue; how many days were switched. Raises when one failed."""
    given, _ = options().parse_known_args(arguments)
    import boto3  # noqa: PLC0415  the package itself loads without either
    from pyspark.sql import SparkSession  # noqa: PLC0415

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    started = time.monotonic()
    session = SparkSession.builder.appName("compact-days").getOrCreate()
    catalog = Catalog(
        boto3.client("glue", region_name=given.lake_region), given.database, given.source_table, given.table
    )
    storage = Storage(
        boto3.client("s3", region_name=given.lake_region),
        _folder(catalog.source()),
        _folder(catalog.compacted()),
    )
    ports = Ports(storage, catalog, SparkEngine(session), lambda: dt.datetime.now(dt.UTC), say)
    settings = Settings(
        given.close_after_hours, given.checked_days, given.keep_hours, given.JOB_RUN_ID or "by hand"
    )
    switched = run(ports, settings)
    say(f"done in {time.monotonic() - started:.0f} s")
    return switched


def _folder(table: dict[str, Any]) -> Folder:
    return Folder.parse(table["StorageDescriptor"]["Location"])
