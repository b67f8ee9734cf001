"""Other environments than that of the tests, created as a user creates them."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def deploy_environment() -> Path:
    """The Python of `make deploy-venv`. Two processes never create it at the same time."""
    with (ROOT / "Makefile").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "deploy-venv", f"PYTHON={sys.executable}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / ".venv-deploy" / "bin" / "python"


def bare_environment(folder: Path) -> Path:
    """The Python of a virtual environment without packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def older_pythons(*versions: str) -> list[str]:
    """The working Pythons of these versions on this machine: on PATH, or installed by pyenv."""
    pyenv = Path.home() / ".pyenv" / "versions"
    installed = [
        python
        for version in versions
        for python in (
            shutil.which(f"python{version}"),
            *map(str, sorted(pyenv.glob(f"{version}.*/bin/python{version}"))),
        )
        if python
    ]
    return [
        p
        for p in installed
        if subprocess.run([p, "-c", ""], capture_output=True, check=False).returncode == 0
    ]
