"""Downloads the jars of a POM from Maven Central.

Maven checks every download against the repository's checksum (`--strict-checksums`). The caller then checks
every file against a pinned list (`checksums.py`).
"""

import shutil
import subprocess
from pathlib import Path

from sandbox.engines.downloads import insist
from sandbox.engines.errors import EngineMissingError

_SECONDS = 1_800


def require_maven(what: str) -> None:
    """Raises `EngineMissingError` if Maven is not installed, which is needed to download `what`."""
    if not shutil.which("mvn"):
        raise EngineMissingError(f"{what} is not downloaded, and Maven is not installed. Next: install maven")


def download(what: str, pom: Path, folder: Path, repository: Path) -> None:
    """Run the POM's phase `package`, which writes into `${assembly.directory}`, here `folder`.

    `repository` stores the downloads until all are complete: a broken download continues where it stopped.
    Raises `EngineMissingError`.
    """
    require_maven(what)
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--strict-checksums"]
    command += ["--file", str(pom), f"-Dassembly.directory={folder}"]
    command += [f"-Dmaven.repo.local={repository}", "package"]
    try:
        done = insist(command, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise EngineMissingError(
            f"downloading {what} took more than {_SECONDS} s. Next: run it again; it continues"
        ) from None
    if done.returncode:
        errors = [line.split("[ERROR]")[-1].strip() for line in done.stdout.splitlines() if "[ERROR]" in line]
        reason = next(
            (line for line in errors if "Could not" in line), errors[0] if errors else "no reason given"
        )
        raise EngineMissingError(f"Maven could not download {what}: {reason[:300]}. Next: check the network")
    shutil.rmtree(folder / "build", ignore_errors=True)
    shutil.rmtree(repository)
