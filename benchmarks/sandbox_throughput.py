"""Changes per second through the sandbox, from BatchWriteItem to the row that Athena counts.

`python -m sandbox exec --speed 20 -- python -m benchmarks.sandbox_throughput` writes 20,000 new items of
about 400 bytes with two writers and waits until Athena counts them all. It prints the rate, the peak memory
of the sandbox's processes, and each process's memory and processor time. The exit code is 1 if the rate is
below `--at-least` or the memory above `--at-most`.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3

BATCH_ITEMS = 25  # BatchWriteItem's own limit (DynamoDB API reference, "BatchWriteItem")
WRITERS = 2
GIVE_UP_SECONDS = 300


def item(run: str, number: int) -> dict[str, Any]:
    """One item with text, numbers, a list and a map in a map."""
    return {
        "pk": {"S": f"{run}-{number:06}"},
        "title": {"S": f"title number {number}"},
        "year": {"N": str(1900 + number % 120)},
        "info": {
            "M": {
                "rating": {"N": "4.5"},
                "genres": {"L": [{"S": "Drama"}, {"S": "Comedy"}]},
                "plot": {"S": "x" * 200},
            }
        },
    }


def write(table: str, run: str, items: int) -> None:
    """Write all items; the writers take the batches in turn."""
    session = boto3.Session(profile_name="producer")

    def work(writer: int) -> None:
        client = session.client("dynamodb")
        for start in range(writer * BATCH_ITEMS, items, BATCH_ITEMS * WRITERS):
            numbers = range(start, min(start + BATCH_ITEMS, items))
            waiting: Any = {table: [{"PutRequest": {"Item": item(run, number)}} for number in numbers]}
            while waiting:
                waiting = client.batch_write_item(RequestItems=waiting)["UnprocessedItems"]

    writers = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


def delivered(state: Path) -> int:
    """The number of records that delivery has written into objects so far."""
    try:
        streams = json.loads((state / "delivery.json").read_text())["streams"]
    except FileNotFoundError:
        return 0
    return sum(stream["delivered"] for stream in streams)


def count(run: str) -> int:
    """The number of this run's rows, counted by Athena."""
    athena = boto3.Session(profile_name="consumer").client("athena")
    query = athena.start_query_execution(
        QueryString=f"SELECT count(*) FROM changes WHERE change_key LIKE '%\"{run}-%'",  # noqa: S608  our own
        QueryExecutionContext={"Database": os.environ["DATABASE_NAME"]},
        WorkGroup=os.environ["WORKGROUP_NAME"],
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] in {"FAILED", "CANCELLED"}:
            sys.exit(f"error: Athena: {status.get('StateChangeReason')}")
        if status["State"] == "SUCCEEDED":
            rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
            return int(rows[1]["Data"][0]["VarCharValue"])
        time.sleep(0.05)


def usage(pids: dict[str, int]) -> dict[str, tuple[int, float]]:
    """Memory (MiB) and processor time (s) of each part of the sandbox, including its child processes."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,sess=,rss=,time="], capture_output=True, text=True, check=True
    ).stdout
    used = dict.fromkeys(pids, (0, 0.0))
    for line in listed.splitlines():
        pid, session, memory, clock = line.split()
        for name, parent in pids.items():
            if int(pid) == parent or (int(session) == parent and name != "sandbox"):
                days, _, rest = clock.rpartition("-")
                seconds = sum(int(part) * 60**power for power, part in enumerate(reversed(rest.split(":"))))
                had, spent = used[name]
                used[name] = (had + int(memory) // 1024, spent + seconds + int(days or 0) * 86_400)
    return used


def main() -> int:
    """Write, wait, count, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=20_000, metavar="N")
    parser.add_argument("--at-least", type=float, default=1_000, metavar="CHANGES_A_SECOND")
    parser.add_argument("--at-most", type=int, default=1_024, metavar="MIB")
    options = parser.parse_args()
    state = Path(os.environ.get("SANDBOX_STATE", ""))
    if not (state / "state.json").is_file():
        sys.exit("error: no sandbox is running here: run this inside `python -m sandbox exec`")
    pids = json.loads((state / "state.json").read_text())["pids"]
    run, peak, before = os.urandom(4).hex(), 0, delivered(state)

    started = time.monotonic()
    writing = threading.Thread(target=write, args=(os.environ["TABLE_NAME"], run, options.items))
    writing.start()
    written = 0.0
    while delivered(state) - before < options.items and time.monotonic() - started < GIVE_UP_SECONDS:
        peak = max(peak, sum(memory for memory, _ in usage(pids).values()))
        written = written or (0.0 if writing.is_alive() else time.monotonic() - started)
        time.sleep(0.2)
    rows = count(run)
    seconds = time.monotonic() - started
    peak = max(peak, sum(memory for memory, _ in usage(pids).values()))

    print(f"written    {options.items:,} items in {written or seconds:.1f} s")
    print(f"queryable  {rows:,} changes in {seconds:.1f} s: {rows / seconds:,.0f} changes/s")
    print(f"memory     {peak:,} MiB at most, all processes of the sandbox")
    for name, (memory, spent) in usage(pids).items():
        print(f"  {name:<10} {memory:,} MiB, {spent:.0f} s of processor time")
    print(f"load       {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return int(rows < options.items or rows / seconds < options.at_least or peak >= options.at_most)


if __name__ == "__main__":
    sys.exit(main())
