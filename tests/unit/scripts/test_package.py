"""Same tree, same bytes; and the zip that is built is the one that runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from scripts.build import builders, package, wheels, zips
from scripts.build.builders import build_catalog, build_put_items, build_transform
from scripts.build.wheels import Target, target
from scripts.build.zips import write_zip
from scripts.core import template as templates
from scripts.core.console import CommandError, Output
from scripts.stacks import ARTIFACTS
from tests.unit.scripts.conftest import Ran

OUT = Output()
ANY = Target("arm64", "3.13")  # for what is the same on every interpreter


def wheel(path: Path, files: dict[str, str]) -> bytes:
    """A wheel of these files; its bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path.read_bytes()


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository, and pip standing in for an index that has one wheel."""
    root = tmp_path / "clone"
    for name in [path.name for path in zips.ROOT.glob("*_lambda")]:
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text("")
        (root / name / "handler.py").write_text(f"# {name}\n")
    monkeypatch.setattr(zips, "ROOT", root)
    monkeypatch.setattr(zips, "BUILD", root / "build")
    monkeypatch.setattr(wheels, "LOCK", root / "function.lock")
    content = wheel(
        tmp_path / "fast.whl", {"fast/__init__.py": "x = 1\n", "fast/_c.so": "ELF", "fast/a.pyi": "x"}
    )
    wheels.LOCK.write_text(f"fast==1 \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n")

    def download(_: Target, folder: Path) -> None:
        (folder / "fast-1-py3-none-any.whl").write_bytes(content)

    monkeypatch.setattr(wheels, "_download", download)
    return root


def test_the_same_tree_gives_the_same_bytes(clone: Path) -> None:
    """Times, modes, order on disk, caches and hidden files are no part of the tree."""
    first = build_transform(Target("arm64", "3.13"), OUT).path.read_bytes()
    handler = clone / "transform_lambda" / "handler.py"
    os.utime(handler, (0, 0))
    handler.chmod(0o600)
    (clone / "transform_lambda" / "__pycache__").mkdir()
    (clone / "transform_lambda" / "__pycache__" / "handler.cpython-313.pyc").write_bytes(b"x")
    (clone / "transform_lambda" / ".handler.py.swp").write_bytes(b"x")
    assert build_transform(Target("arm64", "3.13"), OUT).path.read_bytes() == first


def test_another_tree_gives_other_bytes(clone: Path) -> None:
    """One changed character shows in the hash, and so in the key the zip is uploaded to."""
    first = build_catalog(ANY, OUT).sha256
    (clone / "catalog_lambda" / "handler.py").write_text("# changed\n")
    assert build_catalog(ANY, OUT).sha256 != first


def test_entries_are_sorted_undated_and_readable(clone: Path) -> None:
    """One time, two modes, stored: nothing of the machine or its zlib is in the bytes."""
    built = build_transform(Target("x86_64", "3.13"), OUT)
    assert built.name == "transform-3.13-x86_64.zip"
    with zipfile.ZipFile(built.path) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == [
        "fast/__init__.py",
        "fast/_c.so",
        "transform_lambda/__init__.py",
        "transform_lambda/handler.py",
    ]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.filename: oct(entry.external_attr >> 16) for entry in entries}["fast/_c.so"] == "0o100755"
    assert built.size == built.path.stat().st_size
    assert built.unpacked == sum(entry.file_size for entry in entries)


def test_the_wheels_of_the_job_are_for_the_interpreter_of_glue(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the functions are built for: the wheels unchanged, and a list that names them."""
    fetched: list[Target] = []
    download = wheels._download

    def noted(wanted: Target, folder: Path) -> None:
        fetched.append(wanted)
        download(wanted, folder)

    monkeypatch.setattr(wheels, "_download", noted)
    built = builders.build_backfill_wheels(ANY, OUT)
    assert fetched == [Target("x86_64", "3.11")]
    assert built.name.endswith(".gluewheels.zip")
    with zipfile.ZipFile(built.path) as archive:
        assert archive.namelist() == ["wheels/fast-1-py3-none-any.whl", "wheels/requirements.txt"]
        assert archive.read("wheels/requirements.txt") == b"fast==1\n"
        content = archive.read("wheels/fast-1-py3-none-any.whl")
    assert hashlib.sha256(content).hexdigest() in wheels.LOCK.read_text()


def test_the_library_of_the_backfill_job_runs_by_itself(tmp_path: Path) -> None:
    """Everything that it imports of the project is in the zip."""
    built = builders.build_backfill_library(ANY, OUT, tmp_path)
    packages = Path(str(orjson.__file__)).parents[1]
    code = "import backfill.job as job, repair.backfill as rows; print(job.__file__, rows.__file__)"
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path[:0] = [{str(built.path)!r}, {str(packages)!r}]; {code}",
        ],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(built.path)) == 2


