"""`python -m sandbox check`: wait until all writes are delivered, then compare lake and table by key.

The lake is read as a user reads it, through the Athena API of the account that owns it. The newest change of
a key decides (by time, then by the chain of digests, then by sequence). It must have the digest and the
columns of the item in the table; a deleted item's newest change is a REMOVE. Stop writing first.

Exit codes: 0 lake and table agree, 1 they differ (the keys are listed), 2 the comparison failed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from lake.comparison import Comparison, compare
from lake.reading import Lake, LakeError
from lake.terminal import answer, json_text, tell, visible
from lake.waiting import WaitReport
from sandbox.delivery import status
from sandbox.errors import SandboxError
from sandbox.lakes import find_lakes
from sandbox.running import RunningSandbox, state_folder
from sandbox.source_tables import SourceTable, find_tables
from transform_lambda.configuration import row_settings
from transform_lambda.flatten import DEFAULT_SETTINGS, RowSettings

AGREE, DIFFER, IMPOSSIBLE = 0, 1, 2
_POLL_SECONDS = 0.2
_SILENT_START = 2.0  # seconds before the first line about a wait
_LISTED_KEYS = 20
_SILENT_SECONDS = 30.0  # delivery writes its status several times a second


class CheckError(SandboxError):
    """The comparison is not possible; the message says what to do."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox check",
        description="Wait until all writes are delivered, then compare lake and table key by key.",
    )
    parser.add_argument(
        "--table",
        default=os.environ.get("TABLE_NAME"),
        help="compare this table only (default: TABLE_NAME, or all tables)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=300.0,
        metavar="S",
        help="wait this many seconds for delivery (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        choices=["text", "json"],
        default="text",
        help="format of the result (default: %(default)s)",
    )
    return parser


def waiting_for(written: dict[str, Any] | None, since: float) -> str | None:
    """The work that delivery has left for writes before `since`, or None when all are delivered."""
    if written is None or written["discovered_at"] < since:
        if written and time.time() - written["written_at"] > _SILENT_SECONDS:
            raise CheckError("delivery has ended: delivery.log in the state folder has the reason")
        return "delivery is discovering delivery streams"
    if written["refused"]:
        reasons = "; ".join(stream["reason"] for stream in written["refused"])
        raise CheckError(f"a delivery stream cannot be emulated: {reasons}")
    for stream in written["streams"]:
        if stream["shards_listed_at"] < since:
            return _with_error(f"{stream['name']} is listing its shards", stream)
        late = [shard for shard in stream["shards"].values() if not _complete(shard, since)]
        if late:
            return _with_error(
                f"{stream['name']}: {stream['read']:,} records read, {stream['delivered']:,} delivered, "
                f"{stream['failed']:,} failed, {stream['buffered']:,} buffered",
                stream,
            )
    return None


def _complete(shard: dict[str, Any], since: float) -> bool:
    return bool(shard["complete"] or shard["complete_through"] >= since)


def _with_error(text: str, stream: dict[str, Any]) -> str:
    error = stream["last_error"]
    if error and time.time() - error["at"] < 60:
        text += f"; last error {error['code']}: {error['message']}"
    return text


