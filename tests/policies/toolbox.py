"""The tools that judge the policies. They are not part of the product; each has its own environment.

``python -m tests.policies.toolbox`` installs missing tools:

* the policy simulator: ``npm ci`` from ``simulator/package-lock.json`` into ``simulator/node_modules``;
* checkov: from ``requirements/checkov.lock`` into ``build/tools/checkov``, since its pins contradict the
  project's.

Without Node 20 or newer, one line lists the omitted tests and the exit code is 0. If ``CI`` is set, the exit
code is 1, so that no build passes without the proof.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engines.downloads import insist, one_at_a_time
from tests.ci import in_ci

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SIMULATOR = Path(__file__).resolve().parent / "simulator"
CHECKOV_HOME = ROOT / "build" / "tools" / "checkov"
CHECKOV_LOCK = ROOT / "requirements" / "checkov.lock"
OLDEST_NODE = 20
_SECONDS = 900


class ToolMissingError(RuntimeError):
    """A tool is missing; the message names it and the tests that are omitted without it."""


@lru_cache(maxsize=1)
def node() -> str:
    """The path of a Node that is new enough."""
    left_out = "the access ledger, its mutants, the second opinion and the agreement in motion are left out"
    path = shutil.which("node")
    if path is None or shutil.which("npm") is None:
        raise ToolMissingError(f"Node {OLDEST_NODE} or newer with npm is not installed: {left_out}")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    match = re.match(r"v(\d+)\.", version)
    if match is None or int(match[1]) < OLDEST_NODE:
        raise ToolMissingError(f"Node {OLDEST_NODE} or newer is needed, this is {version}: {left_out}")
    return path


@contextmanager
def _once(stamp: Path, inputs: list[Path]) -> Iterator[bool]:
    """Yield whether the work for ``stamp`` must be done. Two processes never do it at the same time."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    with one_at_a_time(stamp.with_suffix(".lock")):
        stale = not stamp.exists() or stamp.read_text() != digest
        yield stale
        if stale:
            stamp.write_text(digest)


def install_simulator() -> None:
    """``npm ci``, unless the locked packages are already installed."""
    node()
    lock = SIMULATOR / "package-lock.json"
    # Not inside node_modules, because npm ci empties it.
    with _once(ROOT / "build" / "tools" / "simulator.stamp", [lock]) as stale:
        if stale or not (SIMULATOR / "node_modules" / "@cloud-copilot").is_dir():  # npm was interrupted
            _quiet(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], SIMULATOR)


def install_checkov() -> Path:
    """checkov in its own virtual environment; returns its program."""
    program = CHECKOV_HOME / "bin" / "checkov"
    with _once(ROOT / "build" / "tools" / "checkov.stamp", [CHECKOV_LOCK]) as stale:
        if stale or not program.exists():
            uv = [sys.executable, "-m", "uv"]  # pip takes 45 s for the same
            _quiet([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(CHECKOV_HOME)], ROOT)
            pip = [*uv, "pip", "install", "--quiet", "--python", str(CHECKOV_HOME)]
            _quiet([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(CHECKOV_LOCK)], ROOT)
    return program


def _quiet(command: list[str], folder: Path) -> None:
    name = f"`{' '.join(command[:4])} …`"
    try:
        done = insist(command, timeout=_SECONDS, folder=folder)
    except subprocess.TimeoutExpired:
        raise ToolMissingError(f"{name} took more than {_SECONDS} s") from None
    if done.returncode != 0:
        raise ToolMissingError(f"{name} failed: {done.stdout.strip()[-800:]}")


def main() -> int:
    code = 0
    for install in (install_simulator, install_checkov):
        try:
            install()
        except ToolMissingError as missing:
            print(f"test-policies: {missing}", file=sys.stderr)
            code = 1 if in_ci() else code
    return code


if __name__ == "__main__":
    sys.exit(main())
