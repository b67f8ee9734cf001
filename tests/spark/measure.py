"""`python -m tests.spark.measure`: five named queries over raw and over compacted rows, in one run.

The shipped function writes a lake of closed days, the deployed job compacts it, and Trino and the sandbox's
Athena query it. Bytes are each engine's own count (Trino: physical input; Athena: DataScannedInBytes, which
Athena bills). Seconds are medians; the machine may be shared.
"""

import argparse
import base64
import contextlib
import datetime as dt
import gzip
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.records import change_records, firehose_event
from sandbox.engines.errors import AssemblyError, EngineMissingError
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from tests.spark.compacted import COMPACTED, CompactedLake
from tests.spark.deployed import DeployedJob
from tests.trino import assembly as trino_assembly
from tests.trino.both import with_parameters
from tests.trino.server import Trino
from transform_lambda.handler import handler

QUERIES = {
    "changes-by-day-and-type": (),
    "deletes-by-day-and-actor": (),
    "most-changed-items": (),
    "rescued-values": (),
    "item-history": ("item",),
}
FOLDER = Path(__file__).parents[2] / "athena" / "queries"
TRINO_MEGABYTES = 4_000
BATCH = 500  # records per call of the function
ITEM_COLUMNS = (
    "pk",
    "sk",
    "status",
    "total",
    "paid",
    "note",
    "coupons",
    "discounts",
    "shipping__name",
    "shipping__address__street",
    "shipping__address__city",
    "shipping__address__geo__lat",
    "shipping__address__geo__lon",
    "lines",
)


def rows(count: int, number: int, day: dt.date) -> Iterator[bytes]:
    """The lines of one object: `count` changes of a day, inserts, modifications and deletes of orders."""
    midnight = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp() * 1_000_000)
    records = change_records(count, seed=number)
    for at, record in enumerate(records):
        change = record["dynamodb"]
        record["eventID"] = f"{number:06x}-{at:06x}"
        change["ApproximateCreationDateTime"] = midnight + number % 48 * 1_800_000_000 + at * 700_000
        for image in (change["Keys"], change["NewImage"], change["OldImage"]):
            image["sk"] = {"S": f"order#{(number * count + at) * 7919 % 400_000:08d}"}
        if at % 20 == 0:
            record["eventName"] = "REMOVE"
            del change["NewImage"]
            record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        elif at % 5 == 0:
            record["eventName"] = "INSERT"
            del change["OldImage"]
        elif at % 499 == 1:
            change["NewImage"]["Status"] = {"S": "another attribute for the column"}
    for start in range(0, count, BATCH):
        event = firehose_event(records[start : start + BATCH])
        with contextlib.redirect_stdout(io.StringIO()):  # its log
            answers = handler(event, None)["records"]
        for answer in answers:
            yield base64.b64decode(answer["data"])


