"""One run of the job: stage, check and switch every closed day that needs it, then remove old versions.

The order is the guarantee. If a run ends between any two steps, the day has its old version or its new one:

1. list the day's raw objects; if the partition records the same objects, there is nothing to do
2. read them and write their rows as Parquet into a folder that no other run uses
3. read that folder back; if the count or digest differs, the day is not switched
4. list the raw objects again; if they changed, the next run compacts the day
5. switch: one Glue call sets the partition's new folder and records its sources
6. remove the versions that no query can still be reading

Concurrent runs do not disturb each other: each has its own folders, and the last switch wins. If that run saw
fewer objects, the next run notices that the partition records other objects, and compacts the day again.
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

_NAMED_IN_ERROR = 10  # failures in the error message; the log has all of them
# A worker's error about an object, in the middle of a Java stack trace.
_OWN_REASON = re.compile(r"(?:UnreadableObjectError|UnreadableNameError): (.+)")


class JobError(Exception):
    """A day could not be compacted. The message states the day, the reason and the next step."""


@dataclass(frozen=True)
class Settings:
    """A run's settings: hours until an ended day is closed, days to recheck, hours to keep old versions."""

    close_after_hours: float
    checked_days: int
    keep_hours: float
    run: str


@dataclass(frozen=True)
class Ports:
    """The systems that a run uses. `now` is in UTC. `log` writes a line: counts and names, never a row."""

    storage: Storage
    catalog: Catalog
    engine: Engine
    now: Callable[[], dt.datetime]
    log: Callable[[str], None]


@dataclass(frozen=True)
class _Task:
    day: str
    objects: tuple[SourceObject, ...]
    manifest: str
    columns: tuple[str, ...]


def run(ports: Ports, settings: Settings) -> int:
    """Compact the days that need it. Returns how many days were switched.

    Raises JobError if a day failed, after it has tried the other days too.
    """
    source = ports.catalog.source()
    columns = tuple(names(source))
    added = ports.catalog.declare(source["StorageDescriptor"].get("Columns") or [])
    if added:
        ports.log(f"{added} columns added")
    registered = ports.catalog.registered()
    days = _candidates(ports, settings, registered, _first_day(source))
    ports.log(f"{len(days)} closed days to check, {len(registered)} compacted before")
    switched, failures = 0, list[str]()
    for day in days:
        try:
            switched += _compact(ports, settings, day, registered.get(day), columns)
        except Exception as error:  # noqa: BLE001  raised below, after the other days
            own = _OWN_REASON.search(f"{type(error).__name__}: {error}")  # Spark wraps a worker's error
            failures.append(f"{day}: {own[1] if own else _shortened(error)}")
            ports.log(f"{failures[-1]}; the day was not changed")
    try:
        _clean(ports, settings)
    except Exception as error:  # noqa: BLE001  as above; switched days stay switched
        failures.append(f"old versions: {_shortened(error)}")
    ports.log(f"{switched} days switched, {len(failures)} failures")
    if failures:
        hidden = len(failures) - _NAMED_IN_ERROR
        more = [f"and {hidden} more"] if hidden > 0 else []
        raise JobError("; ".join([*failures[:_NAMED_IN_ERROR], *more]))
    return switched


def _shortened(error: Exception) -> str:
    """The start of an error's text. Spark's own log has the Java stack trace."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:500]}"


def _first_day(source: dict[str, Any]) -> str:
    """The first day of the raw table's projection. Older folders are not part of the table."""
    return str((source.get("Parameters") or {}).get("projection.dt.range", "")).split(",", maxsplit=1)[0]


