"""The package runs where it is sent: on Python 3.9, at any root, and its reading without boto3.

CloudShell stands on Amazon Linux 2023, whose python3 is 3.9
(docs.aws.amazon.com/linux/al2023/ug/python.html).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.build.builders import PUT_ITEMS, build_put_items
from scripts.build.wheels import target
from scripts.core.console import Output
from tests.environments import older_pythons
from tests.unit.scripts.put_items.files import SHAPES

ROOT = Path(__file__).parents[4]
MODULES = sorted(PUT_ITEMS.rglob("*.py"))
WITHOUT_BOTO3 = ("errors.py", "kinds.py", "values.py")
PURE = [path for path in MODULES if path.parent.name == "reading" or path.name in WITHOUT_BOTO3]

every_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PUT_ITEMS)))


class Unannotated(ast.NodeTransformer):
    """Takes the annotations away, which `from __future__ import annotations` leaves unevaluated."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function without its return type."""
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """A parameter without its type."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """A variable without its type; what is assigned stays."""
        return ast.Expr(self.visit(node.value)) if node.value else None


@every_module
def test_no_module_uses_syntax_after_python_3_9(module: Path) -> None:
    """Neither `match`, nor `X | Y` where it is evaluated: that is a TypeError there."""
    source = module.read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    if any(getattr(node, "annotation", None) or getattr(node, "returns", None) for node in ast.walk(tree)):
        assert "from __future__ import annotations" in source, "annotations would be evaluated"
    evaluated = ast.walk(Unannotated().visit(tree))
    unions = [node for node in evaluated if isinstance(getattr(node, "op", None), ast.BitOr)]
    assert [ast.unparse(node) for node in unions] == []


def test_no_module_uses_a_library_after_python_3_9() -> None:
    """No function, module or keyword argument of the standard library that came later."""
    vermin = [sys.executable, "-c", "import vermin; vermin.main()", "--no-config-file", "--no-tips"]
    command = [*vermin, "--target=3.9-", "--violations"]
    done = subprocess.run([*command, str(PUT_ITEMS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def imports(module: Path) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a module, those inside functions as well."""
    tree = ast.parse(module.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]


def imported_packages(module: Path) -> set[str]:
    """The first names of what a module imports by absolute imports."""
    names = []
    for node in imports(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif not node.level:
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_only_boto3_is_needed() -> None:
    """rich is used where it is. Of itself the package imports by relative imports alone."""
    foreign = {name for module in MODULES for name in imported_packages(module)} - set(
        sys.stdlib_module_names
    )
    assert foreign == {"boto3", "botocore", "rich"}
    deepest = {module: len(module.relative_to(PUT_ITEMS).parts) for module in MODULES}
    for module in MODULES:
        levels = [node.level for node in imports(module) if isinstance(node, ast.ImportFrom)]
        assert max(levels, default=0) <= deepest[module], f"{module} reaches out of the package"


@pytest.mark.parametrize("module", PURE, ids=lambda path: str(path.relative_to(PUT_ITEMS)))
def test_values_and_reading_are_pure(module: Path) -> None:
    """They import neither boto3 nor botocore, not even inside a function."""
    assert not imported_packages(module) & {"boto3", "botocore"}


READ = """
import sys
from pathlib import Path
sys.modules["boto3"] = sys.modules["botocore"] = None  # importing them is an ImportError
sys.path.insert(0, sys.argv[1])
from put_items.reading.source import Source, check
from put_items.table import Table
table = Table("shop", "111111111111", "us-east-1", {"pk": "HASH"}, {"pk": "S"})
print([check(Source(Path(path), table, {}, None)) for path in sys.argv[2:]])
"""


@pytest.mark.parametrize("version", ["running", "3.9"])
def test_every_shape_of_file_is_read_without_boto3(version: str, tmp_path: Path) -> None:
    """From the built file, by the running Python and by a 3.9 where there is one."""
    pythons = [sys.executable] if version == "running" else older_pythons(version)
    if not pythons:
        pytest.skip("there is no python3.9 on this machine")
    paths = []
    for name, text in SHAPES.items():
        paths.append(tmp_path / name)
        paths[-1].write_text(text, encoding="utf-8")
    built = build_put_items(target("arm64"), Output(), tmp_path).path
    command = [pythons[0], "-I", "-c", READ, str(built), *map(str, paths)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str([2] * len(SHAPES)), done.stderr
    shown = subprocess.run([pythons[0], built, "--help"], cwd=tmp_path, capture_output=True, check=False)
    assert shown.returncode == 0, shown.stderr.decode()
