"""Build the functions' zips and the command that is one file: same tree, same bytes.

build/catalog.zip                    catalog_lambda/ (boto3 comes with the Lambda runtime)
build/transform-<python>-<arch>.zip  transform_lambda/ and, at its root, what requirements/function.lock names
build/compact_days.py, compaction.zip  the compaction job (pyspark and boto3 come with Glue)
build/put_items.pyz                  scripts/put_items/ as one file that Python runs (a zipapp)

Entries are sorted, carry one time and two modes, and are stored, not deflated: deflate's bytes depend on
the zlib a Python was built with, and a zip that differs by machine would look like a new function version.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.core.console import CommandError, Output, parser, run

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOCK = ROOT / "requirements" / "function.lock"
JOBS = ROOT / "glue" / "jobs"
PUT_ITEMS = ROOT / "scripts" / "put_items"

DEFAULT_ARCHITECTURE = "arm64"
DEFAULT_PYTHON = "3.13"  # the runtime the templates name
# Lambda's architecture names and those of the wheels.
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# Lambda's Python 3.12 and later run on Amazon Linux 2023, glibc 2.34
# (docs.aws.amazon.com/lambda/latest/dg/lambda-python.html, "Runtimes").
GLIBC_TAGS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can carry
# What a wheel holds and the function never reads.
LEFT_OUT = re.compile(r"(\.pyi|/py\.typed|\.dist-info/(RECORD|INSTALLER|entry_points\.txt|sboms/.*))$")

# docs.python.org/3/library/zipapp.html, "The Python Zip Application Archive Format"
SHEBANG = b"#!/usr/bin/env python3\n"
PUT_ITEMS_MAIN = b"""\
import sys

from put_items.command import run

sys.exit(run(sys.argv[1:], f"python3 {sys.argv[0]}"))
"""


@dataclass(frozen=True)
class Target:
    """The interpreter a zip is for: `architecture` is arm64, x86_64 or host; `python` is like 3.13."""

    architecture: str
    python: str

    @property
    def zip_name(self) -> str:
        """The transform zip's file name."""
        return f"transform-{self.python}-{self.architecture}.zip"


@dataclass(frozen=True)
class Package:
    """A built zip: bytes of the file, bytes unpacked, SHA-256 in hex."""

    name: str
    path: Path
    size: int
    unpacked: int
    sha256: str


def host_architecture() -> str:
    """This machine's architecture in Lambda's terms."""
    machine = platform.machine().lower()
    names = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}
    if machine not in names:
        raise CommandError(
            f"Lambda has no architecture like this machine's ({machine})",
            "Name one: --arch arm64 or --arch x86_64.",
        )
    return names[machine]


def target(architecture: str, python: str | None = None) -> Target:
    """The target that the options name; `host` is this machine's own Python and architecture."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if architecture == "host":
        if python not in (None, running):
            raise CommandError(
                f"--arch host builds for the Python that runs, {running}, not {python}",
                f"Leave --python out, or run this with python{python}.",
            )
        return Target("host", running)
    if python is not None and not re.fullmatch(r"3\.\d{1,2}", python):
        raise CommandError(f"{python} is no Python version", "Name a Lambda runtime's, like --python 3.13.")
    return Target(architecture, python or DEFAULT_PYTHON)


def _source_entries(package: str) -> Iterator[tuple[str, bytes]]:
    """The files of one of our packages, by their name in the zip."""
    folder = ROOT / package
    if not (folder / "handler.py").is_file():
        raise CommandError(
            f"{package}/handler.py is missing", "Run this from a whole clone of the repository."
        )
    for path in folder.rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and path.suffix != ".pyc" and not re.search(r"(^|/)(\.|__pycache__/)", name):
            yield name, path.read_bytes()


def _wheel_entries(wheels: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """The files of the wheels, without what the function never reads."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                if not info.is_dir() and not LEFT_OUT.search(info.filename):
                    yield info.filename, archive.read(info)


def _locked_hashes() -> set[str]:
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK.read_text()))


def _is_whole(folder: Path, hashes: set[str]) -> bool:
    wheels = list(folder.glob("*.whl"))
    return bool(wheels) and all(hashlib.sha256(wheel.read_bytes()).hexdigest() in hashes for wheel in wheels)


