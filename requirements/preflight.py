"""Name the command that creates the environment, before an import fails with a traceback.

Every package that runs as `python -m PACKAGE` calls `require` in its `__init__.py`, which Python loads first.
An older Python must be able to read both files, so they use the syntax of Python 3.9.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
ENVIRONMENTS = {"deploy-venv": ".venv-deploy", "venv": ".venv"}  # make target: folder


class _Refusal:
    """An import hook that ends the program when a submodule of the package is imported."""

    def __init__(self, package: str, free: Collection[str], message: str) -> None:
        self.refused, self.message = f"{package}.", message
        self.free = tuple(f"{package}.{name}." for name in free)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Leave every other module to the other finders."""
        del path, target
        if name.startswith(self.refused) and not f"{name}.".startswith(self.free):
            sys.exit(self.message)


def require(package: str, modules: Collection[str], target: str, *, free: Collection[str] = ()) -> None:
    """End the program with one line and the next step if this Python cannot run the package.

    `modules` are the top-level modules that it imports; `target` is the make target that installs them.
    `free` are submodules that run anywhere. The program ends only when another submodule is imported.
    """
    problem = _problem(modules)
    if problem is not None:
        message = f"error: {problem}\nnext: {_next_step(target)}"
        sys.meta_path.insert(0, _Refusal(package, free, message))


def _problem(modules: Collection[str]) -> str | None:
    """What is missing in this Python; None if nothing."""
    if sys.version_info < OLDEST_PYTHON:
        version = sys.version.split()[0]
        return f"ddb-lake needs Python 3.11 or newer, and this is {version} ({sys.executable})"
    missing = [name for name in modules if find_spec(name) is None]
    return f"this Python ({sys.executable}) does not have {', '.join(missing)}" if missing else None


def _next_step(target: str) -> str:
    """The command for an environment: activate one that is ready, else create the target's."""
    for folder in (ENVIRONMENTS[target], ENVIRONMENTS["venv"]):
        if (ROOT / folder / ".ready").exists() and Path(sys.prefix).resolve() != (ROOT / folder).resolve():
            return f". {shlex.quote(str(Path(folder, 'bin', 'activate')))}"
    return f"make {target} && . {ENVIRONMENTS[target]}/bin/activate"