def _candidates(ports: Ports, settings: Settings, registered: Iterable[str], first_day: str) -> list[str]:
    """The closed days to check, oldest first: those never compacted, and those that are not too old."""
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
    """Steps 1 to 5 for one day. Returns whether it was switched."""
    objects = tuple(ports.storage.objects(day))
    task = _Task(day, objects, manifest(objects), columns)
    reason = stale(registered, task.manifest, columns) if objects else None
    if not reason:
        return False
    started = ports.now()
    # Unique per run, and in chronological order.
    version = f"{started:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:12]}"
    location = ports.storage.compacted.below(f"dt={day}").below(version).location
    with ports.engine.read(ports.storage.data.bucket, objects, columns) as rows:
        raw: Raw = rows.content()
        rows.write(location)
    written = ports.engine.written(location, columns)
    if written != raw.content:
        raise JobError(
            f"{location} has {written.rows} rows with digest {written.digest}, but its {len(objects)} raw "
            f"objects have {raw.content.rows} rows with digest {raw.content.digest}. Next: run the job again"
        )
    if manifest(ports.storage.objects(day)) != task.manifest:
        ports.log(f"{day}: new objects arrived while the day was read; the next run compacts it")
        return False
    if ports.now() - started > dt.timedelta(hours=settings.keep_hours) / 2:
        raise JobError(
            f"it took longer than half of the {settings.keep_hours:g} hours that an old version is kept. "
            "Next: give the job more workers (NumberOfWorkers)"
        )
    ports.catalog.switch(day, location, _record(ports, settings, task, raw))
    ports.log(
        f"{day}: {reason}; {raw.content.rows} rows of {len(objects)} objects, "
        f"{raw.unreadable_lines} lines left out"
    )
    return True


def _record(ports: Ports, settings: Settings, task: _Task, raw: Raw) -> dict[str, str]:
    """The parameters that the partition records about its day (days.py lists them)."""
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
    """Step 6, with the current partitions: another run may have switched one."""
    versions = ports.storage.versions()
    registered = ports.catalog.registered()
    old = removable(versions, registered, ports.now(), dt.timedelta(hours=settings.keep_hours))
    if old:
        ports.storage.remove(old)
        ports.log(f"{len(old)} old versions removed")


def options() -> argparse.ArgumentParser:
    """The job's arguments. Glue passes more arguments, which are ignored."""
    parser = argparse.ArgumentParser(
        "compact_days", description="Compact the closed days of a lake.", allow_abbrev=False
    )
    parser.add_argument("--database", required=True, help="the Glue database of both tables")
    parser.add_argument("--source-table", required=True, help="the raw table, `changes`")
    parser.add_argument("--table", required=True, help="the compacted table, `changes_columnar`")
    parser.add_argument("--lake-region", required=True, help="the lake's Region")
    parser.add_argument(
        "--close-after-hours", type=float, required=True, help="hours after its end until a day is closed"
    )
    parser.add_argument(
        "--checked-days",
        type=int,
        required=True,
        help="age in days up to which a compacted day is checked again",
    )
    parser.add_argument(
        "--keep-hours", type=float, required=True, help="hours that a replaced version is kept"
    )
    parser.add_argument("--JOB_RUN_ID", default="", help="set by Glue")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run once with Spark, S3 and Glue. Returns how many days were switched; raises if one failed."""
    args, _ = options().parse_known_args(arguments)
    import boto3  # noqa: PLC0415  the package itself loads without both
    from pyspark.sql import SparkSession  # noqa: PLC0415

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    started = time.monotonic()
    session = SparkSession.builder.appName("compact-days").getOrCreate()
    catalog = Catalog(
        boto3.client("glue", region_name=args.lake_region), args.database, args.source_table, args.table
    )
    storage = Storage(
        boto3.client("s3", region_name=args.lake_region),
        _folder(catalog.source()),
        _folder(catalog.compacted()),
    )
    ports = Ports(storage, catalog, SparkEngine(session), lambda: dt.datetime.now(dt.UTC), log)
    settings = Settings(
        args.close_after_hours, args.checked_days, args.keep_hours, args.JOB_RUN_ID or "by hand"
    )
    switched = run(ports, settings)
    log(f"done in {time.monotonic() - started:.0f} s")
    return switched


def _folder(table: dict[str, Any]) -> Folder:
    return Folder.parse(table["StorageDescriptor"]["Location"])
