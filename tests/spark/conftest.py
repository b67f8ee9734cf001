"""The tests of this folder are collected only when named (`make test-spark`): they need Java and pyspark."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from tests.engines.collection import ignore_unless_named
from tests.sandbox.roles import refused_roles
from tests.spark.settling import SettledLake, SettleJob


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out of a run that does not name it."""
    return ignore_unless_named(Path(__file__).parent, config)


@pytest.fixture(scope="session")
def settled_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SettledLake]:
    """A lake with its option stack and one session of the settle job. Every test has tables of its own."""
    with Sandbox(speed=20) as sandbox:
        sandbox.launch(plan_launches("consumer", "tables"))
        job = SettleJob(sandbox, assembly.require(), tmp_path_factory.mktemp("settle"))
        with job:
            yield SettledLake(sandbox, job)
        assert refused_roles(sandbox) == []


@pytest.fixture
def own_lake(settled_lake: SettledLake) -> Iterator[SettledLake]:
    """The lake, emptied after the test: a run looks at every table and every object."""
    yield settled_lake
    settled_lake.empty()
