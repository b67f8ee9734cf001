"""`make demo`: the whole path of a change in the sandbox, from the first put to the last query.

It runs inside `python -m sandbox exec`, with the commands and profiles that a user has on AWS.
The exit code is 0 only if lake and table agree key by key and other accounts were denied access.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from rich.columns import Columns
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from glue.tables import METADATA_COLUMNS
from lake.loading import loaded
from lake.terminal import visible
from lake.waiting import WaitReport
from sandbox.errors import SandboxError
from sandbox.picture import WIDTH, PictureConsole, same
from sandbox.running import RunningSandbox, state_folder
from sandbox.workload import Delete, KeySchema, Put, Workload
from settled.names import ending

BATCH_ITEMS = 25  # BatchWriteItem's own limit (Amazon DynamoDB API Reference, BatchWriteItem)
PUT_ITEMS_WRITES = 3  # scripts.put_items without --file: one insert, one update, one delete
SHOWN_OBJECTS = 6
CRAWL_SECONDS = 60
HISTORY = (
    "SELECT change_type, change_time, change_before, change_after, revision, total"
    " FROM changes WHERE change_key = ? ORDER BY change_time"
)

console = PictureConsole(width=Console().width if Console().is_terminal else 120)


class DemoError(Exception):
    """The demo cannot continue; the message says where to look."""


@dataclass(frozen=True, slots=True)
class Lake:
    """The names of the demo's table and lake, from the variables that `sandbox exec` sets."""

    table: str
    bucket: str
    database: str
    workgroup: str

    @property
    def ending(self) -> str:
        """The ending of the views' names, and of the settled tables'."""
        return ending(self.table)

    @classmethod
    def from_environment(cls) -> Lake:
        """Read TABLE_NAME, BUCKET_NAME, DATABASE_NAME and WORKGROUP_NAME.

        Raises SandboxError outside a sandbox.
        """
        RunningSandbox.read(state_folder())
        try:
            names = [os.environ[f"{name}_NAME"] for name in ("TABLE", "BUCKET", "DATABASE", "WORKGROUP")]
        except KeyError as missing:
            raise DemoError(
                f"{missing.args[0]} is not set. Next: run the demo inside the sandbox, with make demo"
            ) from None
        return cls(*names)


def main(arguments: Sequence[str] = ()) -> int:
    """Run every step; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument(
        "--tables", action="store_true", help="also settle the rows; needs the option stack tables and Spark"
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also write a picture of the main lines")
    options = parser.parse_args(arguments)
    if options.svg:
        console.start_drawing()
    try:
        loaded()
        lake = Lake.from_environment()
        producer = boto3.Session(profile_name="producer")
        consumer = boto3.Session(profile_name="consumer")
        put_items(lake, producer)
        console.rule("2. wait for delivery, compare lake and table")
        agreed = lake_equals_table()
        console.print("values whose column is not declared yet are compared after the crawl, in step 4")
        show_objects(lake, consumer)
        show_schema(lake, consumer)
        console.print("every attribute has a column now: compare again, with all values")
        with console.pictured():
            agreed = lake_equals_table() and agreed
        show_queries(lake)
        if options.tables:
            show_settled_tables(lake)
        with console.pictured():
            denied = others_are_denied(lake)
            show_result(agreed, denied)
    except (DemoError, SandboxError) as error:
        console.print(visible(f"demo: {error}"), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted")
        return 128 + signal.SIGINT
    if options.svg:
        _write_picture(options.svg)
    return 0 if agreed and denied else 1


def _write_picture(path: Path) -> None:
    """Write the picture, unless the file differs from it only in durations, times and ids."""
    picture = console.picture()
    if not (path.is_file() and same(path.read_text(encoding="utf-8"), picture)):
        path.write_text(picture, encoding="utf-8")


def show_result(agreed: bool, denied: bool) -> None:
    """The two answers of the demo, and the next step."""
    console.rule()
    console.print(f"lake and table agree key by key: {'yes' if agreed else '[red]NO[/red]'}")
    console.print(f"everybody else is kept out: {'yes' if denied else '[red]NO[/red]'}")
    console.print(
        "next: `make sandbox` starts a sandbox that stays; README.md (Try it) has the commands for it",
        highlight=False,
    )


def run(*arguments: str) -> None:
    """Show a command as the user would type it, then run it. Raises DemoError when it fails."""
    if code := _run(arguments):
        raise DemoError(f"the command above ended with exit code {code}; its last lines say why")


def _run(arguments: Sequence[str], stderr: int | None = subprocess.STDOUT) -> int:
    """Show a command and run it; its exit code. The picture has its stdout, and by default its stderr."""
    table = os.environ.get("TABLE_NAME", "")
    words = ["$TABLE_NAME" if word == table else shlex.quote(word) for word in arguments]
    console.print(f"$ python {' '.join(words)}", style="dim", markup=False, highlight=False)
    command = [sys.executable, *arguments]
    try:
        if not console.record:
            return subprocess.run(command, check=False).returncode
        terminal = {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "PYTHONUNBUFFERED": "1"}
        done = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, **terminal},
        )
    except KeyboardInterrupt:  # the command got it too, and reports it
        raise SystemExit(128 + signal.SIGINT) from None
    console.print(Text.from_ansi(done.stdout.removesuffix("\n")), highlight=False)
    return done.returncode


def put_items(lake: Lake, producer: boto3.Session) -> None:
    """One insert, one update and one delete with put_items; then a generated workload."""
    with console.pictured():
        console.rule("1. put items (producer account)")
        run("-m", "scripts.put_items", lake.table, "--profile", "producer")
    client = producer.client("dynamodb")
    workload = Workload(_key_schema(client.describe_table(TableName=lake.table)["Table"]))
    started = time.monotonic()
    with _progress() as progress:
        task = progress.add_task("writing items of every attribute type", total=workload.writes)
        for batch in _batches(workload):
            _write(client, lake.table, batch)
            progress.advance(task, len(batch))
    seconds = time.monotonic() - started
    with console.pictured():
        console.print(
            f"{workload.writes:,} more writes in {seconds:.1f} s: "
            f"with the {PUT_ITEMS_WRITES} above, {workload.writes + PUT_ITEMS_WRITES:,} changes",
            highlight=False,
        )


def lake_equals_table() -> bool:
    """Wait for delivery, then compare the lake with the table, item by item."""
    return _run(["-m", "sandbox", "check"], stderr=None) == 0  # its progress depends on the machine


def show_objects(lake: Lake, consumer: boto3.Session) -> None:
    """The objects that Firehose wrote into the other account's bucket."""
    console.rule("3. delivered objects (consumer account)")
    pages = consumer.client("s3").get_paginator("list_objects_v2").paginate(Bucket=lake.bucket)
    found = [item for page in pages for item in page.get("Contents", ()) if _is_delivered(item["Key"])]
    if not found:
        raise DemoError(f"no object was delivered into {lake.bucket}")
    table = Table()
    table.add_column("object", overflow="fold")
    table.add_column("bytes", justify="right")
    for item in found[:SHOWN_OBJECTS]:
        table.add_row(Text(visible(item["Key"])), f"{item['Size']:,}")
    console.print(table)
    listed = f" (the first {SHOWN_OBJECTS} are listed)" if len(found) > SHOWN_OBJECTS else ""
    console.print(f"{len(found)} objects{listed}, {sum(item['Size'] for item in found):,} bytes gzipped")


