"""Build the files that `deploy` uploads, and put_items.pyz: one function per file.

build/NAME.zip                       a function's package (the Lambda runtime has boto3)
build/transform-<python>-<arch>.zip  transform_lambda/ and the wheels of requirements/function.lock
build/settle_changes.py, settle.zip  the settle job: settle/, settled/, raw_lines/ (Glue has the rest)
build/backfill_export.py, backfill.zip, backfill_wheels.gluewheels.zip
                                     the backfill job: backfill/, repair/ and transform_lambda/, and the
                                     wheels of requirements/function.lock
build/run_sql.py, sql_to_table.zip   the job that writes the result of a statement: sql_to_table/, and the
                                     packages raw_lines and scripts.put_items
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
# Glue 5.1 runs Python 3.11 on x86_64 and Amazon Linux 2023 (Glue developer guide, "AWS Glue versions").
GLUE = Target("x86_64", "3.11")
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


def job_script(name: str) -> Builder:
    """The builder of a job's script, which is uploaded unchanged."""

    def build(_: Target, __: Output, folder: Path | None = None) -> Package:
        content = (JOBS / name).read_bytes()
        script = (folder or zips.BUILD) / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_bytes(content)
        return Package(name, script, len(content), len(content), hashlib.sha256(content).hexdigest())

    return build


def job_library(name: str, *packages: str) -> Builder:
    """The builder of the zip with the package that a job's script imports, and packages of the project.

    A package within another keeps its dotted name: the packages around it are empty in the zip.
    """

    def build(_: Target, __: Output, folder: Path | None = None) -> Package:
        own = _package_entries(JOBS, name)
        others = (
            entry for package in packages for entry in _package_entries(zips.ROOT, package.replace(".", "/"))
        )
        around = {f"{parent}/__init__.py": b"" for package in packages for parent in _parents(package)}
        return write_zip((folder or zips.BUILD) / f"{name}.zip", [*own, *others, *around.items()])

    return build


def _parents(package: str) -> list[str]:
    """The folders of the packages around a package: scripts for scripts.put_items."""
    parts = package.split(".")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


build_settle_script = job_script("settle_changes.py")
build_settle_library = job_library("settle", "settled", "raw_lines")
build_backfill_script = job_script("backfill_export.py")
build_backfill_library = job_library("backfill", "repair", "transform_lambda")
build_sql_script = job_script("run_sql.py")
build_sql_library = job_library("sql_to_table", "raw_lines", "scripts.put_items")


def build_backfill_wheels(_: Target, out: Output, folder: Path | None = None) -> Package:
    """The wheels that transform_lambda/ imports, for the interpreter of Glue, as Glue's zip of wheels.

    It contains the folder wheels/ with the files and a requirements.txt that names them (Glue developer
    guide, "Using Python libraries with AWS Glue", appendix A; [unverified], as public jobs have it).
    """
    found = fetch_wheels(GLUE, out)
    names = (path.name.split("-")[:2] for path in found)
    requirements = "".join(f"{name}=={version}\n" for name, version in names).encode()
    entries = [(f"wheels/{path.name}", path.read_bytes()) for path in found]
    zipped = (folder or zips.BUILD) / "backfill_wheels.gluewheels.zip"
    return write_zip(zipped, [*entries, ("wheels/requirements.txt", requirements)])


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
    if not (zips.ROOT / package / "handler.py").is_file():
        raise CommandError(
            f"{package}/handler.py is missing", "Run the command in a complete clone of the repository."
        )
    yield from _package_entries(zips.ROOT, package)


def _package_entries(parent: Path, package: str) -> Iterator[tuple[str, bytes]]:
    """The files of a package that lies in `parent`, by their name in the zip."""
    for path in (parent / package).rglob("*"):
        name = path.relative_to(parent).as_posix()
        if path.is_file() and path.suffix != ".pyc" and not re.search(r"(^|/)(\.|__pycache__/)", name):
            yield name, path.read_bytes()