def test_the_library_of_the_job_for_statements_runs_by_itself(tmp_path: Path) -> None:
    """Everything that it imports of the project is in the zip, and of `scripts` only the one package."""
    built = builders.build_sql_library(ANY, OUT, tmp_path)
    code = (
        "import sql_to_table.job, sql_to_table.engine, sql_to_table.views as views, "
        "scripts.put_items.writing as writer; print(views.__file__, writer.__file__)"
    )
    path = f"import sys; sys.path[:0] = [{str(built.path)!r}]"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{path}; {code}"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(built.path)) == 2
    with zipfile.ZipFile(built.path) as archive:
        names = set(archive.namelist())
    assert "scripts/__init__.py" in names
    assert {name.split("/")[1] for name in names if name.startswith("scripts/")} == {
        "__init__.py",
        "put_items",
    }


def test_a_private_module_is_part_of_the_package(clone: Path) -> None:
    """Only dotted names and caches are left out, not names with an underscore."""
    (clone / "catalog_lambda" / "_names.py").write_text("")
    with zipfile.ZipFile(build_catalog(ANY, OUT).path) as archive:
        assert "catalog_lambda/_names.py" in archive.namelist()


def test_a_file_in_two_wheels_is_refused(tmp_path: Path) -> None:
    """Which of the two the function would import nobody could say."""
    with pytest.raises(CommandError, match=r"two wheels contain a\.py"):
        write_zip(tmp_path / "a.zip", [("a.py", b"1"), ("a.py", b"2")])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_keeps_the_last_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file appears whole or not at all."""
    path = tmp_path / "a.zip"
    kept = write_zip(path, [("a.py", b"1")]).sha256

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space left"):
        write_zip(path, [("a.py", b"2")])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == kept
    assert list(tmp_path.iterdir()) == [path]


def test_wheels_are_downloaded_once_per_lock(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept wheel counts only with a hash of the lock."""
    fetched: list[Target] = []
    download = wheels._download

    def counted(wanted: Target, folder: Path) -> None:
        fetched.append(wanted)
        download(wanted, folder)

    monkeypatch.setattr(wheels, "_download", counted)
    first = build_transform(Target("arm64", "3.13"), OUT).sha256
    build_transform(Target("arm64", "3.13"), OUT)
    assert len(fetched) == 1
    (kept,) = (clone / "build" / "wheels").glob("*/*.whl")
    kept.write_bytes(b"tampered")
    assert build_transform(Target("arm64", "3.13"), OUT).sha256 == first
    assert len(fetched) == 2


