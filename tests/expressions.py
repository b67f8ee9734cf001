"""Every regular expression in the project's packages and its uses, read from the syntax trees."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ambiguity import FULLMATCH, MATCH, SEARCH

ROOT = Path(__file__).parents[1]
USES = {
    "fullmatch": FULLMATCH,
    "match": MATCH,
    "search": SEARCH,
    "findall": SEARCH,
    "finditer": SEARCH,
    "split": SEARCH,
    "sub": SEARCH,
    "subn": SEARCH,
}


@dataclass(frozen=True)
class Expression:
    """One regular expression: its location, text (None if it is built from values), flags and uses."""

    where: str
    text: str | bytes | None
    flags: int = 0
    uses: tuple[str, ...] = (FULLMATCH, SEARCH)


def modules() -> dict[str, ast.Module]:
    """The project's modules by path, without tests, whose expressions only read the project's files."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [
        path for path in listed.splitlines() if not path.startswith("tests/") and (ROOT / path).is_file()
    ]
    return {path: ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in paths}


def expressions(path: str, tree: ast.Module) -> Iterator[Expression]:
    """The expressions that a module passes to `re`. A named pattern has the uses of its name."""
    known = _texts(tree)
    owners = _owners(tree)
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if not _is_re(call.func.value) or call.func.attr not in {*USES, "compile"}:
            continue
        uses = _uses(tree, call, owners) if call.func.attr == "compile" else {USES[call.func.attr]}
        yield Expression(
            f"{path}: {owners.get(call, ast.unparse(call.args[0]))}",
            _text(call.args[0], known),
            _flags(call),
            tuple(sorted(uses)) or (FULLMATCH, SEARCH),
        )


def _is_re(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "re"


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names that are assigned once, with their values."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found.setdefault(node.target.id, []).append(node.value)
    return ((name, values[0]) for name, values in found.items() if len(values) == 1)


def _texts(tree: ast.Module) -> dict[str, str | bytes]:
    """The names of text constants, in the order of assignment."""
    known: dict[str, str | bytes] = {}
    for name, value in _assigned(tree):
        if (text := _text(value, known)) is not None:
            known[name] = text
    return known


def _text(node: ast.expr, known: dict[str, str | bytes]) -> str | bytes | None:
    """The text of an expression, as far as the module defines it. An escaped value becomes one `x`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.escape":
        return "x"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left, known), _text(node.right, known)
        return left + right if isinstance(left, str) and isinstance(right, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [
            _text(value.value if isinstance(value, ast.FormattedValue) else value, known)
            for value in node.values
        ]
        return "".join(part for part in parts if isinstance(part, str)) if None not in parts else None
    return None


def _owners(tree: ast.Module) -> dict[ast.AST, str]:
    """The name of each compiled pattern, also if only its method is assigned: `re.compile(…).fullmatch`."""
    owners: dict[ast.AST, str] = {}
    for name, value in _assigned(tree):
        inner = value.value if isinstance(value, ast.Attribute) else value
        owners[inner] = name
    return owners


def _uses(tree: ast.Module, call: ast.Call, owners: dict[ast.AST, str]) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in USES:
            named = isinstance(node.value, ast.Name) and node.value.id == owners.get(call)
            if node.value is call or named:
                found.add(USES[node.attr])
    return found


def _flags(call: ast.Call) -> int:
    flags = 0
    for node in ast.walk(ast.Module([ast.Expr(value) for value in _flag_arguments(call)], [])):
        if isinstance(node, ast.Attribute) and _is_re(node.value):
            flags |= int(getattr(re, node.attr))
    return flags


def _flag_arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg == "flags")]
