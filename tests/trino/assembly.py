"""Assemble a Trino server from Maven Central, once, in a cache outside the repository.

`python -m tests.trino` calls `prepare()`; the tests call `require()` and download nothing.
Every file is checked against `server.sha256`.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.engines import maven
from sandbox.engines.cache import cache_folder, filling
from sandbox.engines.checksums import verify
from sandbox.engines.errors import EngineMissingError
from sandbox.engines.java import find_java, require_compiler

VERSION = "435"
JAVA_VERSION = 17  # Trino 435, "Deploying Trino": Java 17.0.3 or newer
HERE = Path(__file__).parent
CHECKSUMS = HERE / "server.sha256"
_NEXT = f"Next: install a JDK {JAVA_VERSION} or newer (openjdk-{JAVA_VERSION}-jdk), or set JAVA_HOME"


@dataclass(frozen=True)
class Server:
    """An assembled server: its folder (`lib/`, `plugin/hive/`) and the Java program that runs it."""

    home: Path
    java: str


def home_folder() -> Path:
    return cache_folder(f"trino-{VERSION}")


def _java() -> str:
    """A sufficiently new Java development kit. Raises `EngineMissingError`."""
    java = find_java(lambda version: version >= JAVA_VERSION, _NEXT)
    require_compiler(java, _NEXT)
    return java


def require() -> Server:
    """The server in the cache. Raises `EngineMissingError` if there is none."""
    if not home_folder().is_dir():
        raise EngineMissingError(f"Trino is not in {home_folder()}. Next: python -m tests.trino downloads it")
    return Server(home_folder(), _java())


def prepare() -> Server:
    """The server in the cache, downloaded if needed. Raises `EngineMissingError`, `AssemblyError`."""
    java, home = _java(), home_folder()
    with filling(home):
        if not home.is_dir():
            staging = _download(home)
            verify(staging, CHECKSUMS)
            staging.replace(home)
    return Server(home, java)


def _download(home: Path) -> Path:
    """Download the server into a folder beside `home`."""
    name = f"Trino {VERSION}"
    maven.require_maven(name)
    staging = home.with_name(f".{home.name}.staging")
    shutil.rmtree(staging, ignore_errors=True)
    print(f"downloading {name} (260 MB, once) into {home}", file=sys.stderr, flush=True)
    maven.download(name, HERE / "pom.xml", staging, home.with_name(f".{home.name}.maven"))
    (staging / "plugin" / f"trino-hive-{VERSION}").replace(staging / "plugin" / "hive")
    return staging