def fill(lake: CompactedLake, total: int, days: list[dt.date], objects: int) -> int:
    """Write the lake. Returns the bytes of its objects."""
    stored, count = 0, -(-total // (len(days) * objects))  # at least this many
    for number in range(len(days) * objects):
        day = days[number // objects]
        body = gzip.compress(b"".join(rows(count, number, day)), 6)
        lake.put_bytes(f"data/dt={day}/ddb-lake-1-{day}-{number:06}.gz", body)
        stored += len(body)
        if number % objects == objects - 1:
            report(f"{(number + 1) * count:,} rows written")
    return stored


def report(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def statement(name: str, table: str) -> str:
    """A named query over one of the tables."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8").replace("FROM changes\n", f"FROM {table}\n")


def measure_query(  # noqa: PLR0917  the query and the engines
    lake: CompactedLake, trino: Any, name: str, table: str, parameters: list[str], rounds: int
) -> dict[str, Any]:
    """One query over one table on both engines: bytes, median seconds, and a digest of the rows."""
    sql = statement(name, table)
    seconds: dict[str, list[float]] = {"trino": [], "sandbox": []}
    answers: dict[str, Any] = {}
    for _ in range(rounds + 1):  # the first round warms up
        started = time.monotonic()
        answer = trino.execute(with_parameters(sql, parameters) if parameters else sql, lake.database)
        seconds["trino"].append(time.monotonic() - started)
    answers["trino_bytes"] = int(answer.stats["physicalInputBytes"])
    answers["rows"] = [list(map(str, row)) for row in answer.rows]
    for _ in range(2):
        started = time.monotonic()
        _, rows = lake.query(sql, parameters=parameters)
        seconds["sandbox"].append(time.monotonic() - started)
    answers["sandbox_bytes"] = lake.scanned_bytes
    assert len(rows) == len(answer.rows)
    answers |= {f"{engine}_seconds": statistics.median(times[1:]) for engine, times in seconds.items()}
    return answers


def measure(total: int, day_count: int, objects: int, rounds: int) -> dict[str, Any]:
    """All measurements as one document."""
    last = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)
    days = [last - dt.timedelta(days=number) for number in range(day_count)][::-1]
    spark, server = assembly.prepare(), trino_assembly.prepare()
    with Sandbox(speed=20) as sandbox, tempfile.TemporaryDirectory() as folder:
        settings = [f"ItemColumns={','.join(ITEM_COLUMNS)}", f"FirstDay={days[0]}"]
        sandbox.launch(plan_launches("consumer", "columnar", parameters={"consumer": settings}))
        lake = CompactedLake(sandbox)
        raw_bytes = fill(lake, total, days, objects)
        (Path(folder) / "spark").mkdir()
        (Path(folder) / "trino").mkdir()
        with DeployedJob(sandbox, spark, Path(folder) / "spark", long=True) as job:
            started = time.monotonic()
            job.run()
            compaction = time.monotonic() - started
        report(f"compacted in {compaction:.0f} s")
        item = lake.query(f"SELECT max(change_key) FROM {COMPACTED} WHERE dt = '{days[0]}'")[1][0][0]
        trino_folder, day, memory = Path(folder) / "trino", str(days[0]), TRINO_MEGABYTES
        with Trino.over(lake, server, trino_folder, probed_day=day, memory_megabytes=memory) as running:
            counted = [
                int(running.client.execute(f"SELECT count(*) FROM {table}", lake.database).rows[0][0])
                for table in ("changes", COMPACTED)
            ]
            assert counted[0] == counted[1], counted
            queries = {}
            for name, wanted in QUERIES.items():
                parameters = [f"'{item}'" for _ in wanted]
                both = {
                    t: measure_query(lake, running.client, name, t, parameters, rounds)
                    for t in ("changes", COMPACTED)
                }
                assert both["changes"].pop("rows") == both[COMPACTED].pop("rows"), name
                queries[name] = both
                report(f"{name} measured")
        return {
            "rows": counted[0],
            "days": day_count,
            "raw_objects": day_count * objects,
            "raw_bytes": raw_bytes,
            "columnar_bytes": lake.stored_bytes("columnar/"),
            "compaction_seconds": compaction,
            "load_average": os.getloadavg()[1],
            "queries": queries,
        }


def table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        f"{figures['rows']:,} rows, {figures['days']} days: {figures['raw_bytes'] / 1e6:.1f} MB of raw JSON "
        f"in {figures['raw_objects']:,} objects, {figures['columnar_bytes'] / 1e6:.1f} MB of Parquet; "
        f"compacted in {figures['compaction_seconds']:.0f} s; load average {figures['load_average']:.1f}",
        "",
        "| query | MB scanned, raw | columnar | ratio | Trino s, raw | columnar "
        "| sandbox MB, raw | columnar |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, both in figures["queries"].items():
        raw, columnar = both["changes"], both[COMPACTED]
        lines.append(
            f"| {name} | {raw['trino_bytes'] / 1e6:.1f} | {columnar['trino_bytes'] / 1e6:.2f} "
            f"| {raw['trino_bytes'] / max(1, columnar['trino_bytes']):.0f} | {raw['trino_seconds']:.2f} "
            f"| {columnar['trino_seconds']:.2f} | {raw['sandbox_bytes'] / 1e6:.1f} "
            f"| {columnar['sandbox_bytes'] / 1e6:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(
        prog="python -m tests.spark.measure", description=__doc__.split("\n")[0]
    )
    options.add_argument("--rows", type=int, default=1_000_000, help="changes in the lake")
    options.add_argument("--days", type=int, default=10, help="delivery days of the changes")
    options.add_argument("--objects", type=int, default=48, help="raw objects per day")
    options.add_argument("--rounds", type=int, default=3, help="timed rounds per query")
    options.add_argument(
        "--output", choices=("text", "json"), default="text", help="text for people, json for programs"
    )
    args = options.parse_args()
    try:
        figures = measure(args.rows, args.days, args.objects, args.rounds)
    except (EngineMissingError, AssemblyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=2) if args.output == "json" else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
