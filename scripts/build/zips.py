"""Zips whose bytes depend only on their entries: the same tree gives the same bytes.

Entries are sorted, have one time and two modes, and are not compressed. Compressed bytes depend on Python's
zlib, and a zip that differs between machines would look like a new version of the function.
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

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip


@dataclass(frozen=True)
class Package:
    """A built zip: size of the file, size unpacked (both in bytes), SHA-256 in hex."""

    name: str
    path: Path
    size: int
    unpacked: int
    sha256: str


def write_zip(path: Path, entries: Iterable[tuple[str, bytes]], shebang: bytes = b"") -> Package:
    """Write entries as a zip whose bytes depend only on them. The file is written completely or not at all.

    With a shebang line before the zip, the file is executable.
    """
    ordered = sorted(entries)
    names = [name for name, _ in ordered]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CommandError(f"two wheels contain {twice}", "Remove one of them from requirements/function.in.")
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
