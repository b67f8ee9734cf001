"""The cache folder of an installed engine: outside the repository, filled once."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

from sandbox.engines.downloads import one_at_a_time


def cache_root() -> Path:
    """`$XDG_CACHE_HOME`, by default `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def cache_folder(name: str) -> Path:
    """`$XDG_CACHE_HOME/ddb-lake/NAME`, by default below `~/.cache`."""
    return cache_root() / "ddb-lake" / name


def filling(home: Path) -> AbstractContextManager[None]:
    """Lock an engine's folder while it is filled, so that two concurrent runs download once."""
    return one_at_a_time(home.with_name(f".{home.name}.lock"))
