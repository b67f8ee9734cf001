"""The commands `python -m tests.trino` and `python -m tests.spark`: install engines, then run the tests."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.engines.errors import AssemblyError, EngineMissingError
from tests.ci import in_ci


def run_suite(
    what: str, prepare: Sequence[Callable[[], object]], folder: Path, arguments: Sequence[str]
) -> int:
    """Run pytest on the folder, or on what the arguments name in it, and return its exit code.

    If an engine cannot be installed, one line states that `what` is left out. The code is 0, or 1 in CI.
    """
    try:
        for step in prepare:
            step()
    except EngineMissingError as error:
        print(f"left out: {what}: {error}", file=sys.stderr)
        return int(in_ci())
    except AssemblyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    named = any(Path(argument.split("::")[0]).resolve().is_relative_to(folder) for argument in arguments)
    return subprocess.call([sys.executable, "-m", "pytest", *([] if named else [str(folder)]), *arguments])
