"""What the project's modules import from elsewhere, read from their source."""

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
    """The dotted names a file imports, wherever it does; not those for the type checker alone."""
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
    """The project's files that importing a dotted name runs; none if it is not the project's."""
    parts = name.split(".")
    folders = [ROOT.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    files = [file for folder in folders for file in (folder / "__init__.py", folder.with_suffix(".py"))]
    return [file for file in files if file.is_file()]


def foreign_modules(files: Iterable[Path], *, follow: bool) -> set[str]:
    """The top-level modules that files import and neither the project nor Python brings.

    With `follow`, also those of the project's files they import, up to packages that require their own.
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
