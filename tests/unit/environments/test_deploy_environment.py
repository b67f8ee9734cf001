"""The environment of `make deploy-venv` has everything that deploying and querying need."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.environments import ROOT, deploy_environment
from tests.unit.environments.imports import foreign_modules, modules_of

pytestmark = pytest.mark.xdist_group("deploy environment")

LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+)(.*?)(?: \\)?$", re.MULTILINE)
IMPORT_ALL = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
PACKAGES = ("scripts", *sorted(path.name for path in ROOT.glob("*_lambda")))


def pins(lock: str) -> dict[str, str]:
    """The versions in a lock, by distribution and marker."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    return {f"{name}{marker}": version for name, version, marker in LOCKED.findall(text)}


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of the environment that the make target creates."""
    return deploy_environment()


def run(*command: str | Path) -> str:
    """Run a command, which must succeed, and return its output."""
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def verbs() -> list[str]:
    """Every command of scripts/, and packaging, which `deploy` uses."""
    scripts = ROOT / "scripts"
    modules = [
        path.stem
        for path in scripts.glob("[a-z]*.py")
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]
    packages = [path.parent.name for path in scripts.glob("[a-z]*/__main__.py")]
    return [*sorted(modules + packages), "build.package"]


def test_the_lock_has_every_module_that_the_scripts_import() -> None:
    """Imports inside functions too, and those of the functions' packages."""
    names = foreign_modules([path for package in PACKAGES for path in modules_of(package)], follow=True)
    distributions = {name: packages_distributions()[name][0].lower().replace("_", "-") for name in names}
    locked = {name.partition(" ")[0] for name in pins("deploy.lock")}
    assert {module: name for module, name in distributions.items() if name not in locked} == {}


def test_the_environments_have_the_same_versions() -> None:
    """A deployment uses the versions with which the tests ran."""
    tested = pins("development.lock")
    assert {name: version for name, version in pins("deploy.lock").items() if tested[name] != version} == {}
    assert {name: version for name, version in pins("uv.lock").items() if tested[name] != version} == {}


def test_every_module_of_the_scripts_imports(python: Path) -> None:
    """With only the packages of the lock: commands, the modules they import later, and their imports."""
    files = [path for package in PACKAGES for path in modules_of(package)]
    names = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in files]
    own = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    run(python, "-c", IMPORT_ALL, *own, *sorted(foreign_modules(files, follow=True)))


@pytest.mark.parametrize("verb", verbs())
def test_every_command_prints_its_help(python: Path, verb: str) -> None:
    """`--help` lists its options."""
    assert "options:" in run(python, "-m", f"scripts.{verb}", "--help")


def test_the_functions_zips_are_built(python: Path) -> None:
    """`deploy` builds the zips that it uploads, and downloads wheels with this environment's pip."""
    assert "build/transform-3.13-arm64.zip" in run(python, "-m", "scripts.build.package", "--output", "json")
    run(python, "-m", "pip", "download", "--help")
