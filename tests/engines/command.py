"""What `python -m tests.trino` and `python -m tests.spark` do: get the engines, then run the tests."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.downloads import in_ci
from tests.engines.errors import AssemblyError, LeftOutError


def run_suite(
    what: str, prepare: Sequence[Callable[[], object]], folder: Path, arguments: Sequence[str]
) -> int:
    """The exit code of pytest over the folder, or of the reason why it was not started.

    Where an engine cannot be had, one line says that `what` is left out and the code is 0; in CI it is 1.
    """
    try:
        for step in prepare:
            step()
    except LeftOutError as error:
        print(f"left out: {what}: {error}", file=sys.stderr)
        return int(in_ci())
    except AssemblyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", "pytest", str(folder), *arguments])
