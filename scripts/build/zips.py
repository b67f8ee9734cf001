"""Zips whose bytes depend on their entries alone: same tree, same bytes.

Entries are sorted, carry one time and two modes, and are stored, not deflated: deflate's bytes depend on
the zlib a Python was built with, and a zip that differs by machine would look like a new function version.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.core.console import CommandError

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can carry


@dataclass(frozen=True)
class Package:
    """A built zip: bytes of the file, bytes unpacked, SHA-256 in hex."""

    name: str
    path: Path
    size: int
    unpacked: int
    sha256: str


def write_zip(path: Path, entries: Iterable[tuple[str, bytes]], shebang: bytes = b"") -> Package:
    """Write entries as a zip whose bytes depend on nothing but them; the file appears whole or not at all.

    With a shebang line before the zip, the file is executable.
    """
    ordered = sorted(entries)
    names = [name for name, _ in ordered]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CommandError(
            f"two wheels both hold {twice}", "Take one of them out of requirements/function.in."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(shebang)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, content in ordered:
                    info = zipfile.ZipInfo(name, EPOCH)
                    info.create_system = 3  # Unix, wherever this runs
                    info.external_attr = (0o100755 if name.endswith(".so") else 0o100644) << 16
                    archive.writestr(info, content)
        Path(fresh).chmod(0o755 if shebang else 0o644)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
    content = path.read_bytes()
    unpacked = sum(len(content) for _, content in ordered)
    return Package(path.name, path, len(content), unpacked, hashlib.sha256(content).hexdigest())
