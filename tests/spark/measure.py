"""`python -m tests.spark.measure`: five questions to raw rows and to settled tables, as the history grows.

The same items change once a day, for so many days. The deployed job settles the changes, and then two times
one more change of a hundredth of the items; a third one stays in a raw object that is not settled. Trino and
the sandbox's Athena answer through the raw views and the settled ones. Bytes are each engine's own count
(Trino: physical input; Athena: DataScannedInBytes, which Athena bills). Trino has no Iceberg connector here:
it reads the live files of the snapshots as plain Parquet. Seconds are the best of some rounds; the machine
may be shared.
"""

import argparse
import base64
import datetime as dt
import gzip
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from glue.tables import METADATA_COLUMNS
from sandbox.engines.errors import AssemblyError, EngineMissingError
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from scripts.core.views import Settled, definitions
from settled import names
from settled.unsettled import Opening, statement
from tests.sandbox.lake import Lake
from tests.settled.lake import plain_tables
from tests.spark.deployed import DeployedJob
from tests.trino import assembly as trino_assembly
from tests.trino.server import Trino
from transform_lambda.canonical import image_digest

TABLE, NAME = "orders", "orders"
COLUMNS = ("pk", "status", "total", "note")
STATES = ("new", "paid", "packed", "sent", "done")
LAST_DAY = "2026-11-20"
END = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
OBJECTS = 24  # raw objects a day
TRINO_MEGABYTES = 4_000
WAITING = "awsdatacatalog.dynamic_filtering_wait_timeout=60s"
LONGEST = 1_800.0  # seconds of a query
LAST_HOUR = f"{LAST_DAY}T23:00:00.000000Z"
FORMS = ("raw", "settled")


def key(number: int) -> str:
    """An item's `change_key`."""
    return json.dumps({"pk": {"S": f"order-{number:08}"}}, separators=(",", ":"))


