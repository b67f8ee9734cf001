"""The job's process in the Spark environment: one request per line on stdin, one answer per line on stdout.

`{"arguments": […], "fault": {"at": "backfill.storage:Storage.put", "when": "before", "call": 1}}` runs
the deployed script once, with one Spark session for all runs. A fault ends the run as if the process had
been killed there: the job cannot catch it. The answer has `error` or `died` if the run failed, and `log`,
the lines that the job logged.
"""

import importlib
import io
import json
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any


class Death(BaseException):
    """The process was killed: `except Exception` does not catch it."""


@contextmanager
def fault(wanted: dict[str, Any] | None) -> Iterator[None]:
    """End the run before or after the named call of one of the job's methods."""
    if not wanted:
        yield
        return
    module, _, path = wanted["at"].partition(":")
    owner, name = path.split(".")
    kind = getattr(importlib.import_module(module), owner)
    original, calls = getattr(kind, name), 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        due = calls == wanted.get("call", 1)
        if due and wanted["when"] == "before":
            raise Death(wanted["at"])
        answer = original(*arguments, **named)
        if due:
            raise Death(wanted["at"])
        return answer

    setattr(kind, name, dying)
    try:
        yield
    finally:
        setattr(kind, name, original)


def answer(script: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run the script once."""
    log = io.StringIO()
    sys.argv = [script, *request["arguments"]]
    result: dict[str, Any] = {}
    with redirect_stderr(log), fault(request.get("fault")):
        try:
            runpy.run_path(script, run_name="__main__")
        except Death as death:
            result["died"] = str(death)
        except Exception as error:  # noqa: BLE001  the test checks it
            result["error"] = f"{type(error).__name__}: {error}"
    return result | {"log": log.getvalue()}


def main(script: str) -> None:
    """Answer requests until stdin ends. Spark's own output goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path[0] = str(Path(script).parent)  # as for a program, not the folder of this file
    for line in sys.stdin:
        answers.write(json.dumps(answer(script, json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