def fetch_wheels(wanted: Target, out: Output) -> list[Path]:
    """The wheels of requirements/function.lock for a target, each checked against the lock's hashes.

    Kept under build/wheels/ by target and lock, so that a second build needs no network.
    """
    lock = LOCK.read_bytes()
    system = f"-{sys.platform}-{platform.machine()}" if wanted.architecture == "host" else ""
    folder = (
        BUILD
        / "wheels"
        / f"{wanted.python}-{wanted.architecture}{system}-{hashlib.sha256(lock).hexdigest()[:12]}"
    )
    if not _is_whole(folder, _locked_hashes()):
        out.say(f"fetching wheels for Python {wanted.python}, {wanted.architecture}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fresh = Path(scratch) / "fresh"
            fresh.mkdir()
            _download(wanted, fresh)
            if not _is_whole(fresh, _locked_hashes()):
                raise CommandError(
                    "pip left wheels that are not what requirements/function.lock names",
                    "Run it again; if it stays, check which index pip asks (`pip config list`).",
                )
            _put_in_place(fresh, folder, Path(scratch) / "broken")
    return sorted(folder.glob("*.whl"))


def _put_in_place(fresh: Path, folder: Path, broken: Path) -> None:
    """Keep the fresh wheels, unless another build was faster: its wheels are the same by hash."""
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
            f"pip could not fetch requirements/function.lock for Python {wanted.python} on "
            f"{wanted.architecture}: {' '.join(reasons[-2:])}",
            "Check the network and pip's index; a Python without wheels in the lock needs another --python.",
        )


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


def build_catalog(folder: Path | None = None) -> Package:
    """The catalog function's zip."""
    return write_zip((folder or BUILD) / "catalog.zip", _source_entries("catalog_lambda"))


def build_transform(wanted: Target, out: Output, folder: Path | None = None) -> Package:
    """The transform function's zip for a target."""
    wheels = fetch_wheels(wanted, out)
    return write_zip(
        (folder or BUILD) / wanted.zip_name, [*_source_entries("transform_lambda"), *_wheel_entries(wheels)]
    )


def build_job(folder: Path | None = None) -> list[Package]:
    """The compaction job's script, as it is, and the package it imports, as a zip."""
    source, name = JOBS / "compact_days.py", "compaction"
    content = source.read_bytes()
    script = (folder or BUILD) / source.name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_bytes(content)
    library = ((f"{name}/{path.name}", path.read_bytes()) for path in (JOBS / name).glob("*.py"))
    return [
        Package(script.name, script, len(content), len(content), hashlib.sha256(content).hexdigest()),
        write_zip((folder or BUILD) / f"{name}.zip", library),
    ]


def build_put_items(folder: Path | None = None) -> Package:
    """The put_items command as one file: `python3 put_items.pyz` needs nothing but boto3."""
    modules = (
        (f"put_items/{path.relative_to(PUT_ITEMS).as_posix()}", path.read_bytes())
        for path in PUT_ITEMS.rglob("[!.]*.py")
    )
    entries = [("__main__.py", PUT_ITEMS_MAIN), *modules]
    return write_zip((folder or BUILD) / "put_items.pyz", entries, SHEBANG)


def _build(only: str | None, wanted: Target, out: Output, folder: Path | None = None) -> list[Package]:
    """All that there is to build, or the one part that is named."""
    parts: dict[str, Callable[[], list[Package]]] = {
        "transform": lambda: [build_transform(wanted, out, folder)],
        "catalog": lambda: [build_catalog(folder)],
        "compaction": lambda: build_job(folder),
        "put_items": lambda: [build_put_items(folder)],
    }
    return [package for name, build in parts.items() if only in (None, name) for package in build()]


def _compare(fresh: Package, kept: Path) -> None:
    """Refuse a zip in build/ that is not what the tree makes."""
    if not kept.is_file():
        raise CommandError(f"build/{kept.name} is not there", "Build it: leave --check out.")
    if kept.read_bytes() != fresh.path.read_bytes():
        raise CommandError(
            f"build/{kept.name} is not what this tree makes", "Build it anew: leave --check out."
        )


def main(arguments: Sequence[str], out: Output) -> int:
    """Build the functions' zips, the job's files and put_items.pyz, and report their sizes."""
    options = parser(
        "build.package", "Build the functions' zips and put_items.pyz into build/: same tree, same bytes."
    )
    options.add_argument(
        "--arch",
        choices=(*MACHINES, "host"),
        default=DEFAULT_ARCHITECTURE,
        help="what the function runs on (default: arm64); host: this machine's own Python",
    )
    options.add_argument("--python", metavar="3.N", help=f"the function's Python (default: {DEFAULT_PYTHON})")
    options.add_argument(
        "--only",
        choices=("transform", "catalog", "compaction", "put_items"),
        help="build this part alone; all but transform need no network",
    )
    options.add_argument(
        "--check", action="store_true", help="build elsewhere and compare with build/, byte by byte"
    )
    given = options.parse_args(arguments)
    wanted = target(given.arch, given.python)
    if given.check:
        with tempfile.TemporaryDirectory() as elsewhere:
            fresh = Path(elsewhere)
            packages = _build(given.only, wanted, out, fresh)
            for package in packages:
                _compare(package, BUILD / package.name)
    else:
        packages = _build(given.only, wanted, out)
    rows = [(f"build/{p.name}", f"{p.size:,}", f"{p.unpacked:,}", p.sha256[:16]) for p in packages]
    out.table("same as the tree" if given.check else "built", ("zip", "bytes", "unpacked", "sha256"), rows)
    out.answer(
        {
            "packages": [
                {"path": f"build/{p.name}", "bytes": p.size, "unpacked": p.unpacked, "sha256": p.sha256}
                for p in packages
            ]
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
