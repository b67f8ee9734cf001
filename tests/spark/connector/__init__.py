"""The EMR DynamoDB connector, downloaded once: an independent reader of what the job wrote.

It needs what Spark and `sandbox/spark` have already: the AWS SDK for Java, Gson, Joda-Time and Jackson.
"""

import hashlib
from pathlib import Path

from sandbox.engines import maven
from sandbox.engines.cache import cache_folder, filling
from sandbox.engines.checksums import verify
from sandbox.engines.errors import EngineMissingError

HERE = Path(__file__).parent
CHECKSUMS = HERE / "jars.sha256"
_NAME = "the EMR DynamoDB connector"


def _home() -> Path:
    pinned = hashlib.sha256(CHECKSUMS.read_bytes()).hexdigest()[:12]
    return cache_folder(f"emr-dynamodb-{pinned}")


def require() -> list[Path]:
    """The jars in the cache. Raises `EngineMissingError` if there are none."""
    home = _home()
    if not (home / ".ready").exists():
        raise EngineMissingError(f"{_NAME} is not in {home}. Next: python -m tests.spark installs it")
    return sorted((home / "jars").glob("*.jar"))


def prepare() -> list[Path]:
    """The jars, downloaded if needed. Raises `EngineMissingError`, `AssemblyError`."""
    home = _home()
    with filling(home):
        if not (home / ".ready").exists():
            home.mkdir(exist_ok=True)
            maven.download(_NAME, HERE / "pom.xml", home, home.with_name(f".{home.name}.maven"))
            verify(home / "jars", CHECKSUMS)
            (home / ".ready").touch()
    return require()
