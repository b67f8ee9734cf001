"""The tests of this folder are collected only when named (`make test-spark`): they need Java and pyspark."""

from pathlib import Path

import pytest

from tests.engines.collection import ignore_unless_named


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out of a run that does not name it."""
    return ignore_unless_named(Path(__file__).parent, config)
