"""`make demo`: the main job shown from the first put to the last query, in the sandbox.

Runs inside `python -m sandbox exec`, through the same commands and profiles a user has on AWS.
Exit code 0 only if lake and table agree key by key and the stranger stayed outside.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lake.terminal import visible
from sandbox.errors import SandboxError
from sandbox.running import RunningSandbox, state_folder
from sandbox.workload import Delete, KeySchema, Put, Workload

BATCH_ITEMS = 25  # BatchWriteItem's own limit (Amazon DynamoDB API Reference, BatchWriteItem)
SHOWN_OBJECTS = 6
SHOWN_COLUMNS = 40
CRAWL_SECONDS = 60
HISTORY = (
    "SELECT change_type, change_time, change_before, change_after, revision, total"
    " FROM changes WHERE change_key = ? ORDER BY change_time"
)

console = Console(width=max(120, Console().width))


class DemoError(Exception):
    """The demo cannot go on; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Lake:
    """Where the demo's table and lake are, as `sandbox exec` names them."""

    table: str
    bucket: str
    database: str
    workgroup: str

    @classmethod
    def from_environment(cls) -> Lake:
        """Read TABLE_NAME, BUCKET_NAME, DATABASE_NAME and WORKGROUP_NAME. Raises SandboxError outside."""
        RunningSandbox.read(state_folder())
        try:
            names = [os.environ[f"{name}_NAME"] for name in ("TABLE", "BUCKET", "DATABASE", "WORKGROUP")]
        except KeyError as missing:
            raise DemoError(
                f"{missing.args[0]} is not set. Next: run the demo inside the sandbox, with make demo"
            ) from None
        return cls(*names)


def main() -> int:
    """Run every step; return the process's exit code."""
    try:
        lake = Lake.from_environment()
        producer = boto3.Session(profile_name="producer")
        consumer = boto3.Session(profile_name="consumer")
        put_items(lake, producer)
        console.rule("2. wait for delivery, compare lake and table")
        agreed = lake_equals_table()
        show_objects(lake, consumer)
        show_schema(lake, consumer)
        console.print("every attribute has its column now: compare again, column by column")
        agreed = lake_equals_table() and agreed
        show_queries(lake)
        denied = stranger_is_denied(lake)
    except (DemoError, SandboxError) as error:
        console.print(visible(f"demo: {error}"), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted")
        return 128 + signal.SIGINT
    console.rule()
    console.print(f"lake and table agree key by key: {'yes' if agreed else '[red]NO[/red]'}")
    console.print(f"everybody else is kept out: {'yes' if denied else '[red]NO[/red]'}")
    return 0 if agreed and denied else 1


def run(*arguments: str) -> None:
    """Show a command as the user would type it, then run it."""
    console.print(f"$ python {shlex.join(arguments)}", style="dim", markup=False, highlight=False)
    done = subprocess.run([sys.executable, *arguments], check=False)
    if done.returncode:
        raise DemoError(f"the command above ended with exit code {done.returncode}; its last lines say why")


def put_items(lake: Lake, producer: boto3.Session) -> None:
    """One insert, update and delete by hand; then a generated workload."""
    console.rule("1. put items (producer account)")
    run("-m", "scripts.put_items", lake.table, "--profile", "producer")
    client = producer.client("dynamodb")
    workload = Workload(_key_schema(client.describe_table(TableName=lake.table)["Table"]))
    started = time.monotonic()
    with _progress() as progress:
        task = progress.add_task("writing every attribute type", total=workload.writes)
        for batch in _batches(workload):
            _write(client, lake.table, batch)
            progress.advance(task, len(batch))
    seconds = time.monotonic() - started
    console.print(f"{workload.writes:,} writes in {seconds:.1f} s")


def lake_equals_table() -> bool:
    """Wait for delivery, then compare the lake with the table, item by item."""
    console.print("[dim]$ python -m sandbox check[/dim]")
    return subprocess.run([sys.executable, "-m", "sandbox", "check"], check=False).returncode == 0


def show_objects(lake: Lake, consumer: boto3.Session) -> None:
    """What Firehose put into the other account's bucket."""
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
    console.print(f"{len(found)} objects, {sum(item['Size'] for item in found):,} bytes gzipped")


def show_schema(lake: Lake, consumer: boto3.Session) -> None:
    """Run the crawler; its success has the catalog function declare the new columns."""
    console.rule("4. Glue schema: the crawler discovers, the catalog function declares")
    glue = consumer.client("glue")
    crawler = _only([made["Name"] for made in glue.get_crawlers()["Crawlers"]])
    declared = len(_columns(glue, lake.database))
    glue.start_crawler(Name=crawler)
    columns = _wait_for_columns(glue, lake.database, crawler, declared)
    table = Table("column of changes", "type")
    for column in columns[:SHOWN_COLUMNS]:
        table.add_row(Text(visible(column["Name"])), Text(visible(column["Type"])))
    console.print(table)
    if len(columns) > SHOWN_COLUMNS:
        console.print(f"and {len(columns) - SHOWN_COLUMNS} more")


def show_queries(lake: Lake) -> None:
    """Three questions analysts ask, through Athena."""
    console.rule("5. Athena: rows, changes by type and day, one item's history")
    query = ("-m", "scripts.query", "--profile", "consumer", "--workgroup", lake.workgroup)
    where = ("--database", lake.database)
    run(*query, *where, "SELECT change_type, change_time, change_key, total, customer__address__city"
        " FROM changes ORDER BY change_time DESC LIMIT 5")  # fmt: skip
    run(*query, *where, "--named", "changes-by-day-and-type")
    run(*query, *where, "--parameter", _a_changed_key(lake), HISTORY)


def stranger_is_denied(lake: Lake) -> bool:
    """A third account, and the producer account's own root, ask for the data."""
    console.rule("6. who is kept out")
    table = Table("who asks", "call", "answer")
    denied = True
    for who in ("stranger", "producer"):
        client = boto3.Session(profile_name=who).client("s3")
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
            table.add_row(f"{who} account", action, answer)
    console.print(table)
    return denied


def _a_changed_key(lake: Lake) -> str:
    """The key of one item that has more than one change, as `change_key` spells it."""
    workload = "SELECT change_key FROM changes WHERE revision IS NOT NULL"
    sql = f"{workload} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    command = [sys.executable, "-m", "scripts.query", "--profile", "consumer", "--workgroup", lake.workgroup]
    done = subprocess.run(
        [*command, "--database", lake.database, "--output", "json", sql],
        check=False,
        capture_output=True,
        text=True,
    )
    try:
        return str(json.loads(done.stdout)["rows"][0]["change_key"])
    except (ValueError, KeyError, IndexError) as error:
        raise DemoError(f"no item with two changes was found: {done.stderr.strip()[-300:]}") from error


def _wait_for_columns(glue: Any, database: str, crawler: str, declared: int) -> list[dict[str, str]]:
    """The columns of `changes`, once the catalog function has added to those declared before the crawl."""
    deadline = time.monotonic() + CRAWL_SECONDS
    with console.status("crawling"):
        while time.monotonic() < deadline:
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
    """Up to 25 writes a batch, and no key twice in one: BatchWriteItem refuses that."""
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
        raise DemoError(f"one crawler was expected in the consumer account, {len(names)} are there")
    return names[0]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


if __name__ == "__main__":
    sys.exit(main())
