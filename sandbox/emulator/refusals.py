"""The denied calls of a sandbox: one line of JSON per call, in the state folder.

On AWS CloudTrail has them. A denied call of a stack's own role means that its template lacks a permission,
even when the next attempt, or another call, has the same result.
"""

import json
import os
from pathlib import Path
from typing import Any

from sandbox.emulator.key_use import ENFORCE

SEAMS = (ENFORCE,)
FILE = "refusals.jsonl"


def refusals(folder: Path) -> list[dict[str, str]]:
    """The denied calls of this state folder's sandbox: `principal`, `action`, `resource`, in order."""
    path = folder / FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_down(action: str, resource: str) -> None:
    """Record that the current caller was denied this action."""
    from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads it

    line = {"principal": iam_evaluator.caller_arn(), "action": action, "resource": resource}
    with (Path(os.environ["SANDBOX_STATE"]) / FILE).open("a") as file:  # one write per line, from any thread
        file.write(json.dumps(line) + "\n")


def install() -> None:
    """Record each denial, after all other checks."""
    enforce = ENFORCE.check()

    def enforce_and_write_down(
        access_key: str, action: str, service: str, *where: str, **request: Any
    ) -> Any:
        denied = enforce(access_key, action, service, *where, **request)
        if denied is not None:
            write_down(action, where[1] if len(where) > 1 else request.get("resource_arn", "*"))
        return denied

    ENFORCE.replace(enforce_and_write_down)
