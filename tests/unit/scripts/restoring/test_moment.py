"""--as-of: every spelling of a time is the same change_time, and everything else is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scripts.core.console import EXIT_USAGE, CommandError
from scripts.core.restoring.moment import change_time_of

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-28T12:00:00Z", "2026-11-28T12:00:00.000000Z"),
        ("2026-11-28T12:59:59.25+01:00", "2026-11-28T11:59:59.250000Z"),
        ("2026-11-27T22:30:00.000001-05:30", "2026-11-28T04:00:00.000001Z"),
    ],
)
def test_time_has_the_form_of_change_time(text: str, expected: str) -> None:
    """UTC, six decimals and Z, so that text order is time order."""
    assert change_time_of(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-28", "2026-11-28T12:00:00", "2026-11-28 12:00:00Z", "2026-13-01T00:00:00Z",
     "2026-11-28T12:00:00.1234567Z", "2026-11-28T12:00:00Z' OR 1=1", "0001-01-01T00:00:00+05:00"],
)  # fmt: skip
def test_text_that_is_no_time_is_refused(text: str) -> None:
    """With exit code 2 and the form to write."""
    with pytest.raises(CommandError, match="is not a time") as error:
        change_time_of(text, NOW)
    assert error.value.exit_code == EXIT_USAGE


def test_future_is_refused() -> None:
    """The present is not."""
    assert change_time_of("2026-11-28T13:00:00+01:00", NOW) == "2026-11-28T12:00:00.000000Z"
    with pytest.raises(CommandError, match="is in the future"):
        change_time_of("2026-11-28T12:00:00.000001Z", NOW)
