"""Who was refused what: a line of JSON a refusal, in the state folder.

On AWS one finds it in CloudTrail. What a stack's own role is refused is a permission that its template lacks,
even where the next attempt, or another way, brings the same result.
"""

import json
import os
from pathlib import Path
from typing import Any

from sandbox.emulator.key_use import ENFORCE

SEAMS = (ENFORCE,)
FILE = "refusals.jsonl"


def refusals(folder: Path) -> list[dict[str, str]]:
    """What the sandbox of this state folder has refused: `principal`, `action`, `resource`, in order."""
    path = folder / FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def install() -> None:
    """Write down each refusal, after everything else has judged."""
    enforce = ENFORCE.check()
    path = Path(os.environ["SANDBOX_STATE"]) / FILE

    def enforce_and_write_down(
        access_key: str, action: str, service: str, *where: str, **request: Any
    ) -> Any:
        denied = enforce(access_key, action, service, *where, **request)
        if denied is not None:
            from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads it

            resource = where[1] if len(where) > 1 else request.get("resource_arn", "*")
            line = {"principal": iam_evaluator.caller_arn(), "action": action, "resource": resource}
            with path.open("a") as file:  # one write a line, whichever thread
                file.write(json.dumps(line) + "\n")
        return denied

    ENFORCE.replace(enforce_and_write_down)
