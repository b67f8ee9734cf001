"""One lake and one Trino on it, for every test of this folder.

Fixtures
- `lake`: a sandbox with the consumer stack launched; `Lake` puts objects and asks the sandbox's Athena.
- `trino`: a client of a Trino whose Hive connector reads the same Glue catalog and the same bucket.
- `both`: asks both engines.

These tests are collected only when they are asked for (`pytest tests/trino`, `make test-athena`): they need
Java and 260 MB of Trino. What they need and do not find fails them; nothing is skipped.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import accounts
from sandbox.lifecycle import Sandbox, plan_stacks
from tests.sandbox.lake import Lake
from tests.trino import assembly
from tests.trino.both import Both
from tests.trino.client import Client
from tests.trino.server import Trino

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out of a run that does not name it."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True


@pytest.fixture(scope="session")
def lake() -> Iterator[Lake]:
    """The shipped consumer stack in its account; nothing delivers, the tests put the objects."""
    with Sandbox(speed=20) as sandbox:
        sandbox.launch(plan_stacks(single_account=False)[:1])
        yield Lake(sandbox)


@pytest.fixture(scope="session")
def trino(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Trino with the consumer account's own credentials."""
    keys = lake.sandbox.session("consumer").get_credentials()
    assert keys is not None
    with Trino(
        assembly.require(),
        tmp_path_factory.mktemp("trino"),
        endpoint=lake.sandbox.endpoint,
        authority=lake.sandbox.folder / "ca.pem",
        region=accounts.REGION,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        probe=f"SELECT count(*) FROM {lake.database}.changes WHERE dt = '2026-11-20'",
    ) as server:
        yield server.client


@pytest.fixture(scope="session")
def both(lake: Lake, trino: Client) -> Both:
    """The sandbox's Athena and Trino, side by side."""
    return Both(lake, trino)
