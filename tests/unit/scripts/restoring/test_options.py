"""Options that cannot be right are refused before any account is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scripts.core import connection
from scripts.core.console import CommandError
from scripts.core.restoring.restore import _rebuilder
from scripts.restore import main
from tests.unit.scripts.conftest import Ran

GOOD = {"--as-of": "2026-11-01T00:00:00Z", "--into": "orders-restored"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"--as-of": "yesterday"}, "is not a time"),
        ({"--as-of": "2999-01-01T00:00:00Z"}, "is in the future"),
        ({"--into": "a/b"}, "a/b is not a table name"),
        ({"--into": "x"}, "x is not a table name"),
        ({"--write-capacity": "0"}, "is not a number of write units"),
        ({"--write-capacity": "many"}, "invalid int value"),
        ({"--key-schema": "pk"}, "is not a key schema"),
    ],
)
def test_wrong_option_is_a_usage_error(
    run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, options: dict[str, str], message: str
) -> None:
    """Exit code 2, the reason and the next step; nothing is read or written."""

    def never(*_: Any) -> None:
        raise AssertionError("an account was asked")

    monkeypatch.setattr(connection, "open_client", never)
    given = [word for pair in (GOOD | options).items() for word in pair]
    ran = run_verb(main, "orders", *given)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "next: " in ran.err


def test_two_spellings_of_one_name_are_refused() -> None:
    """The command cannot know which one an item has."""
    with pytest.raises(CommandError, match=r"customer\.FirstName and another name differ"):
        _rebuilder(None, "customer.firstName, customer.FirstName")
