"""Sandboxes for the tests: one per xdist worker and layout, brought up when the first test asks for it.

Fixtures
- `emulator`: a sandbox with nothing deployed in it, for the emulator's own seams. Cheap (2 s).
  `stacks` launches a test's own templates in its producer account.
- `two_accounts`, `one_account`: a sandbox with the shipped templates launched, delivery running, waiting
  times divided by 20. Their `outputs` hold every output of every stack, `environment()` the variables that
  `python -m sandbox exec` would give a command.
- `two_accounts.session("consumer").client("s3")` is a client of an account.

The tests of one layout run on one worker (`--dist loadgroup`), so that each layout is launched once.
They are shared by every test of a worker: use names and keys of your own (`unique`), change no stack, and
count only what you wrote. A test that must change a stack or a policy brings up its own `Sandbox`.

At its end a layout is asked what its stacks' own roles were refused: nothing, whatever else made up for it.
"""

import uuid
from collections.abc import Iterator

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox.roles import refused_roles
from tests.sandbox.stacks import Stacks

SPEED = 20.0
LAYOUTS = ("two_accounts", "one_account")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share a layout together."""
    for item in items:
        for layout in LAYOUTS:
            if layout in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(layout))


@pytest.fixture
def unique() -> str:
    """A name nobody else uses: lower-case letters and digits."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def emulator() -> Iterator[Sandbox]:
    """A sandbox with nothing deployed in it; items expire after a fifth of a second."""
    with Sandbox(speed=300) as sandbox:
        yield sandbox


@pytest.fixture
def stacks(emulator: Sandbox) -> Stacks:
    """Stacks of the producer account, beside nothing else."""
    return Stacks(emulator, "producer")


def _launched(*kinds: str) -> Iterator[Sandbox]:
    """The shipped stacks of a layout, delivery running."""
    with Sandbox(speed=SPEED) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(plan_launches(*kinds))
        yield sandbox
        assert refused_roles(sandbox) == []


@pytest.fixture(scope="session")
def two_accounts() -> Iterator[Sandbox]:
    """The consumer and the producer stack in their accounts."""
    yield from _launched()


@pytest.fixture(scope="session")
def one_account() -> Iterator[Sandbox]:
    """The single-account stack."""
    yield from _launched("single-account")
