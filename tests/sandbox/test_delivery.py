"""Delivery over the emulator's public APIs: what arrives, where, and what happens when a part refuses."""

from collections.abc import Iterator

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.conftest import SPEED
from tests.sandbox.pipelines import Pipeline, wait_until

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="session")
def delivering() -> Iterator[Sandbox]:
    """A sandbox with nothing deployed and delivery running."""
    with Sandbox(speed=SPEED) as sandbox:
        sandbox.start_delivery()
        yield sandbox


def test_what_the_function_answers_decides_where_a_record_goes(delivering: Sandbox, unique: str) -> None:
    """Ok goes to the data prefix, ProcessingFailed to the error prefix, Dropped nowhere."""
    pipeline = Pipeline(delivering, unique).make()
    pipeline.write("one", "two", "fail me", "drop me")
    wait_until(lambda: pipeline.status().get("delivered") == 2, "two delivered records")
    wait_until(lambda: pipeline.status()["failed"] == 1, "one failed record")
    assert pipeline.lines("data/") == ["ONE", "TWO"]
    print(pipeline.objects())
