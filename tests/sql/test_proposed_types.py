"""The types that `views --propose-types` proposes for a text."""

import pytest

from scripts.core.athena import quoted
from scripts.core.proposed_types import PROPOSED
from tests.sql.lake import Lake


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("true", "boolean"),
        ("0", "bigint"),
        ("-12", "bigint"),
        ("9223372036854775807", "bigint"),
        ("9223372036854775808", "decimal(38, 10)"),
        ("19.90", "decimal(38, 10)"),
        ("-0.5", "decimal(38, 10)"),
        ("2026-11-20T10:00:00.123Z", "timestamp"),
        ("02139", None),
        ("-007.5", None),
        ("+49301234567", None),
        (" 5", None),
        ("1e3", None),
        ("2026-11-20", None),
        ("", None),
    ],
)
def test_a_type_is_proposed_only_for_text_that_it_keeps(text: str, kind: str | None) -> None:
    """It is the narrowest such type. A postal code is not a number, and a telephone number is not either."""
    conditions = ", ".join(condition.format(quoted(text)) for condition in PROPOSED.values())
    [row] = Lake().ask(f"SELECT {conditions}")
    assert next((name for name, fits in zip(PROPOSED, row, strict=True) if fits == "true"), None) == kind