def show_schema(lake: Lake, consumer: boto3.Session) -> None:
    """Run the crawler; when it succeeds, the catalog function declares the new columns."""
    console.rule("4. Glue schema: the crawler finds attributes, the catalog function declares columns")
    glue = consumer.client("glue")
    crawler = _only([crawler["Name"] for crawler in glue.get_crawlers()["Crawlers"]])
    declared = len(_columns(glue, lake.database))
    glue.start_crawler(Name=crawler)
    columns = _wait_for_columns(glue, lake.database, crawler, declared)
    of_change = [column for column in columns if column["Name"] in METADATA_COLUMNS]
    of_item = [column for column in columns if column["Name"] not in METADATA_COLUMNS]
    _list_columns(f"{len(of_change)} columns of {lake.database}.changes describe the change:", of_change)
    _list_columns(f"{len(of_item)} columns contain the item's attributes:", of_item)


def _list_columns(title: str, columns: Sequence[dict[str, str]]) -> None:
    """The names of columns, with the type of those that are not text."""
    names = [
        column["Name"] if column["Type"] == "string" else f"{column['Name']} ({column['Type']})"
        for column in columns
    ]
    console.print(title)
    console.print(Columns([Text(visible(name)) for name in names], padding=(0, 2), column_first=True))


def show_queries(lake: Lake) -> None:
    """Three questions that analysts ask, answered by Athena."""
    query = ("-m", "scripts.query", "--profile", "consumer", "--workgroup", lake.workgroup)
    where = ("--database", lake.database)
    with console.pictured():
        console.rule("5. Athena: newest changes, changes by day and type, one item's history")
    run(*query, *where, "SELECT change_type, change_time, change_key, total, customer__address__city"
        " FROM changes ORDER BY change_time DESC LIMIT 5")  # fmt: skip
    run(*query, *where, "--named", "changes-by-day-and-type")
    key = _a_changed_key(lake)
    with console.pictured():
        run(*query, *where, "--parameter", key, HISTORY)


