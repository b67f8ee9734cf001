"""What the policy tests share: the simulator, installed once, and the ledger of each layout, judged once."""

from __future__ import annotations

import pytest

from tests.policies import toolbox
from tests.policies.documents import LAYOUTS, Documents
from tests.policies.ledger import Ledger, Verdict


@pytest.fixture(scope="session")
def simulator() -> None:
    """Needs the policy simulator; without Node the test is left out, except in CI, where it fails."""
    try:
        toolbox.install_simulator()
    except toolbox.ToolMissingError as missing:
        if toolbox.in_ci():
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
