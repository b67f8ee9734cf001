"""Sandboxes for the tests: one per xdist worker and layout, started when the first test needs it.

Fixtures
- `emulator`: a sandbox with nothing deployed in it, for the emulator's own seams. Cheap (2 s).
  `stacks` launches a test's own templates in its producer account.
- `two_accounts`, `one_account`: a sandbox with the shipped templates launched, delivery running, waiting
  times divided by 20. Their `outputs` are all outputs of all stacks, `environment()` the variables that
  `python -m sandbox exec` sets for a command.
- `two_accounts.session("consumer").client("s3")` is a client of an account.

The tests of one layout run on one worker (`--dist loadgroup`), so that each layout is launched once.
All tests of a worker share them: use your own names and keys (`unique`), change no stack, and count only your
own writes. A test that must change a stack or a policy starts its own `Sandbox`.

At its end the roles of a layout's stacks must not have had any denied call.
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
    """A name that no other test uses: lower-case letters and digits."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def emulator() -> Iterator[Sandbox]:
    """A sandbox with nothing deployed in it; items expire after a fifth of a second."""
    with Sandbox(speed=300) as sandbox:
        yield sandbox


@pytest.fixture
def stacks(emulator: Sandbox) -> Stacks:
    """Stacks in an empty producer account."""
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
