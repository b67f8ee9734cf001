"""Put a Trino server together from Maven Central, once, in a cache outside the tree.

`python -m tests.trino` calls `prepare()`; the tests call `require()` and download nothing.
The result is checked twice: Maven checks every download against the repository's checksum (`-C`), and every
file is then checked against `server.sha256`, so that nobody runs a server that this project has not run.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.downloads import insist

VERSION = "435"
JAVA_VERSION = 17  # Trino 435, "Deploying Trino": Java 17.0.3 or newer
HERE = Path(__file__).parent
CHECKSUMS = HERE / "server.sha256"
_DOWNLOAD_SECONDS = 1_800


class LeftOutError(Exception):
    """This machine cannot have the engine: the message is one line with the reason and the next step."""


class AssemblyError(Exception):
    """What was downloaded is not the server these tests were written against."""


@dataclass(frozen=True)
class Server:
    """An assembled server: its folder (`lib/`, `plugin/hive/`) and the Java program that runs it."""

    home: Path
    java: str


def cache_folder() -> Path:
    """Where the server is kept: `$XDG_CACHE_HOME/ddb-lake/trino-435`, by default below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ddb-lake" / f"trino-{VERSION}"


def find_java() -> str:
    """A Java development kit new enough. Raises `LeftOutError`."""
    next_step = f"Next: install a JDK {JAVA_VERSION} or newer (openjdk-{JAVA_VERSION}-jdk), or set JAVA_HOME"
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if not java:
        raise LeftOutError(f"there is no Java {'in JAVA_HOME' if home else 'on the PATH'}. {next_step}")
    asked = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', asked.stderr)
    if asked.returncode or not version or int(version.group(1)) < JAVA_VERSION:
        found = version.group(1) if version else "unknown"
        raise LeftOutError(f"{java} is Java {found}. {next_step}")
    modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False).stdout
    if "jdk.compiler" not in modules:
        raise LeftOutError(f"{java} is a runtime without a compiler. {next_step}")
    return java


def require() -> Server:
    """The server already in the cache. Raises `LeftOutError`."""
    if not cache_folder().is_dir():
        raise LeftOutError(f"Trino is not in {cache_folder()}. Next: python -m tests.trino downloads it")
    return Server(cache_folder(), find_java())


def prepare() -> Server:
    """The server from the cache, downloaded first where needed. Raises `LeftOutError`, `AssemblyError`."""
    java, home = find_java(), cache_folder()
    with one_at_a_time(home):
        if not home.is_dir():
            staging = _download(home)
            differences = verify(staging)
            if differences:
                raise AssemblyError(
                    f"{len(differences)} files are not the pinned ones, first: {differences[0]}. They are "
                    f"in {staging}. Next: compare them with {CHECKSUMS.name}; remove the folder to try again"
                )
            staging.replace(home)
    return Server(home, java)


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Hold the cache while it is filled: two runs at once download once."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(home: Path) -> Path:
    """Run Maven into a folder beside `home`. A broken download goes on where it stopped."""
    if not shutil.which("mvn"):
        raise LeftOutError(f"Trino {VERSION} is not downloaded and there is no Maven. Next: install maven")
    staging = home.with_name(f".{home.name}.staging")
    repository = home.with_name(f".{home.name}.maven")
    shutil.rmtree(staging, ignore_errors=True)
    print(f"downloading Trino {VERSION} (260 MB, once) into {home}", file=sys.stderr, flush=True)
    command = [
        "mvn",
        "--batch-mode",
        "--quiet",
        "-Dstyle.color=never",
        "--strict-checksums",
        "--file",
        str(HERE / "pom.xml"),
    ]
    command += [f"-Dassembly.directory={staging}", f"-Dmaven.repo.local={repository}", "package"]
    try:
        done = insist(command, timeout=_DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        raise LeftOutError(
            f"downloading Trino took more than {_DOWNLOAD_SECONDS} s. Next: run it again, it goes on"
        ) from None
    if done.returncode:
        said = [line.split("[ERROR]")[-1].strip() for line in done.stdout.splitlines() if "[ERROR]" in line]
        reason = next((line for line in said if "Could not" in line), said[0] if said else "no reason given")
        raise LeftOutError(f"Maven could not download Trino: {reason[:300]}. Next: check the network")
    shutil.rmtree(staging / "build", ignore_errors=True)
    (staging / "plugin" / f"trino-hive-{VERSION}").replace(staging / "plugin" / "hive")
    shutil.rmtree(repository)
    return staging


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by path below the folder, in path order."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def verify(folder: Path) -> list[str]:
    """How the folder differs from the pinned list, one text per file; empty when it does not."""
    pinned = {}
    for line in CHECKSUMS.read_text().splitlines():
        digest, path = line.split("  ", 1)
        pinned[path] = digest
    found = checksums(folder)
    return [
        f"{path} is {'missing' if path not in found else 'new' if path not in pinned else 'changed'}"
        for path in sorted(pinned.keys() | found.keys())
        if pinned.get(path) != found.get(path)
    ]


if (
    __name__ == "__main__"
):  # python -m tests.trino.assembly FOLDER > tests/trino/server.sha256: pin a new server
    for name, value in checksums(Path(sys.argv[1])).items():
        print(f"{value}  {name}")
