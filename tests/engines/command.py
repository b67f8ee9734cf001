"""The commands `python -m tests.trino` and `python -m tests.spark`: install engines, then run the tests."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.downloads import in_ci
from tests.engines.errors import AssemblyError, LeftOutError


def run_suite(
    what: str, prepare: Sequence[Callable[[], object]], folder: Path, arguments: Sequence[str]
) -> int:
    """Run pytest on the folder and return its exit code.

    If an engine cannot be installed, one line states that `what` is left out. The code is 0, or 1 in CI.
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
