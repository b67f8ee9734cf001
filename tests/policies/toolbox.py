"""The tools that judge the policies. They are not part of the product; each has its own environment.

``python -m tests.policies.toolbox`` installs missing tools:

* the policy simulator: ``npm ci`` from ``simulator/package-lock.json`` into ``simulator/node_modules``;
* checkov: from ``requirements/checkov.lock`` into ``build/tools/checkov``, since its pins contradict the
  project's.

Without Node 20 or newer, one line lists the omitted tests and the exit code is 0. If ``CI`` is set, the exit
code is 1, so that no build passes without the proof.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from tests.ci import in_ci
from tests.tool_environments import TOOLS, ToolMissingError, once, quietly, tool

__all__ = ["SIMULATOR", "ToolMissingError", "install_checkov", "install_simulator", "main", "node"]

SIMULATOR = Path(__file__).resolve().parent / "simulator"
OLDEST_NODE = 20


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


def install_simulator() -> None:
    """``npm ci``, unless the locked packages are already installed."""
    node()
    lock = SIMULATOR / "package-lock.json"
    # Not inside node_modules, because npm ci empties it.
    with once(TOOLS / "simulator.stamp", [lock]) as stale:
        if stale or not (SIMULATOR / "node_modules" / "@cloud-copilot").is_dir():  # npm was interrupted
            quietly(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], SIMULATOR)


def install_checkov() -> Path:
    """checkov in its own virtual environment; returns its program."""
    return tool("checkov")


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
