"""A command without its environment names the command that creates the environment."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.environments import ROOT, bare_environment, older_pythons
from tests.unit.environments.imports import GATED, foreign_modules, modules_of

READ_BY_ANY_PYTHON = [*(f"{package}/__init__.py" for package in GATED), "requirements/__init__.py"]
READ_BY_ANY_PYTHON += ["requirements/preflight.py", "scripts/build/environment.py"]
# Modules of other environments: AWS Glue's, and that of a judge (requirements/duckdb-iceberg.in).
INSTALLED_ELSEWHERE = {"pyspark", "duckdb_ext", "settle"}
MESSAGE = re.compile(r"error: [^\n]+\nnext: [^\n]+\n")
OLD = """import runpy, sys
sys.version_info = (3, 10, 13, "final", 0)
runpy.run_module(sys.argv.pop(1), run_name="__main__")"""


def commands() -> list[str]:
    """Every module and package that runs as `python -m NAME`."""
    found = []
    for package in GATED:
        for path in (ROOT / package).rglob("*.py"):
            if path.name == "__main__.py" or 'if __name__ == "__main__":' in path.read_text(encoding="utf-8"):
                name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
                found.append(name.removesuffix(".__main__"))
    runs_anywhere = re.compile(r"scripts\.(put_items\b.*|build\.environment)")
    return sorted(name for name in found if not runs_anywhere.fullmatch(name))


@cache
def required(package: str) -> tuple[tuple[str, ...], str]:
    """The modules and the make target in the call of `require` in the package's `__init__.py`."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    [call] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "require"
    ]
    name, modules, target = (ast.literal_eval(argument) for argument in call.args)
    assert name == package
    return modules, target


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of this version without any package."""
    return bare_environment(tmp_path_factory.mktemp("bare") / "environment")


def run(python: str | Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python in the repository."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(python), *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("package", GATED)
def test_a_package_requires_the_modules_it_imports(package: str) -> None:
    """Also the modules of the project's packages that it imports. A missing one would cause a traceback."""
    imported = foreign_modules(modules_of(package), follow=True) - INSTALLED_ELSEWHERE
    assert sorted(required(package)[0]) == sorted(imported)


@pytest.mark.parametrize("command", commands())
def test_missing_packages_have_a_next_step(bare: Path, command: str) -> None:
    """One line states what is missing, one what to do, for any options."""
    done = run(bare, "-m", command, "--help")
    target = required(command.partition(".")[0])[1]
    assert (done.returncode, done.stdout) == (1, "")
    assert MESSAGE.fullmatch(done.stderr), done.stderr
    assert f"this Python ({bare}) does not have " in done.stderr
    assert f"make {target} && . .venv" in done.stderr or ". .venv" in done.stderr


@pytest.mark.parametrize("command", ["scripts.deploy", "sandbox", "benchmarks", "tests.soak"])
def test_an_older_python_is_refused(command: str) -> None:
    """The version is checked first: the packages of a too old Python do not matter."""
    done = run(sys.executable, "-c", OLD, command)
    assert done.returncode == 1
    assert MESSAGE.fullmatch(done.stderr), done.stderr
    assert "needs Python 3.11 or newer, and this is " in done.stderr


@pytest.mark.parametrize("name", READ_BY_ANY_PYTHON)
def test_an_older_python_can_read_the_check(name: str) -> None:
    """The syntax is that of Python 3.9, the oldest that CloudShell has had."""
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.skipif(not older_pythons("3.9", "3.10"), reason="no Python 3.9 or 3.10 on this machine")
def test_a_real_older_python_is_refused() -> None:
    """A real one, not only one with a changed version number. put_items runs in it, as documented."""
    for python in older_pythons("3.9", "3.10"):
        refused = run(python, "-m", "scripts.deploy", "consumer")
        assert refused.returncode == 1
        assert MESSAGE.fullmatch(refused.stderr), refused.stderr
        assert "needs Python 3.11 or newer, and this is 3." in refused.stderr
        assert "--file" in run(python, "-m", "scripts.put_items", "--help").stdout


def test_put_items_runs_in_a_bare_python(bare: Path) -> None:
    """It needs only boto3, and reports itself that it is missing."""
    assert "--file" in run(bare, "-m", "scripts.put_items", "--help").stdout
    result = run(bare, "-m", "scripts.put_items", "orders", "--region", "eu-west-1")
    assert "boto3 is not installed" in result.stderr


def test_a_ready_environment_is_named(bare: Path, tmp_path: Path) -> None:
    """A user who forgot to activate it does not have to create it again."""
    clone = tmp_path / "clone"
    for name in ("lake", "requirements", "scripts"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    steps = []
    for ready in (None, ".venv", ".venv-deploy"):
        if ready:
            (clone / ready).mkdir()
            (clone / ready / ".ready").touch()
        command = [str(bare), "-m", "scripts.query"]
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
        steps.append(done.stderr.partition("next: ")[2])
    assert steps == [
        "make deploy-venv && . .venv-deploy/bin/activate\n",
        ". .venv/bin/activate\n",
        ". .venv-deploy/bin/activate\n",
    ]
