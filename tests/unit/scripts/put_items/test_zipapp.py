"""put_items as the one file that `make package` builds, where only boto3 is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.build.builders import PUT_ITEMS, build_put_items
from scripts.build.wheels import target
from scripts.core.console import Output
from tests.unit.scripts.dynamodb_server import dynamodb

WITH_BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")


@pytest.fixture
def boto3_alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which boto3 and what it needs are the only packages."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in WITH_BOTO3:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        (packages / origin.name).symlink_to(origin)
    return {
        "PYTHONPATH": str(packages),
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "111111111111",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that a user uploads."""
    return build_put_items(target("arm64"), Output(), tmp_path_factory.mktemp("build")).path


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    """A folder that holds nothing but the file."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(built, folder)
    return folder


def alone(home: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the file where it is alone, without site-packages."""
    command = [sys.executable, "-S", "put_items.pyz", *arguments]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)


def test_the_file_runs_alone_with_only_boto3(home: Path, boto3_alone: dict[str, str]) -> None:
    """As uploaded to CloudShell: no repository, no rich; the three changes are made."""
    with dynamodb() as (endpoint, calls):
        done = alone(home, boto3_alone, "shop", "--endpoint-url", endpoint, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert [operation for operation, _ in calls] == ["PutItem", "UpdateItem", "DeleteItem"]
    assert json.loads(done.stdout)["changes"] == ["INSERT", "MODIFY", "REMOVE"]


def test_the_file_alone_puts_a_file(home: Path, tmp_path: Path, boto3_alone: dict[str, str]) -> None:
    """--file works there too, progress without rich."""
    items = tmp_path / "items.jsonl"
    items.write_text("\n".join(f'{{"pk":"k{n}","price":{n}.10}}' for n in range(30)))
    with dynamodb() as (endpoint, calls):
        options = ("--file", str(items), "--endpoint-url", endpoint, "--workers", "1")
        done = alone(home, boto3_alone, "shop", *options)
    assert done.returncode == 0, done.stderr
    written = [request["PutRequest"]["Item"] for _, call in calls for request in call["RequestItems"]["shop"]]
    assert written == [{"pk": {"S": f"k{n}"}, "price": {"N": f"{n}.10"}} for n in range(30)]


def test_missing_boto3_is_reported(home: Path) -> None:
    """The one dependency is named."""
    done = alone(home, {}, "shop")
    assert done.returncode == 1
    assert "boto3 is not installed" in done.stderr


@pytest.mark.parametrize(
    ("start", "program"),
    [
        ([sys.executable, "-I", "-S", "put_items.pyz"], "python3 put_items.pyz"),
        (["./put_items.pyz"], "python3 ./put_items.pyz"),
    ],
    ids=["by Python", "by itself"],
)
def test_the_help_names_the_program_as_it_was_started(home: Path, start: list[str], program: str) -> None:
    """It can be typed as it is shown, in the folder where the file is."""
    path = {"PATH": str(Path(sys.executable).parent)}  # where the shebang line finds python3
    done = subprocess.run([*start, "--help"], cwd=home, env=path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {program} [-h]")
    done = subprocess.run(start, cwd=home, env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"next: See `{program} --help`." in done.stderr


def test_every_module_is_in_the_file_and_nothing_else(built: Path) -> None:
    """The package as it is in the repository, under its own name, and the file that starts it."""
    modules = {f"put_items/{path.relative_to(PUT_ITEMS).as_posix()}" for path in PUT_ITEMS.rglob("*.py")}
    with zipfile.ZipFile(built) as archive:
        assert set(archive.namelist()) == {"__main__.py", *modules}
