"""Build the files that `deploy` uploads, and put_items.pyz: one function per file.

build/NAME.zip                       a function's package (the Lambda runtime has boto3)
build/transform-<python>-<arch>.zip  transform_lambda/ and the wheels of requirements/function.lock
build/compact_days.py, compaction.zip  the compaction job (Glue has pyspark and boto3)
build/put_items.pyz                  scripts/put_items/ as a single file for Python (a zipapp)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from scripts.build import zips
from scripts.build.wheels import Target, fetch_wheels, wheel_entries
from scripts.build.zips import Package, write_zip
from scripts.core.console import CommandError, Output

JOBS = zips.ROOT / "glue" / "jobs"
PUT_ITEMS = zips.ROOT / "scripts" / "put_items"

# docs.python.org/3/library/zipapp.html, "The Python Zip Application Archive Format"
SHEBANG = b"#!/usr/bin/env python3\n"
PUT_ITEMS_MAIN = b"""\
import sys

from put_items.command import run

sys.exit(run(sys.argv[1:], f"python3 {sys.argv[0]}"))
"""


class Builder(Protocol):
    """Builds one file for an interpreter, and writes it into the folder (None: build/)."""

    def __call__(self, target: Target, out: Output, folder: Path | None = None, /) -> Package:
        """The built file."""


def function(package: str) -> Builder:
    """The builder of a function that needs only its own package: `NAME_lambda` becomes NAME.zip."""

    def build(_: Target, __: Output, folder: Path | None = None) -> Package:
        return write_zip(
            (folder or zips.BUILD) / f"{package.removesuffix('_lambda')}.zip", _source_entries(package)
        )

    return build


build_catalog = function("catalog_lambda")


def build_transform(wanted: Target, out: Output, folder: Path | None = None) -> Package:
    """The transform function's zip for a target."""
    wheels = fetch_wheels(wanted, out)
    return write_zip(
        (folder or zips.BUILD) / wanted.zip_name,
        [*_source_entries("transform_lambda"), *wheel_entries(wheels)],
    )


def build_job_script(_: Target, __: Output, folder: Path | None = None) -> Package:
    """The compaction job's script, unchanged."""
    source = JOBS / "compact_days.py"
    content = source.read_bytes()
    script = (folder or zips.BUILD) / source.name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_bytes(content)
    return Package(script.name, script, len(content), len(content), hashlib.sha256(content).hexdigest())


def build_job_library(_: Target, __: Output, folder: Path | None = None) -> Package:
    """The package that the compaction job's script imports, as a zip."""
    name = "compaction"
    library = ((f"{name}/{path.name}", path.read_bytes()) for path in (JOBS / name).glob("*.py"))
    return write_zip((folder or zips.BUILD) / f"{name}.zip", library)


def build_put_items(_: Target, __: Output, folder: Path | None = None) -> Package:
    """The put_items command as one file: `python3 put_items.pyz` needs only boto3."""
    modules = (
        (f"put_items/{path.relative_to(PUT_ITEMS).as_posix()}", path.read_bytes())
        for path in PUT_ITEMS.rglob("[!.]*.py")
    )
    entries = [("__main__.py", PUT_ITEMS_MAIN), *modules]
    return write_zip((folder or zips.BUILD) / "put_items.pyz", entries, SHEBANG)


def _source_entries(package: str) -> Iterator[tuple[str, bytes]]:
    """The files of one of the project's packages, by their name in the zip."""
    folder = zips.ROOT / package
    if not (folder / "handler.py").is_file():
        raise CommandError(
            f"{package}/handler.py is missing", "Run the command in a complete clone of the repository."
        )
    for path in folder.rglob("*"):
        name = path.relative_to(zips.ROOT).as_posix()
        if path.is_file() and path.suffix != ".pyc" and not re.search(r"(^|/)(\.|__pycache__/)", name):
            yield name, path.read_bytes()