def show_settled_tables(lake: Lake) -> None:
    """The current items from raw rows, and after a run of the job from settled tables: the same."""
    console.rule("settled tables: one run of the Glue job on a local Spark")
    where = ("--profile", "consumer", "--database", lake.database, "--workgroup", lake.workgroup)
    counts = "SELECT count(*) AS items, count(DISTINCT change_after) AS states"
    count = f"{counts} FROM current_{lake.ending}"
    run("-m", "scripts.views", lake.table, *where)
    before = _rows(lake, count)
    run("-m", "scripts.settle", "--profile", "consumer")
    run("-m", "scripts.views", "--all", *where)
    run("-m", "scripts.query", *where, count)
    if _rows(lake, count) != before:
        raise DemoError(f"the view has other items over settled tables than the {before} of the raw rows")
    objects = _rows(lake, "SELECT count(*) AS objects FROM settled_objects")[0]["objects"]
    console.print(f"the same items as from the raw rows, now from settled tables of {objects} raw objects")


def others_are_denied(lake: Lake) -> bool:
    """A third account and the producer account's root user request the data; whether all are denied."""
    console.rule("6. who is kept out")
    table = Table("caller", "call", "answer")
    denied = True
    for caller in ("stranger", "producer"):
        client = boto3.Session(profile_name=caller).client("s3")
        calls: dict[str, Callable[[], object]] = {
            "s3:ListBucket": partial(client.list_objects_v2, Bucket=lake.bucket),
            "s3:PutObject": partial(
                client.put_object, Bucket=lake.bucket, Key="data/dt=2026-01-01/x", Body=b"x"
            ),
        }
        for action, call in calls.items():
            try:
                call()
            except ClientError as error:
                answer = error.response["Error"]["Code"]
            else:
                answer = "ALLOWED"
            denied = denied and answer == "AccessDenied"
            table.add_row(f"{caller} account", action, answer)
    console.print(table)
    return denied


def _a_changed_key(lake: Lake) -> str:
    """The key of an item with more than one change, as the text in `change_key`."""
    workload = "SELECT change_key FROM changes WHERE revision IS NOT NULL"
    rows = _rows(lake, f"{workload} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")
    if not rows:
        raise DemoError("no item with two changes was found")
    return str(rows[0]["change_key"])


def _rows(lake: Lake, sql: str) -> list[dict[str, Any]]:
    """The rows of a query. Raises DemoError if it fails."""
    command = [sys.executable, "-m", "scripts.query", "--profile", "consumer", "--workgroup", lake.workgroup]
    done = subprocess.run(
        [*command, "--database", lake.database, "--output", "json", sql],
        check=False,
        capture_output=True,
        text=True,
    )
    try:
        rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    except (ValueError, KeyError) as error:
        raise DemoError(f"a query failed: {done.stderr.strip()[-300:]}") from error
    return rows


def _wait_for_columns(glue: Any, database: str, crawler: str, declared: int) -> list[dict[str, str]]:
    """Wait until the catalog function has added columns to the `declared` ones; all columns of `changes`."""
    deadline = time.monotonic() + CRAWL_SECONDS
    wait = WaitReport(lambda text: spinner.update(visible(text)), first=0.0)
    with console.status("crawling") as spinner:
        while time.monotonic() < deadline:
            wait.report("the crawler reads the objects", CRAWL_SECONDS)
            if len(columns := _columns(glue, database)) > declared:
                return columns
            last = glue.get_crawler(Name=crawler)["Crawler"].get("LastCrawl") or {}
            if last.get("Status") == "FAILED":
                raise DemoError(f"the crawl failed: {last.get('ErrorMessage')}")
            time.sleep(0.2)
    raise DemoError(f"the crawler added no column to {database}.changes in {CRAWL_SECONDS} s")


def _columns(glue: Any, database: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = glue.get_table(DatabaseName=database, Name="changes")["Table"][
        "StorageDescriptor"
    ]["Columns"]
    return found


def _key_schema(description: Any) -> KeySchema:
    types = {item["AttributeName"]: item["AttributeType"] for item in description["AttributeDefinitions"]}
    roles = {item["KeyType"]: item["AttributeName"] for item in description["KeySchema"]}
    sort = roles.get("RANGE")
    return KeySchema((roles["HASH"], types[roles["HASH"]]), (sort, types[sort]) if sort else None)


def _batches(writes: Iterable[Put | Delete]) -> Iterator[list[Put | Delete]]:
    """Batches of up to 25 writes; BatchWriteItem refuses a batch that has a key twice."""
    batch: dict[str, Put | Delete] = {}
    for write in writes:
        key = repr(write.key)
        if len(batch) == BATCH_ITEMS or key in batch:
            yield [*batch.values()]
            batch = {}
        batch[key] = write
    if batch:
        yield [*batch.values()]


def _write(client: Any, table: str, batch: list[Put | Delete]) -> None:
    requests = [
        {"PutRequest": {"Item": write.item}}
        if isinstance(write, Put)
        else {"DeleteRequest": {"Key": write.key}}
        for write in batch
    ]
    left = {table: requests}
    while left:
        left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]


def _is_delivered(key: str) -> bool:
    return key.startswith(("data/", "errors/"))


def _only(names: list[str]) -> str:
    if len(names) != 1:
        raise DemoError(f"expected one crawler in the consumer account, found {len(names)}")
    return names[0]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
