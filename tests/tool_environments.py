"""Tools of the tests with an environment of their own, since their pins contradict the project's.

Each has a lock, `requirements/NAME.lock`. It is installed into `build/tools/NAME` when a test first needs it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.engines.downloads import insist, one_at_a_time

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "build" / "tools"
_SECONDS = 900


class ToolMissingError(RuntimeError):
    """A tool is missing; the message names it and the tests that are omitted without it."""


def lock_of(name: str) -> Path:
    """The pinned packages of a tool."""
    return ROOT / "requirements" / f"{name}.lock"


def tool(name: str, program_name: str = "") -> Path:
    """A program of `requirements/NAME.lock`, by default the one of that name.

    Raises `ToolMissingError` if it cannot be installed.
    """
    home = TOOLS / name
    program = home / "bin" / (program_name or name)
    with once(TOOLS / f"{name}.stamp", [lock_of(name)]) as stale:
        if stale or not program.exists():
            uv = [sys.executable, "-m", "uv"]  # pip takes 45 s for the same
            quietly([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], ROOT)
            pip = [*uv, "pip", "install", "--quiet", "--python", str(home)]
            quietly([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(lock_of(name))], ROOT)
    return program


@contextmanager
def once(stamp: Path, inputs: Sequence[Path]) -> Iterator[bool]:
    """Yield whether the work for `stamp` must be done. Two processes never do it at the same time."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    with one_at_a_time(stamp.with_suffix(".lock")):
        stale = not stamp.exists() or stamp.read_text() != digest
        yield stale
        if stale:
            stamp.write_text(digest)


def quietly(command: Sequence[str], folder: Path) -> None:
    """Run an installer. Raises `ToolMissingError` with the end of its output if it fails."""
    name = f"`{' '.join(command[:4])} …`"
    try:
        done = insist(command, timeout=_SECONDS, folder=folder)
    except subprocess.TimeoutExpired:
        raise ToolMissingError(f"{name} took more than {_SECONDS} s") from None
    if done.returncode != 0:
        raise ToolMissingError(f"{name} failed: {done.stdout.strip()[-800:]}")