def test_wheels_of_a_faster_build_are_kept(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two builds at once fetch twice and keep one folder, which the other may be reading."""
    download = wheels._download
    kept: list[int] = []

    def slow(wanted: Target, folder: Path) -> None:
        monkeypatch.setattr(wheels, "_download", download)
        build_transform(wanted, OUT)
        kept.extend(path.stat().st_ino for path in (clone / "build" / "wheels").glob("3*/*.whl"))
        download(wanted, folder)

    monkeypatch.setattr(wheels, "_download", slow)
    build_transform(Target("arm64", "3.13"), OUT)
    assert kept == [path.stat().st_ino for path in (clone / "build" / "wheels").glob("*/*.whl")]
    assert len(kept) == 1


def test_a_wheel_outside_the_lock_is_never_packed(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip checks hashes as it fetches; what it left behind is checked again."""
    monkeypatch.setattr(wheels, "_download", lambda _, folder: (folder / "evil.whl").write_bytes(b"x"))
    with pytest.raises(CommandError, match="other wheels than those of requirements/function"):
        build_transform(Target("arm64", "3.13"), OUT)


def test_pip_downloads_hashed_wheels_for_the_target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Never a source package, never an unlocked one, and Amazon Linux's glibc for Lambda's architectures."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr("scripts.build.wheels.subprocess.run", run)
    wheels._download(Target("arm64", "3.13"), tmp_path)
    wheels._download(Target("host", "3.11"), tmp_path)
    lambda_, host = (" ".join(command) for command in asked)
    for command in (lambda_, host):
        assert "--require-hashes --only-binary :all:" in command
        assert "--no-deps" in command
    assert "--python-version 3.13 --abi cp313 --platform manylinux_2_34_aarch64" in lambda_
    assert "--platform" not in host


def test_pips_error_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The last errors of pip and the next step, instead of a traceback."""
    failed = SimpleNamespace(
        returncode=1, stderr="WARNING: x\nERROR: No matching distribution found for fast==1\n"
    )
    monkeypatch.setattr("scripts.build.wheels.subprocess.run", lambda *_, **__: failed)
    with pytest.raises(CommandError, match="No matching distribution found for fast==1") as failure:
        wheels._download(Target("arm64", "3.9"), tmp_path)
    assert "--python" in failure.value.next_step


def test_host_is_this_machines_python() -> None:
    """Another --python with it is a contradiction."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert target("host") == target("host", running) == Target("host", running)
    with pytest.raises(CommandError, match="builds for the running Python"):
        target("host", "3.99")


def test_check_refuses_a_stale_zip(clone: Path, run_verb: Callable[..., Ran]) -> None:
    """Missing, equal, different: 1, 0, 1; nothing in build/ is touched."""
    missing = run_verb(package.main, "--check")
    assert (missing.code, "does not exist" in missing.err) == (1, True)
    assert run_verb(package.main).code == 0
    assert run_verb(package.main, "--check").code == 0
    (clone / "transform_lambda" / "handler.py").write_text("# changed\n")
    before = (clone / "build" / "transform-3.13-arm64.zip").read_bytes()
    stale = run_verb(package.main, "--check")
    assert (stale.code, "differs from this tree" in stale.err) == (1, True)
    assert (clone / "build" / "transform-3.13-arm64.zip").read_bytes() == before


def test_one_part_is_built_and_checked_alone(
    clone: Path, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--only put_items fetches no wheels, leaves the other zips alone, and --check compares just that."""
    monkeypatch.setattr(wheels, "_download", lambda *_: pytest.fail("the network was asked"))
    assert run_verb(package.main, "--only", "put_items").code == 0
    assert [path.name for path in (clone / "build").iterdir()] == ["put_items.pyz"]
    assert run_verb(package.main, "--only", "put_items", "--check").code == 0
    (clone / "build" / "put_items.pyz").write_bytes(b"another")
    stale = run_verb(package.main, "--only", "put_items", "--check")
    assert (stale.code, "build/put_items.pyz differs from this tree" in stale.err) == (1, True)


def test_put_items_pyz_is_reproducible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither times nor caches nor an editor's files are in it; a changed character is."""
    first = build_put_items(ANY, OUT, tmp_path / "first").path.read_bytes()
    copied = tmp_path / "scripts" / "put_items"
    shutil.copytree(builders.PUT_ITEMS, copied, copy_function=shutil.copyfile)
    (copied / "__pycache__").mkdir(exist_ok=True)
    (copied / "__pycache__" / "x.pyc").write_bytes(b"x")
    (copied / ".#values.py").write_text("x")
    monkeypatch.setattr(builders, "PUT_ITEMS", copied)
    assert build_put_items(ANY, OUT, tmp_path / "second").path.read_bytes() == first
    (copied / "values.py").write_text("# changed\n")
    assert build_put_items(ANY, OUT, tmp_path / "third").path.read_bytes() != first


@pytest.mark.usefixtures("clone")
def test_sizes_are_in_the_table_and_in_json(run_verb: Callable[..., Ran]) -> None:
    """A table on stderr, one JSON document on stdout."""
    done = run_verb(package.main, "--output", "json")
    packages = {entry["path"]: entry for entry in json.loads(done.out)["packages"]}
    others = {"build/transform-3.13-arm64.zip", "build/put_items.pyz"}
    scripts = {f"build/{name}.py" for name in ("settle_changes", "backfill_export", "run_sql")}
    names = ("catalog", "settle", "backfill", "backfill_wheels.gluewheels", "sql_to_table")
    zips = {f"build/{name}.zip" for name in names}
    assert set(packages) == others | scripts | zips
    assert len(packages) == len({artifact.name for artifact in ARTIFACTS.values()}) + 1  # and put_items
    for path, entry in packages.items():
        assert path in done.err
        assert f"{entry['bytes']:,}" in done.err


def test_the_zip_is_built_for_the_templates_runtime() -> None:
    """A wheel for another Python would not import."""
    runtimes = set()
    for path in sorted((templates.ROOT / "templates").glob("*.yaml")):
        for resource in templates.read(path).resources.values():
            if resource["Type"] == "AWS::Lambda::Function":
                runtimes.add(resource["Properties"]["Runtime"])
    assert runtimes == {f"python{wheels.DEFAULT_PYTHON}"}


def test_the_zip_for_this_machine_runs_by_itself(tmp_path: Path) -> None:
    """The entry point imports from the zip's contents alone, wheels and all, with no site-packages."""
    built = build_transform(target("host"), OUT, tmp_path)
    with zipfile.ZipFile(built.path) as archive:
        archive.extractall(tmp_path / "task")
    code = (
        "import orjson, transform_lambda.handler as h; print(h.__file__, orjson.__file__, h.handler.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path / "task",
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    handler, orjson, name = done.stdout.split()
    assert Path(handler).is_relative_to(tmp_path / "task")
    assert Path(orjson).is_relative_to(tmp_path / "task")
    assert name == "handler"


def test_the_zip_for_lambda_contains_arm64_code(tmp_path: Path) -> None:
    """Every shared object in the default zip is an ELF for AArch64 (e_machine 183)."""
    built = build_transform(target("arm64"), OUT, tmp_path)
    with zipfile.ZipFile(built.path) as archive:
        objects = {name: archive.read(name)[:20] for name in archive.namelist() if name.endswith(".so")}
    assert objects
    for name, header in objects.items():
        assert "cpython-313-aarch64-linux-gnu" in name
        assert header[:4] == b"\x7fELF"
        assert int.from_bytes(header[18:20], "little") == 183
