"""The modules outside the project that its modules import, read from their source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.environments import ROOT

GATED = ("scripts", "sandbox", "benchmarks", "tests")  # the packages that run as commands


def modules_of(package: str) -> list[Path]:
    """The files of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def _imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports anywhere, except those only for the type checker."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def _own_files(name: str) -> list[Path]:
    """The project's files that run when a dotted name is imported; empty for a foreign name."""
    parts = name.split(".")
    folders = [ROOT.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    files = [file for folder in folders for file in (folder / "__init__.py", folder.with_suffix(".py"))]
    return [file for file in files if file.is_file()]


def foreign_modules(files: Iterable[Path], *, follow: bool) -> set[str]:
    """The top-level modules that files import and that are not part of the project or of Python.

    With `follow`, also the imports of the project's files that they import, except packages that check their
    own modules.
    """
    found: set[str] = set()
    waiting, seen = list(files), set(files)
    while waiting:
        for name in _imported(waiting.pop()):
            top = name.partition(".")[0]
            if own := _own_files(name):
                further = set(own) - seen if follow and top not in GATED else set()
                seen |= further
                waiting.extend(further)
            elif top not in sys.stdlib_module_names and not (ROOT / top).is_dir():
                found.add(top)
    return found
