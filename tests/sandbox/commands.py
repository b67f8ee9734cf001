"""The project's commands as a user of the sandbox runs them."""

import subprocess
import sys
from collections.abc import Mapping

from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY


def run_module(
    sandbox: Sandbox, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m ARGUMENTS` with the environment of `sandbox exec`, or another one."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        env=dict(sandbox.environment() if environment is None else environment),
        capture_output=True,
        text=True,
        check=False,
    )
