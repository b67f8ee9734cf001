"""The commands for the lake: `python -m scripts.<verb>`, a thin layer over the AWS APIs."""

import sys
from types import TracebackType

from requirements.preflight import require


def _interrupted(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
    """Answer Ctrl-C while Python still loads a command: nothing has happened yet."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stderr.write("interrupted: nothing was started. Run the command again.\n")


if sys.argv[:1] == ["-m"]:  # `python -m scripts.VERB`, before the verb itself is loaded
    sys.excepthook = _interrupted

require(
    "scripts",
    ("amazon", "awswrangler", "boto3", "botocore", "orjson", "pybase64", "rich", "yaml"),
    "deploy-venv",
    free=("put_items",),
)
