"""The function runs on every supported Python, without settings, and with only its own wheels."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted((ROOT / "transform_lambda").glob("*.py"))


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13), (3, 14)])
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_sources_are_valid_python_of_every_runtime(source: Path, version: tuple[int, int]) -> None:
    """Python 3.11 to 3.14; a newer parser can check the older grammar."""
    ast.parse(source.read_text(), feature_version=version)


def test_import_needs_no_environment_and_no_boto3() -> None:
    """The zip does not contain boto3, and importing it would take most of a cold start."""
    program = (
        "import sys, transform_lambda.handler as h; "
        "heavy = {'boto3', 'botocore', 'asyncio', 'pandas', 'numpy'} & set(sys.modules); "
        "assert not heavy, heavy; "
        "assert h.handler({'records': []}, None) == {'records': []}"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, check=True, capture_output=True)


def test_bad_setting_stops_the_function_when_it_starts() -> None:
    """It stops at deployment, not at the first record."""
    done = subprocess.run(
        [sys.executable, "-c", "import transform_lambda.handler"],
        cwd=ROOT,
        env={"FLATTEN_MAX_DEPTH": "deep"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "FLATTEN_MAX_DEPTH must be a whole number from 1 to 32: 'deep'" in done.stderr


def test_imports_point_inwards_only() -> None:
    """transform_lambda imports only itself and its own wheels, nothing else of the project."""
    allowed = {"transform_lambda", "orjson", "pybase64"} | set(sys.stdlib_module_names)
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]  # a relative import has no name and is not allowed
            assert {name.split(".")[0] for name in names} <= allowed, source.name


def test_the_collector_rarely_runs_and_has_nothing_to_collect() -> None:
    """A batch leaves no reference cycles, even with failed records. Otherwise memory would grow."""
    program = (
        "import gc, transform_lambda.handler as h\n"
        "from tests.unit.transform.records import *\n"
        "assert gc.get_threshold()[0] == h.COLLECTOR_THRESHOLD\n"
        "wide = item_record({'я-' + str(n): {'M': {'a b': {'N': str(n)}}} for n in range(2_000)})\n"
        "bad = [b'{', compact({}), compact(item_record({'a': {'N': 'x'}})), compact(item_record({'a': 1}))]\n"
        "event = firehose_event(wide, *bad, *[item_record({'A': {'S': ''}, 'a': {'S': ''}})] * 200)\n"
        "h.handler(event, None)\n"
        "gc.collect()\n"
        "for _ in range(5):\n"
        "    h.handler(event, None)\n"
        "assert gc.collect() < 20\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, check=True, capture_output=True)
