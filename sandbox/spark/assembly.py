"""The Spark of AWS Glue 5.1, installed once in a cache outside the repository.

`python -m sandbox.spark` and `python -m tests.spark` call `prepare()`; the sandbox's jobs and the tests call
`require()` and install nothing. pip installs requirements/spark.lock into a virtual environment of Python
3.11 and checks every file's hash. Maven downloads the S3 connector and Iceberg, and every file is checked
against `jars.sha256`.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lake.terminal import tell
from sandbox.engines import maven
from sandbox.engines.cache import cache_folder, filling
from sandbox.engines.checksums import verify
from sandbox.engines.downloads import insist
from sandbox.engines.errors import EngineMissingError
from sandbox.engines.java import find_java as java_of_machine

# AWS Glue 5.1: Spark 3.5.6, Python 3.11, Java 17 (Glue developer guide, "AWS Glue versions").
VERSION = "3.5.6"
PYTHON = (3, 11)
JAVA_VERSION = 17  # Spark 3.5 runs on 8, 11 and 17
HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
LOCK = REPOSITORY / "requirements" / "spark.lock"
CHECKSUMS = HERE / "jars.sha256"
_BUILDS_FIRST = "setuptools"  # pyspark needs it to build; with hashes, pip cannot create its own environment
_JARS = "the S3 connector"
_SECONDS = 1_800


@dataclass(frozen=True)
class Spark:
    """An installed Spark: its folder, and the folder of a Java 17."""

    home: Path
    java_home: Path

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.home / "env" / "bin" / "python"

    @property
    def jars(self) -> Path:
        """The folder of the S3 connector and of Iceberg."""
        return self.home / "jars"

    def class_path(self, *, iceberg: bool = False) -> str:
        """The S3 connector, and Iceberg if wanted, as a class path."""
        found = sorted(self.jars.glob("*.jar"))
        return os.pathsep.join(str(jar) for jar in found if iceberg or not jar.name.startswith("iceberg-"))


def home_folder() -> Path:
    """The folder of the installation. Another lock file has another folder."""
    pinned = hashlib.sha256(LOCK.read_bytes() + CHECKSUMS.read_bytes()).hexdigest()[:12]
    return cache_folder(f"spark-{VERSION}-{pinned}")


def find_java() -> Path:
    """The folder of a Java 17. Raises `EngineMissingError`."""
    next_step = f"Next: install openjdk-{JAVA_VERSION}-jre-headless, or set JAVA_HOME to one"
    java = java_of_machine(lambda version: version == JAVA_VERSION, next_step)
    return Path(java).resolve().parent.parent


def find_python() -> str:
    """A Python of the version that Glue runs. Raises `EngineMissingError`."""
    wanted = f"python{PYTHON[0]}.{PYTHON[1]}"
    python = sys.executable if sys.version_info[:2] == PYTHON else shutil.which(wanted)
    if not python:
        raise EngineMissingError(f"there is no {wanted}, which AWS Glue 5.1 runs. Next: install it")
    return python


def require() -> Spark:
    """The installation in the cache. Raises `EngineMissingError` if there is none."""
    java_home, home = find_java(), home_folder()
    if not (home / ".ready").exists():
        raise EngineMissingError(f"Spark is not in {home}. Next: python -m sandbox.spark installs it")
    return Spark(home, java_home)


def prepare() -> Spark:
    """The installation, created if needed. Raises `EngineMissingError`, `AssemblyError`."""
    java_home, home = find_java(), home_folder()
    with filling(home):
        if not (home / ".ready").exists():
            maven.require_maven(_JARS)
            python = find_python()
            tell(f"installing Spark {VERSION} (440 MB, once) into {home}")
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            _jars(home)
            _environment(home, python)
            (home / ".ready").touch()
    return Spark(home, java_home)


def _environment(home: Path, python: str) -> None:
    """Create the virtual environment: first the build tool of pyspark, then the rest, all checked by hash."""
    _run([python, "-m", "venv", str(home / "env")], "make a virtual environment")
    pip = [str(home / "env" / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--require-hashes", "--no-build-isolation"]
    stanzas = re.split(r"^(?=[a-z0-9])", LOCK.read_text(), flags=re.MULTILINE)
    first = home / "first.lock"
    first.write_text("".join(stanza for stanza in stanzas if stanza.startswith(_BUILDS_FIRST)))
    _run([*pip, "--only-binary", ":all:", "--requirement", str(first)], f"install {_BUILDS_FIRST}")
    only = ["--only-binary", ":all:", "--no-binary", "pyspark"]
    _run([*pip, *only, "--requirement", str(LOCK)], "install requirements/spark.lock")


def _jars(home: Path) -> None:
    maven.download(_JARS, HERE / "pom.xml", home, home.with_name(f".{home.name}.maven"))
    verify(home / "jars", CHECKSUMS)


def _run(command: list[str], action: str) -> None:
    try:
        done = insist(command, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise EngineMissingError(f"could not {action} within {_SECONDS} s. Next: run it again") from None
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line or "Could not" in line]
        reason = (errors or done.stdout.splitlines() or ["no reason given"])[0]
        raise EngineMissingError(f"could not {action}: {reason[:300]}. Next: check the network")