def wait_until_delivered(
    read: Callable[[], dict[str, Any] | None], since: float, deadline: float, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Wait until all writes before `since` (epoch seconds) are delivered; return the last status.

    `deadline` is in seconds of time.monotonic. Raises CheckError when it passes.
    """
    while True:
        written = read()
        waiting = waiting_for(written, since)
        if waiting is None and written is not None:
            return written
        if time.monotonic() > deadline:
            raise CheckError(
                f"not all writes were delivered in time ({waiting}). Wait longer with --timeout S, or "
                "correct the cause of the last error; delivery.log in the state folder has the details"
            )
        progress(str(waiting))
        time.sleep(_POLL_SECONDS)


def _sources(
    sandbox: RunningSandbox, written: dict[str, Any], only: str | None
) -> list[tuple[SourceTable, Lake, RowSettings]]:
    """The tables to check, each with its lake and the settings of its rows."""
    found = find_tables(sandbox, {stream["source"] for stream in written["streams"]})
    if only:
        found = [table for table in found if table.name == only]
    if not found:
        subject = f"the table {only} has no" if only else "no table has a"
        raise CheckError(
            f"{subject} Kinesis stream that is delivered into a lake: launch the producer stack, or "
            "enable the stream of your own table (output EnableStreamingCommand)"
        )
    buckets = {stream["source"]: stream["bucket"] for stream in written["streams"]}
    functions = {stream["source"]: stream["function"] for stream in written["streams"]}
    lakes = find_lakes(sandbox, set(buckets.values()))
    pairs = []
    for table in found:
        lake = lakes.get(buckets[table.stream_arn])
        if lake is None:
            raise CheckError(
                f"no Glue table reads the bucket {buckets[table.stream_arn]}: launch the consumer stack"
            )
        pairs.append((table, lake, _row_settings(sandbox, functions[table.stream_arn])))
    return pairs


def _row_settings(sandbox: RunningSandbox, function_arn: str | None) -> RowSettings:
    """The settings of the deployed function's rows, read from its environment."""
    if function_arn is None:
        return DEFAULT_SETTINGS
    client = sandbox.client("lambda", sandbox.root(function_arn.split(":")[4]))
    function = client.get_function_configuration(FunctionName=function_arn)
    return row_settings((function.get("Environment") or {}).get("Variables") or {})


def check(sandbox: RunningSandbox, only: str | None, timeout: float) -> list[Comparison]:
    """Wait, then compare every table; compare again when changes arrived during the comparison."""
    deadline = time.monotonic() + timeout
    wait = WaitReport(tell, time.monotonic, first=_SILENT_START)

    def progress(text: str) -> None:
        wait.report(text, timeout)

    def read() -> dict[str, Any] | None:
        return status.read(sandbox.folder)

    while True:
        written = wait_until_delivered(read, time.time(), deadline, progress)
        results = []
        for table, lake, settings in _sources(sandbox, written, only):
            wait.report(f"comparing {table.name}")  # --timeout does not end this
            changes = lake.changes(table.name)
            results.append(compare(table.name, table.items(), changes, lake.item_columns(), settings))
        if all(result.agrees for result in results) or time.monotonic() > deadline:
            return results
        later = wait_until_delivered(read, time.time(), deadline, progress)
        if _read_so_far(later) == _read_so_far(written):
            return results


def _read_so_far(written: dict[str, Any]) -> int:
    return sum(stream["read"] for stream in written["streams"])


def _report_text(results: Sequence[Comparison], seconds: float) -> None:
    for result in results:
        answer(f"table {result.table}")
        for name, figure in result.figures().items():
            answer(f"  {name:<40} {figure:>10,}")
        for difference in result.differences[:_LISTED_KEYS]:
            answer(f"  differs: {visible(difference.key)}  {visible(difference.what)}")
        if len(result.differences) > _LISTED_KEYS:
            answer(f"  … and {len(result.differences) - _LISTED_KEYS} more (--output json lists all of them)")
    agree = all(result.agrees for result in results)
    answer(f"lake and table {'agree' if agree else 'DIFFER'}, key by key ({seconds:.1f} s)")


def _report_json(results: Sequence[Comparison], seconds: float) -> None:
    document = {
        "agree": all(result.agrees for result in results),
        "seconds": round(seconds, 1),
        "tables": [
            {
                "table": result.table,
                "figures": result.figures(),
                "differences": [{"key": item.key, "what": item.what} for item in result.differences],
            }
            for result in results
        ],
    }
    answer(json_text(document))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        sandbox = RunningSandbox.read(state_folder())
        results = check(sandbox, options.table, options.timeout)
    except (SandboxError, LakeError) as error:
        tell(f"error: {error}")
        return IMPOSSIBLE
    seconds = time.monotonic() - started
    (_report_json if options.output == "json" else _report_text)(results, seconds)
    return AGREE if all(result.agrees for result in results) else DIFFER
