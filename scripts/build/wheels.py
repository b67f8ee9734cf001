"""The wheels of requirements/function.lock for a function's interpreter, each checked against its hashes."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.build import zips
from scripts.core.console import CommandError, Output

LOCK = zips.ROOT / "requirements" / "function.lock"

DEFAULT_ARCHITECTURE = "arm64"
DEFAULT_PYTHON = "3.13"  # the runtime in the templates
# Lambda's architecture names and those of the wheels.
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# Lambda's Python 3.12 and later run on Amazon Linux 2023, glibc 2.34
# (docs.aws.amazon.com/lambda/latest/dg/lambda-python.html, "Runtimes").
GLIBC_TAGS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")

# Files of a wheel that the function never reads.
LEFT_OUT = re.compile(r"(?s).*(\.pyi|/py\.typed|\.dist-info/(RECORD|INSTALLER|entry_points\.txt|sboms/.*))")


@dataclass(frozen=True)
class Target:
    """The interpreter of a zip: `architecture` is arm64, x86_64 or host; `python` is like 3.13."""

    architecture: str
    python: str

    @property
    def zip_name(self) -> str:
        """The transform zip's file name."""
        return f"transform-{self.python}-{self.architecture}.zip"


def host_architecture() -> str:
    """This machine's architecture by Lambda's name."""
    machine = platform.machine().lower()
    names = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}
    if machine not in names:
        raise CommandError(
            f"Lambda does not support this machine's architecture ({machine})",
            "Choose one: --arch arm64 or --arch x86_64.",
        )
    return names[machine]


def target(architecture: str, python: str | None = None) -> Target:
    """The target for the options; `host` is this machine's own Python and architecture."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if architecture == "host":
        if python not in (None, running):
            raise CommandError(
                f"--arch host builds for the running Python, {running}, not {python}",
                f"Leave --python out, or run the command with python{python}.",
            )
        return Target("host", running)
    if python is not None and not re.fullmatch(r"3\.\d{1,2}", python):
        raise CommandError(
            f"{python} is not a Python version", "Give a Lambda runtime's, like --python 3.13."
        )
    return Target(architecture, python or DEFAULT_PYTHON)


def wheel_entries(wheels: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """The files of the wheels, without those that the function never reads."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                if not info.is_dir() and not LEFT_OUT.fullmatch(info.filename):
                    yield info.filename, archive.read(info)


def _locked_hashes() -> set[str]:
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK.read_text()))


def _is_whole(folder: Path, hashes: set[str]) -> bool:
    wheels = list(folder.glob("*.whl"))
    return bool(wheels) and all(hashlib.sha256(wheel.read_bytes()).hexdigest() in hashes for wheel in wheels)


def fetch_wheels(wanted: Target, out: Output) -> list[Path]:
    """The wheels of requirements/function.lock for a target, each checked against the lock's hashes.

    They are kept under build/wheels/ by target and lock, so that a second build needs no network.
    """
    lock = LOCK.read_bytes()
    system = f"-{sys.platform}-{platform.machine()}" if wanted.architecture == "host" else ""
    folder = (
        zips.BUILD
        / "wheels"
        / f"{wanted.python}-{wanted.architecture}{system}-{hashlib.sha256(lock).hexdigest()[:12]}"
    )
    if not _is_whole(folder, _locked_hashes()):
        out.say(f"downloading wheels for Python {wanted.python}, {wanted.architecture}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fresh = Path(scratch) / "fresh"
            fresh.mkdir()
            _download(wanted, fresh)
            if not _is_whole(fresh, _locked_hashes()):
                raise CommandError(
                    "pip downloaded other wheels than those of requirements/function.lock",
                    "Run the command again. If the error stays, check pip's index (`pip config list`).",
                )
            _put_in_place(fresh, folder, Path(scratch) / "broken")
    return sorted(folder.glob("*.whl"))


def _put_in_place(fresh: Path, folder: Path, broken: Path) -> None:
    """Keep the fresh wheels, unless another build was faster; its wheels have the same hashes."""
    hashes = _locked_hashes()
    if folder.exists() and not _is_whole(folder, hashes):
        folder.rename(broken)
    try:
        fresh.rename(folder)
    except OSError:
        if not _is_whole(folder, hashes):
            raise


def _download(wanted: Target, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--dest",
        str(folder),
        "--requirement",
        str(LOCK),
    ]
    if wanted.architecture != "host":
        machine = MACHINES[wanted.architecture]
        command += ["--implementation", "cp", "--python-version", wanted.python]
        command += ["--abi", "cp" + wanted.python.replace(".", "")]
        for tag in GLIBC_TAGS:
            command += ["--platform", f"{tag}_{machine}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = [
            line for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()
        raise CommandError(
            f"pip could not download requirements/function.lock for Python {wanted.python} on "
            f"{wanted.architecture}: {' '.join(reasons[-2:])}",
            "Check the network and pip's index. If the lock has no wheels for this Python, choose another "
            "--python.",
        )
