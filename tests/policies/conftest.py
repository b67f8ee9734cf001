"""Fixtures of the policy tests: the simulator, installed once, and the ledger of each layout, judged once."""

from __future__ import annotations

import pytest

from tests.ci import in_ci
from tests.policies import toolbox
from tests.policies.documents import LAYOUTS, Documents
from tests.policies.ledger import Ledger, Verdict


def _left_out() -> str | None:
    """The reason why the simulator cannot run; None if it can, and in CI, where tests must fail."""
    try:
        toolbox.node()
    except toolbox.ToolMissingError as missing:
        return None if in_ci() else str(missing)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without Node, deselect all tests that need the simulator, instead of one skip each."""
    if _left_out():
        needing = [item for item in items if "simulator" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line reports the tests that were left out."""
    if reason := _left_out():
        terminalreporter.write_line(f"left out: {reason}")


@pytest.fixture(scope="session")
def simulator() -> None:
    """Needs the policy simulator. If it cannot be installed, the test is left out; in CI it fails."""
    try:
        toolbox.install_simulator()
    except toolbox.ToolMissingError as missing:
        if in_ci():
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


@pytest.fixture(scope="session", params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def ledgers() -> dict[str, Ledger]:
    return {layout: Ledger(Documents.of(layout)) for layout in LAYOUTS}


@pytest.fixture
def ledger(layout: str, ledgers: dict[str, Ledger]) -> Ledger:
    return ledgers[layout]


@pytest.fixture(scope="session")
def two_accounts(ledgers: dict[str, Ledger]) -> Ledger:
    return ledgers["two-accounts"]


@pytest.fixture(scope="session")
def verdicts(simulator: None, two_accounts: Ledger) -> list[Verdict]:
    return two_accounts.verdicts()
