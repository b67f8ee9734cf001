"""The project's imports: no cycle, and each package imports only what CONTRIBUTING.md allows."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The packages of the project that each package may import. A function's zip has its own code and at most the
# row code.
ROW_CODE = "transform_lambda"
FUNCTIONS = "*_lambda"
REGISTRY = "scripts.stacks"  # of the stacks, and no other module of scripts
PREFLIGHT = "requirements"  # the check that the running Python has the packages
# The names under which code in glue/jobs imports its packages, as on AWS Glue, and the packages of the
# project that are uploaded with them (scripts/build/builders.py). `lines` has no script: other jobs use it.
PUT_ITEMS = "scripts.put_items"  # the rules of items and their writer; of scripts, nothing else
JOBS: dict[str, tuple[str, ...]] = {
    "settle": ("settled", "raw_lines"),
    "backfill": ("repair", ROW_CODE),
    "sql_to_table": ("raw_lines", PUT_ITEMS),
}
ALLOWED = {
    "benchmarks": ("repair", ROW_CODE, PREFLIGHT),
    "glue": ("raw_lines", "repair", "settled", ROW_CODE, PUT_ITEMS),
    "lake": (ROW_CODE, "glue"),
    "raw_lines": (),
    "repair": (ROW_CODE,),
    "requirements": (),
    "sandbox": (FUNCTIONS, "glue", "lake", "raw_lines", "settled", REGISTRY, PREFLIGHT),
    "scripts": (FUNCTIONS, "glue", "lake", "raw_lines", "repair", "settled", PREFLIGHT),
    "settled": (),
    ROW_CODE: (),
    FUNCTIONS: (ROW_CODE,),
    "tests": ("*",),
}
LAYERS = ("api", "statements", "engine", "sql", "formats")  # of sandbox/athena: each imports those after it


@cache
def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name. A package's file is its `__init__`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listed.splitlines():
        parts = Path(line).with_suffix("").parts
        if (ROOT / line).is_file():
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ROOT / line
    return found


def targets(name: str) -> Iterator[str]:
    """The modules that run when a dotted name is imported: the longest module name, and its packages."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if (prefix := ".".join(parts[:length])) in modules():
            yield prefix


def names(module: str, tree: ast.Module) -> Iterator[str]:
    """Every name that a module imports, in functions and under TYPE_CHECKING too.

    In a module that uses `import_module`, a text that is a module's name counts as well.
    """
    package = module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
            if any(alias.name == "import_module" for alias in node.names):
                texts = (inner.value for inner in ast.walk(tree) if isinstance(inner, ast.Constant))
                yield from (text for text in texts if isinstance(text, str) and text in modules())


def imported(module: str) -> set[str]:
    """The project's modules that a module imports, without the packages that contain it.

    A package's `__init__` may import its modules, although the package is not complete when they start.
    """
    found: set[str] = set()
    for name in names(module, ast.parse(modules()[module].read_text(encoding="utf-8"))):
        first, *above = [*targets(f"glue.jobs.{name}" if name.split(".")[0] in JOBS else name), ""]
        found |= {first, *(package for package in above if not f"{module}.".startswith(f"{package}."))}
    return found - {module, ""}


@cache
def graph() -> dict[str, set[str]]:
    """Each module with those it imports."""
    return {module: imported(module) for module in modules()}


def crossings() -> Iterator[tuple[str, str]]:
    """(module, imported module) if the two are in different top-level packages."""
    for module, found in graph().items():
        own = module.split(".")[0]
        yield from ((module, name) for name in found if name.split(".")[0] != own)


def allowed(name: str, rule: tuple[str, ...]) -> bool:
    """Whether a rule names a module, its top-level package, a module in it, or a package that it is in."""
    return any(
        fnmatch(name.split(".", maxsplit=1)[0], pattern)
        or f"{pattern}.".startswith(f"{name}.")
        or f"{name}.".startswith(f"{pattern}.")
        for pattern in rule
    )


def test_no_modules_import_each_other() -> None:
    """Not through other modules, not inside a function, and not only for a type."""
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"an import circle: {' <- '.join(error.args[1])}")


def test_packages_import_in_one_direction() -> None:
    """CONTRIBUTING.md: the row code imports nothing, nothing imports the tests, the sandbox no script."""
    wrong = []
    for module, name in crossings():
        own = module.split(".")[0]
        rule = ALLOWED.get(own, ALLOWED[FUNCTIONS] if fnmatch(own, FUNCTIONS) else ())
        if not allowed(name, rule):
            wrong.append(f"{module} imports {name}")
    assert sorted(wrong) == []


@pytest.mark.parametrize("job", JOBS)
def test_a_job_imports_only_what_is_uploaded_with_it(job: str) -> None:
    """AWS Glue gets the job's own files and those packages, and everything that they import is among them."""
    packages = (f"glue.jobs.{job}", *JOBS[job])
    modules_of = {
        module: found
        for module, found in graph().items()
        if any(f"{module}.".startswith(f"{package}.") for package in packages)
    }
    assert f"glue.jobs.{job}" in modules_of
    wrong = [
        f"{module} imports {name}"
        for module, found in modules_of.items()
        for name in found
        if not any(f"{name}.".startswith(f"{package}.") for package in packages)
        # The packages around an uploaded package are empty in the zip.
        and not any(package.startswith(f"{name}.") for package in packages)
    ]
    assert wrong == []


def test_a_jobs_script_imports_its_package_alone() -> None:
    """Only the package is on Glue's path beside the script."""
    scripts = [name for name, path in modules().items() if path.parent == ROOT / "glue" / "jobs"]
    assert {(name, *sorted(graph()[name])) for name in scripts if name != "glue.jobs"} == {
        ("glue.jobs.backfill_export", "glue.jobs.backfill", "glue.jobs.backfill.job"),
        ("glue.jobs.settle_changes", "glue.jobs.settle", "glue.jobs.settle.job"),
        ("glue.jobs.run_sql", "glue.jobs.sql_to_table", "glue.jobs.sql_to_table.job"),
    }


def test_an_athena_package_imports_only_those_below_it() -> None:
    """In the order in the docstring of sandbox/athena."""
    prefix = "sandbox.athena."
    rooms = {room: [name for name in graph() if name.startswith(f"{prefix}{room}.")] for room in LAYERS}
    assert all(rooms.values())
    wrong = [
        f"{module} imports {name}"
        for number, room in enumerate(LAYERS)
        for module in rooms[room]
        for name in graph()[module]
        if name.removeprefix(prefix).split(".")[0] in LAYERS[:number]
    ]
    assert sorted(wrong) == []
