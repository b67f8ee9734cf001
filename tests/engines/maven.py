"""Jars from Maven Central, as a POM names them.

Maven checks every download against the repository's checksum (`--strict-checksums`); the caller then checks
every file against a pinned list (`checksums.py`).
"""

import shutil
import subprocess
from pathlib import Path

from tests.downloads import insist
from tests.engines.errors import LeftOutError

_SECONDS = 1_800


def require_maven(what: str) -> None:
    """Raises `LeftOutError` where there is no Maven to download `what` with."""
    if not shutil.which("mvn"):
        raise LeftOutError(f"{what} is not downloaded and there is no Maven. Next: install maven")


def download(what: str, pom: Path, folder: Path, repository: Path) -> None:
    """Let Maven put into `folder` what the POM's phase `package` puts into `${assembly.directory}`.

    `repository` holds the downloads until all are there: a broken download goes on where it stopped.
    Raises `LeftOutError`.
    """
    require_maven(what)
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--strict-checksums"]
    command += ["--file", str(pom), f"-Dassembly.directory={folder}"]
    command += [f"-Dmaven.repo.local={repository}", "package"]
    try:
        done = insist(command, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise LeftOutError(
            f"downloading {what} took more than {_SECONDS} s. Next: run it again, it goes on"
        ) from None
    if done.returncode:
        said = [line.split("[ERROR]")[-1].strip() for line in done.stdout.splitlines() if "[ERROR]" in line]
        reason = next((line for line in said if "Could not" in line), said[0] if said else "no reason given")
        raise LeftOutError(f"Maven could not download {what}: {reason[:300]}. Next: check the network")
    shutil.rmtree(folder / "build", ignore_errors=True)
    shutil.rmtree(repository)
