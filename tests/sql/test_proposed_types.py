"""The types that `views --propose-types` proposes for a text."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.core.athena import quoted
from scripts.core.proposed_types import AFTER, BEFORE, DECIMAL, PROPOSED, decimal_type, propose_types
from scripts.core.views import cast
from tests.sql.lake import Lake


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("true", "boolean"),
        ("0", "bigint"),
        ("-12", "bigint"),
        ("9223372036854775807", "bigint"),
        ("9223372036854775808", "decimal(38, 2)"),
        ("12.5", "decimal(38, 3)"),
        ("19.90", "decimal(38, 4)"),
        ("-0.5", "decimal(38, 3)"),
        ("1E-8", "decimal(38, 10)"),
        ("-1.25E+20", "decimal(38, 2)"),
        ("1E-38", "decimal(38, 38)"),
        ("12345678901234567890123456789012345678", "decimal(38, 0)"),
        ("1234567890123456789012345678.9012345678", "decimal(38, 10)"),
        ("0.12345678901234567890123456789012345678", "decimal(38, 38)"),
        ("123456789012345678901234567890123456789", None),
        ("1E-39", None),
        ("1E+38", None),
        ("1E5", None),
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
    asked = [f"{condition.format(quoted(text))}" for condition in PROPOSED.values()]
    asked += [digits.format(quoted(text)) for digits in (BEFORE, AFTER)]
    [[*row, before, after]] = Lake().ask(f"SELECT {', '.join(asked)}")
    found = next((name for name, fits in zip(PROPOSED, row, strict=True) if fits == "true"), None)
    assert (decimal_type(int(before or 0), int(after or 0)) if found == DECIMAL else found) == kind


@pytest.mark.parametrize(
    ("texts", "kind", "sentence"),
    [
        (("12.5", "7", "1E-8"), "decimal(38, 10)", None),
        (("0.5", "12345678901234567890123456789012345678"), None, "need more than 38 digits"),
        (("0.5", "1.25", "free"), None, "1 of 3 values are not decimal(38, 4)"),
    ],
)
def test_a_decimal_has_room_for_all_values_of_a_column(
    texts: tuple[str, ...], kind: str | None, sentence: str | None
) -> None:
    """Its digits before and after the point may be of different values."""
    changes = " UNION ALL ".join(
        f"SELECT 'INSERT' AS change_type, 'orders' AS change_table, {quoted(text)} AS total" for text in texts
    )

    def execute(sql: str, _database: str) -> SimpleNamespace:
        return SimpleNamespace(rows=Lake().ask(f"WITH changes AS ({changes}) {sql}"))

    workgroup: Any = SimpleNamespace(execute=execute)
    proposal = propose_types(workgroup, "ddb_lake", "orders", ["total"])
    assert proposal.types.get("total") == kind
    assert [sentence in near.sentence() for near in proposal.nearly if sentence] == [True] * bool(sentence)
    if kind:  # and the views keep every digit
        casts = ", ".join(f"CAST({cast(kind, quoted(text))} AS varchar)" for text in texts)
        [row] = Lake().ask(f"SELECT {casts}")
        assert [Decimal(str(cell)) for cell in row] == [Decimal(text) for text in texts]
