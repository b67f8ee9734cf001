"""One lake with one Trino, for every test of this folder.

Fixtures
- `lake`: a sandbox with the consumer stack; `Lake` puts objects and queries the sandbox's Athena.
- `trino`: a client of a Trino whose Hive connector reads the same Glue catalog and the same bucket.
- `both`: queries both engines.

These tests are collected only when named (`pytest tests/trino`, `make test-athena`): they need Java and
260 MB of Trino. If something is missing, they fail; they are never skipped.
"""

from collections.abc import Iterator

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.engines.collection import ignore_unless_named
from tests.sandbox.lake import Lake
from tests.trino import assembly
from tests.trino.both import Both
from tests.trino.client import Client
from tests.trino.server import Trino


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out of a run that does not name it."""
    return ignore_unless_named(assembly.HERE, config)


@pytest.fixture(scope="session")
def lake() -> Iterator[Lake]:
    """The shipped consumer stack in its account. There is no delivery: the tests put the objects."""
    with Sandbox(speed=20) as sandbox:
        sandbox.launch(plan_launches("consumer"))
        yield Lake(sandbox)


@pytest.fixture(scope="session")
def trino(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Trino with the consumer account's own credentials."""
    folder = tmp_path_factory.mktemp("trino")
    with Trino.over(lake, assembly.require(), folder, probed_day="2026-11-20") as server:
        yield server.client


@pytest.fixture(scope="session")
def both(lake: Lake, trino: Client) -> Both:
    """The sandbox's Athena and Trino together."""
    return Both(lake, trino)
