"""The job's process in the Spark environment: one request per line on stdin, one answer per line on stdout.

`{"arguments": […], "fault": {"at": "backfill.storage:Storage.put", "when": "before", "call": 1}}` runs
the deployed script once, with one Spark session for all runs. The answer has `error` or `died` if the run
failed, and `log`, the lines that the job logged. A fault happens before or after the named call of one of the
job's methods:

- without `then`, or with `"then": "die"`, the run ends as if the process had been killed there: the job
  cannot catch it
- `"then": "kill"` kills the process and everything that it started, `seconds` later
- `"then": "put"` writes the object `key` with the text `text` into `bucket`
- `"then": "fail"` raises an exception with the text `error`
- `"then": "run"` runs the job once more, with `arguments` and perhaps a `fault` of its own, and goes on. With
  `folder`, it first creates the file `reached` there and waits for the file `go`

`and` is a further fault of the same run.

`{"parallel": 2, "arguments": […]}` runs the settle job that often at the same time. `{"sql": "…"}` answers
the `columns` and `rows` of a statement. It sees the tables `views` (`{name: {"columns": {name: type}, "rows":
[…]}}`), those of earlier requests, and the views `steps`: `{name: statement}`.
"""

import importlib
import io
import json
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import cache
from pathlib import Path
from typing import Any

_WAIT_SECONDS = 120


class Death(BaseException):
    """The process was killed: `except Exception` does not catch it."""


class Runs:
    """How many runs are going on around the current one."""

    depth = 0


@contextmanager
def fault(script: str, wanted: dict[str, Any] | None) -> Iterator[None]:
    """Let something happen before or after the named call of one of the job's methods."""
    if not wanted:
        yield
        return
    if wanted.get("and"):
        with fault(script, wanted["and"]), fault(script, {**wanted, "and": None}):
            yield
        return
    module, _, path = wanted["at"].partition(":")
    owner, name = path.split(".")
    kind = getattr(importlib.import_module(module), owner)
    original, calls, depth = getattr(kind, name), 0, Runs.depth

    def faulty(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        if Runs.depth != depth:  # a run inside this one
            return original(*arguments, **named)
        calls += 1
        due = calls == wanted.get("call", 1)
        if due and wanted["when"] == "before":
            happen(script, wanted)
        answer = original(*arguments, **named)
        if due and wanted["when"] == "after":
            happen(script, wanted)
        return answer

    setattr(kind, name, faulty)
    try:
        yield
    finally:
        setattr(kind, name, original)


def happen(script: str, wanted: dict[str, Any]) -> None:
    """What a fault does."""
    then = wanted.get("then", "die")
    if then == "die":
        raise Death(wanted["at"])
    if then == "fail":
        raise RuntimeError(wanted["error"])
    if then == "kill":
        if wanted.get("seconds"):
            threading.Timer(wanted["seconds"], kill).start()
        else:
            kill()
        return
    if then == "put":
        import boto3  # noqa: PLC0415  as somebody else's command, with the endpoint of the job

        body = wanted["text"].encode()
        boto3.client("s3").put_object(Bucket=wanted["bucket"], Key=wanted["key"], Body=body)
        return
    if wanted.get("folder"):
        folder = Path(wanted["folder"])
        (folder / "reached").touch()
        end = time.monotonic() + _WAIT_SECONDS
        while not (folder / "go").exists() and time.monotonic() < end:
            time.sleep(0.02)
    argv = sys.argv
    Runs.depth += 1
    try:
        with another_session():
            inner = answer(script, wanted)
    finally:
        Runs.depth -= 1
    sys.argv = argv
    sys.stderr.write(f"{inner['log']}{inner.get('error') or inner.get('died') or 'the other run ended'}\n")


def kill() -> None:
    """Kill this process, Java and the workers at once, as if the machine were switched off."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


@contextmanager
def another_session() -> Iterator[None]:
    """Give a run that begins now a session of its own: runs must not see each other's views."""
    job = importlib.import_module("settle.job")
    original: Callable[[str], Any] = job.open_session
    job.open_session = lambda location: original(location).newSession()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        job.open_session = original  # type: ignore[attr-defined]


def activate(session: Any) -> None:
    """Make a session that of this thread: Iceberg looks for the settings of catalogs there."""
    session._jvm.SparkSession.setActiveSession(session._jsparkSession)


def answer(script: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run the script once."""
    log = io.StringIO()
    sys.argv = [script, *request["arguments"]]
    result: dict[str, Any] = {}
    with redirect_stderr(log), fault(script, request.get("fault")):
        try:
            runpy.run_path(script, run_name="__main__")
        except Death as death:
            result["died"] = str(death)
        except Exception as error:  # noqa: BLE001  the test checks it
            result["error"] = f"{type(error).__name__}: {error}"
    return result | {"log": log.getvalue()}


def parallel(request: dict[str, Any]) -> dict[str, Any]:
    """Run the settle job several times at once."""
    log, errors = io.StringIO(), list[str]()
    job = importlib.import_module("settle.job")

    def run() -> None:
        try:
            activate(job.open_session("s3://none/"))
            job.main(request["arguments"])
        except Exception as error:  # noqa: BLE001  the test checks it
            errors.append(f"{type(error).__name__}: {error}")

    with redirect_stderr(log), another_session():
        threads = [threading.Thread(target=run) for _ in range(request["parallel"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {"errors": errors, "log": log.getvalue()}


@cache
def query_session() -> Any:
    """The session of statements."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  the script's tests load this file without it

    opened = SparkSession.getActiveSession()
    return (opened or importlib.import_module("settle.session").open_session("s3://none/")).newSession()


def query(request: dict[str, Any]) -> dict[str, Any]:
    """The answer of a statement, in a session that the job does not use."""
    session = query_session()
    for name, view in request.get("views", {}).items():
        schema = ", ".join(f"`{column}` {kind}" for column, kind in view["columns"].items())
        session.createDataFrame([tuple(row) for row in view["rows"]], schema).createOrReplaceTempView(name)
    frame = session.sql(request["sql"])
    return {"columns": frame.columns, "rows": [list(row) for row in frame.collect()]}


def answered(script: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer of any request."""
    if "sql" in request:
        try:
            return query(request)
        except Exception as error:  # noqa: BLE001  the test checks it
            return {"error": f"{type(error).__name__}: {error}", "log": ""}
    return parallel(request) if "parallel" in request else answer(script, request)


def main(script: str) -> None:
    """Answer requests until stdin ends. Spark's own output goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path[0] = str(Path(script).parent)  # as for a program, not the folder of this file
    for line in sys.stdin:
        answers.write(json.dumps(answered(script, json.loads(line)), default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