class History:
    """Every change of the items, in order of time: each item changes once a day, for `days` days."""

    def __init__(self, items: int, days: int, payload: int) -> None:
        """`payload` is the random characters of an item, which hardly compress."""
        self.items, self._days, self._payload = items, days, payload
        self.first = END - dt.timedelta(days=days)
        self._state: list[str | None] = [None] * items
        self._random = random.Random(items * 1_000 + days)  # noqa: S311  no secret

    @property
    def changes(self) -> int:
        """How many changes there are."""
        return self.items * self._days

    def line(self, number: int, at: dt.datetime, sequence: int) -> bytes:
        """The row of an item's next change."""
        note = base64.b85encode(self._random.randbytes(self._payload * 4 // 5)).decode()
        total = f"{sequence % 1_000_000}.25"
        state = STATES[sequence % len(STATES)]
        image = {"pk": {"S": key(number)}, "status": {"S": state}, "total": {"N": total}, "note": {"S": note}}
        before, after = self._state[number], image_digest(image)
        self._state[number] = after
        row = {
            "change_id": f"{sequence:032x}",
            "change_type": "INSERT" if before is None else "MODIFY",
            "change_time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "change_sequence": f"{sequence:0129}",
            "change_actor": "user",
            "change_key": key(number),
            "change_before": before,
            "change_after": after,
            "change_table": TABLE,
            "pk": f"order-{number:08}",
            "status": state,
            "total": total,
            "note": note,
        }
        return json.dumps(row, separators=(",", ":")).encode()

    def objects(self) -> Iterator[tuple[str, str, list[bytes]]]:
        """The raw objects: day, name, lines."""
        count = self._days * OBJECTS
        pause = dt.timedelta(days=self._days) / self.changes
        sequence = 0
        for number in range(count):
            end = self.changes * (number + 1) // count
            lines = []
            while sequence < end:
                at = self.first + pause * sequence
                lines.append(self.line(sequence % self.items, at, sequence))
                sequence += 1
            if lines:
                day = (self.first + dt.timedelta(days=number // OBJECTS)).date().isoformat()
                yield day, f"ddb-lake-1-{day}-{number:06}.gz", lines


def questions(form: str) -> dict[str, str]:
    """The five questions to one form of the views."""
    view = f"{{}}_{form}"
    recent = "changes" if form == "raw" else names.CHANGES + NAME
    return {
        "all items": f"SELECT * FROM {view.format('current')}",
        "count by a column": f"SELECT status, count(*) FROM {view.format('current')} GROUP BY status",
        "one item": f"SELECT * FROM {view.format('current')} WHERE change_key = '{key(7)}'",
        "last hour's changes": (
            f"SELECT change_key, change_type, status FROM {recent} "
            f"WHERE dt = '{LAST_DAY}' AND change_time >= '{LAST_HOUR}'"
        ),
        "gaps": f"SELECT * FROM {view.format('gaps')}",
    }


def report(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def create_views(lake: Lake, database: str) -> None:
    """Both forms of the views; the day after the last one is open."""
    stored = (*METADATA_COLUMNS, "dt", *COLUMNS)
    opened = Opening(END.date().isoformat())
    lake.query(statement(opened, (*METADATA_COLUMNS, *COLUMNS)), database)
    for form, settled in zip(FORMS, (None, Settled(stored, stored)), strict=True):
        for view in definitions(form, TABLE, COLUMNS, {}, settled=settled):
            lake.query(view.statement, database)


def copied(lake: Lake, first: dt.datetime) -> tuple[str, int]:
    """A database with the live files of both tables as plain Parquet tables, and the items' bytes."""
    database = lake.create_database("judged")
    place = f"tables/{database}/settled"
    s3 = lake.sandbox.session("consumer").client("s3")
    changes: Any = lake.glue.get_table(DatabaseName=lake.database, Name="changes")["Table"]
    kept = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    copy: Any = {name: changes[name] for name in kept}
    lake.glue.create_table(DatabaseName=database, TableInput=copy)
    size = 0
    definition: Any
    for definition in plain_tables(COLUMNS, TABLE, f"s3://{lake.bucket}/{place}").values():
        name = definition["Name"]
        days = name.startswith(names.CHANGES)
        files = lake.query(f'SELECT file_path, file_size_in_bytes FROM "{name}$files"')[1]
        for number, (path, length) in enumerate(files):
            source = str(path).removeprefix(f"s3://{lake.bucket}/")
            day = f"{next(part for part in source.split('/') if part.startswith('dt='))}/" if days else ""
            s3.copy_object(
                Bucket=lake.bucket,
                Key=f"{place}/{name}/{day}{number:05}.parquet",
                CopySource={"Bucket": lake.bucket, "Key": source},
            )
            size += 0 if days else int(str(length))
        lake.glue.create_table(DatabaseName=database, TableInput=parquet(definition, first if days else None))
    create_views(lake, database)
    lake.share_views(database)
    return database, size


def parquet(definition: Any, days: dt.datetime | None) -> Any:
    """The definition of a plain Parquet table with these columns, partitioned from this day on, if any."""
    descriptor = definition["StorageDescriptor"]
    columns = [column for column in descriptor["Columns"] if not (days and column["Name"] == "dt")]
    location = descriptor["Location"]
    projection = {
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        # Trino refuses a range of one day.
        "projection.dt.range": f"{days:%Y-%m-%d},{END:%Y-%m-%d}" if days else "",
        "storage.location.template": f"{location}dt=${{dt}}/",
    }
    return {
        "Name": definition["Name"],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **(projection if days else {})},
        "PartitionKeys": [{"Name": "dt", "Type": "string"}] if days else [],
        "StorageDescriptor": {
            "Columns": columns,
            "Location": location,
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
            },
        },
    }


def timed(run: Any, rounds: int) -> tuple[float, Any]:
    """The best seconds of some rounds, and the last answer."""
    best, answer = float("inf"), None
    for _ in range(rounds):
        started = time.monotonic()
        answer = run()
        best = min(best, time.monotonic() - started)
    return best, answer


def ask(lake: Lake, trino: Any, database: str, rounds: int) -> dict[str, Any]:
    """Every question to both forms on both engines; the answers must be equal.

    Trino answers twice: as it is, and waiting for the keys that one table has before it reads another.
    """
    figures: dict[str, Any] = {}
    for question in questions("raw"):
        answers = []
        for form in FORMS:
            sql = questions(form)[question]
            own, (_, rows) = timed(lambda sql=sql: lake.query(sql), rounds)
            answers.append(sorted([str(cell) for cell in row] for row in rows))
            asked = figures.setdefault(question, {})[form] = {
                "sandbox_bytes": lake.scanned_bytes,
                "sandbox_seconds": own,
                "rows": len(rows),
            }
            for name, properties in (("trino", ""), ("waiting", WAITING)):
                run = partial(trino.execute, sql, database, timeout=LONGEST, properties=properties)
                seconds, found = timed(run, rounds)
                answers.append(sorted([str(cell) for cell in row] for row in found.rows))
                asked[f"{name}_bytes"] = int(found.stats["physicalInputBytes"])
                asked[f"{name}_seconds"] = seconds
        assert all(answer == answers[0] for answer in answers), question
        report(f"  {question}: {json.dumps(figures[question])}")
    return figures


def measure(args: argparse.Namespace, length: int) -> dict[str, Any]:
    """One length of the history."""
    history = History(args.items, length, args.payload)
    spark, server = assembly.prepare(), trino_assembly.prepare()
    with Sandbox(speed=20) as sandbox, tempfile.TemporaryDirectory() as folder:
        settings = {
            "consumer": [f"ItemColumns={','.join(COLUMNS)}", f"FirstDay={history.first.date()}"],
            "tables": [f"ItemBucketCount={args.buckets}"],
        }
        sandbox.launch(plan_launches("consumer", "tables", parameters=settings))
        lake = Lake(sandbox)
        lake.longest_query = LONGEST
        raw = 0
        for day, name, lines in history.objects():
            body = gzip.compress(b"\n".join(lines) + b"\n", 1)
            lake.put_bytes(f"data/dt={day}/{name}", body)
            raw += len(body)
        report(f"{length} days: {history.changes:,} changes, {raw / 1e6:.0f} MB of gzip")
        parts = {name: Path(folder) / name for name in ("spark", "trino")}
        for part in parts.values():
            part.mkdir()
        with DeployedJob(sandbox, spark, parts["spark"], "SettleJobName", long=True) as job:
            first = settle(job, checked_days="36500")
            merges = []
            late = END - dt.timedelta(hours=2)
            for step in range(args.merges):
                put_changes(lake, history, step, LAST_DAY, late)
                merges.append(settle(job, checked_days="36500", maintain_hours="10000"))
        put_changes(lake, history, args.merges, END.date().isoformat(), END + dt.timedelta(minutes=1))
        report(f"  settled in {first['seconds']:.0f} s, then {least(merges)} s")
        create_views(lake, lake.database)
        database, size = copied(lake, history.first)
        with Trino.over(
            lake, server, parts["trino"], probed_day=LAST_DAY, memory_megabytes=TRINO_MEGABYTES
        ) as running:
            figures = ask(lake, running.client, database, args.rounds)
        return {
            "changes": history.changes,
            "raw_bytes": raw,
            "settled_changes_bytes": stored_bytes(lake, names.CHANGES + NAME),
            "settled_items_bytes": size,
            "first_load": first,
            "merges": merges,
            "questions": figures,
            "load_average": os.getloadavg()[1],
        }


def put_changes(lake: Lake, history: History, step: int, day: str, at: dt.datetime) -> None:
    """One raw object with a change of every hundredth item."""
    lines = [history.line(number, at, 10**9 + step) for number in range(0, history.items, 100)]
    lake.put_bytes(f"data/dt={day}/ddb-lake-1-more-{step}.gz", gzip.compress(b"\n".join(lines) + b"\n"))


def settle(job: DeployedJob, **changed: Any) -> dict[str, Any]:
    """One run of the job: its seconds, its own counts, and the most memory that any child process has had."""
    started = time.monotonic()
    log = job.run(**changed)["log"]
    summary: dict[str, Any] = json.loads(next(line for line in reversed(log.splitlines()) if line[:1] == "{"))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {**summary, "seconds": time.monotonic() - started, "children_megabytes": children // 1024}


def stored_bytes(lake: Lake, table: str) -> int:
    """Bytes of all objects of a table, with those of earlier snapshots."""
    s3 = lake.sandbox.session("consumer").client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket, Prefix=f"settled/{table}/data/")
    return sum(entry["Size"] for page in pages for entry in page.get("Contents") or [])


def least(merges: list[dict[str, Any]]) -> str:
    """The seconds of the shortest of some runs."""
    return f"{min((merge['seconds'] for merge in merges), default=0):.0f}"


def table_of(figures: list[dict[str, Any]], lengths: list[int]) -> str:
    """The figures as Markdown tables."""
    engines = ("trino", "waiting", "sandbox")
    heads = [f"{engine} {unit}, {form}" for engine in engines for unit in ("MB", "s") for form in FORMS]
    lines = [f"| question | days | {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) + 1)}"]
    for question in questions("raw"):
        for length, found in zip(lengths, figures, strict=True):
            asked = found["questions"][question]
            cells = [
                f"{asked[form][f'{engine}_{kind}'] / unit:.2f}"
                for engine in engines
                for kind, unit in (("bytes", 1e6), ("seconds", 1))
                for form in FORMS
            ]
            lines.append(f"| {question} | {length} | {' | '.join(cells)} |")
    heads = [f"{engine}, {form}" for engine in engines for form in FORMS]
    lines += [
        "",
        f"| bytes at {lengths[-1]} days, of those at {lengths[0]} | {' | '.join(heads)} |",
        f"|---|{'---:|' * len(heads)}",
    ]
    for question in questions("raw"):
        first, last = (found["questions"][question] for found in (figures[0], figures[-1]))
        ratios = [
            f"{last[form][f'{engine}_bytes'] / first[form][f'{engine}_bytes']:.2f}"
            for engine in engines
            for form in FORMS
        ]
        lines.append(f"| {question} | {' | '.join(ratios)} |")
    lines += [
        "",
        "| days | changes | raw MB | settled_changes MB | settled_items MB | first load s | next s |",
    ]
    lines.append("|---:|---:|---:|---:|---:|---:|---:|")
    lines += [
        f"| {length} | {found['changes']:,} | {found['raw_bytes'] / 1e6:.1f} "
        f"| {found['settled_changes_bytes'] / 1e6:.1f} | {found['settled_items_bytes'] / 1e6:.1f} "
        f"| {found['first_load']['seconds']:.0f} | {least(found['merges'])} |"
        for length, found in zip(lengths, figures, strict=True)
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(
        prog="python -m tests.spark.measure", description=__doc__.split("\n")[0]
    )
    options.add_argument("--items", type=int, default=20_000)
    options.add_argument("--payload", type=int, default=300, help="random characters of an item")
    options.add_argument("--lengths", type=int, nargs="+", default=[1, 10, 100], help="days of history")
    options.add_argument("--rounds", type=int, default=2, help="timed rounds per question")
    options.add_argument("--merges", type=int, default=2, help="runs of the job after the first load")
    options.add_argument("--buckets", type=int, default=1, help="parts of the items")
    options.add_argument("--output", choices=("text", "json"), default="text")
    args = options.parse_args()
    try:
        figures = []
        for length in args.lengths:
            figures.append(measure(args, length))
            report(json.dumps(figures[-1]))  # a later length can fail
    except (EngineMissingError, AssemblyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=2) if args.output == "json" else table_of(figures, args.lengths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
