"""The tests of this folder are collected only when named (`make test-spark`): they need Java and pyspark."""

import pytest

from tests.engines.collection import ignore_unless_named
from tests.spark import assembly


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out of a run that does not name it."""
    return ignore_unless_named(assembly.HERE, config)
