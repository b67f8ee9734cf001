"""One lake, its deployed job, and both engines on the two tables.

Fixtures
- `lake`: a sandbox with the consumer stack and the option stack `columnar`. At the end it checks that no
  call of their roles was denied.
- `job`: the deployed job in a separate process, with its role.
- `both`: the sandbox's Athena and Trino side by side.
- `days`: days of the lake that no other test uses.

They are collected only when named (`make test-spark`): they need Java, pyspark and Trino, and nothing is
skipped. A run of the job checks every day of the lake, so each test checks only its own days.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from tests.engines.collection import ignore_unless_named
from tests.sandbox.roles import refused_roles
from tests.spark.compacted import CompactedLake
from tests.spark.deployed import DeployedJob
from tests.trino import assembly as trino_assembly
from tests.trino.both import Both
from tests.trino.server import Trino

FIRST_DAY = dt.date(2020, 1, 1)  # closed long before the tests run
_counter = itertools.count(1)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out of a run that does not name it."""
    return ignore_unless_named(Path(__file__).parent, config)


@pytest.fixture
def days() -> Callable[[int], list[str]]:
    """A function that returns this many unused days."""
    return lambda count: [str(FIRST_DAY + dt.timedelta(days=next(_counter))) for _ in range(count)]


@pytest.fixture(scope="session")
def lake() -> Iterator[CompactedLake]:
    """Consumer and option stack in one account. There is no delivery: the tests put the objects."""
    with Sandbox(speed=20) as sandbox:
        first_day = {"consumer": [f"FirstDay={FIRST_DAY}"]}
        sandbox.launch(plan_launches("consumer", "columnar", parameters=first_day))
        yield CompactedLake(sandbox)
        assert refused_roles(sandbox) == []


@pytest.fixture(scope="session")
def job(lake: CompactedLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedJob]:
    """The deployed job, with one Spark session for all its runs."""
    with DeployedJob(lake.sandbox, assembly.require(), tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.fixture(scope="session")
def both(lake: CompactedLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Trino on the consumer account's catalog and bucket, together with the sandbox's Athena."""
    folder = tmp_path_factory.mktemp("trino")
    with Trino.over(lake, trino_assembly.require(), folder, probed_day=str(FIRST_DAY)) as server:
        yield Both(lake, server.client)
