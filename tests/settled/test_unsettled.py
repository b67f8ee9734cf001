"""The view `unsettled_changes` can be read back from its text, so it is widened without losing its rows."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settled.unsettled import Opening, SettledObject, opening, read, statement

DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(str)
PATHS = st.text(st.sampled_from("ab'/=-. >\"é("), max_size=12).map(lambda text: f"s3://lake/data/{text}.gz")
OPENINGS = st.builds(
    Opening, DAYS, st.lists(DAYS, unique=True).map(tuple), st.lists(PATHS, unique=True).map(tuple)
)


@given(OPENINGS)
def test_what_is_written_is_read_back(opened: Opening) -> None:
    """Days and left-out objects, whatever is in an object's name."""
    assert read(statement(opened, ["change_id", "pk"])) == opened


@given(OPENINGS)
def test_it_is_read_from_athenas_layout_too(opened: Opening) -> None:
    """As Trino's formatter writes a statement again: parentheses, and NOT before IN."""
    days = f"(dt >= '{opened.first_day}')"
    if opened.reopened:
        days = f"({days} OR (dt IN ({_texts(opened.reopened)})))"
    paths = f'\n   AND (NOT ("$path" IN ({_texts(opened.left_out)})))' if opened.left_out else ""
    text = f'SELECT\n  "change_id"\n, "dt"\nFROM\n  changes\nWHERE ({days}{paths})\n'
    assert read(text) == opened


def _texts(values: tuple[str, ...]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM changes",
        "SELECT * FROM changes WHERE dt >= '2026-11-20' AND change_table = 'orders'",
        "SELECT * FROM changes WHERE dt IN ('2026-11-20')",
        "SELECT * FROM changes WHERE dt < '2026-11-20' OR dt >= '2026-11-21'",
    ],
)
def test_another_view_is_not_read_as_this_one(sql: str) -> None:
    """It would be created again with other rows."""
    assert read(sql) is None


def test_the_narrowest_view_is_read_back() -> None:
    """As the settle job creates it: the largest objects are left out first."""
    objects = [SettledObject(f"s3://lake/data/dt=2026-11-20/{n}.gz", "2026-11-20", n) for n in range(3_000)]
    opened = opening(date(2026, 11, 20), objects, ["2026-10-01"])
    assert opened.left_out
    assert read(statement(opened, ["change_id"])) == opened
