"""The views answer the same from settled tables as from raw rows, for every small history and every split.

SETTLED_HISTORIES is the number of larger histories to draw (2,000 by default); SETTLED_STRIDE is the step
through the small ones, of which there are 2.2 million (1 goes through all). SETTLED_SEED repeats a search.
"""

import os

import pytest

from scripts.core import views as rendered
from tests.settled import items
from tests.settled.histories import SWITCHED_AT, TABLE, History, Row, counterexample, search
from tests.settled.lake import ORDERS, Rows, answer, by_key, differences, settled_lake, tables, views
from tests.sql.lake import Lake

NUMBER = int(os.environ.get("SETTLED_HISTORIES", "2000"))
STRIDE = int(os.environ.get("SETTLED_STRIDE", "701"))
SEED = int(os.environ.get("SETTLED_SEED", "13"))

Searched = tuple[dict[str, History], Lake, dict[str, dict[str, Rows]]]


@pytest.fixture(scope="module", params=[None, SWITCHED_AT], ids=["one-road", "switched"])
def switched_at(request: pytest.FixtureRequest) -> str | None:
    """Without and with a cut between two roads."""
    cut: str | None = request.param
    return cut


@pytest.fixture(scope="module")
def searched(switched_at: str | None) -> Searched:
    """The histories by key, their lake, and the raw views' rows by key."""
    histories = {history[0].key: history for history in search(NUMBER, SEED, STRIDE)}
    lake = settled_lake(histories.values(), switched_at)
    return histories, lake, {kind: by_key(lake, view) for kind, view in views(None, switched_at).items()}


@pytest.mark.parametrize("kind", ORDERS)
def test_a_view_over_settled_tables_equals_the_view_over_raw_rows(
    searched: Searched, switched_at: str | None, kind: str
) -> None:
    """Every row and column of every history; `current` from the stored items."""
    histories, lake, raw = searched
    view = views(tables(switched_at=switched_at), switched_at)[kind]
    assert ("settled_items_orders" in view.select) == (kind == "current")
    wrong = differences(raw[kind], by_key(lake, view))
    assert [(histories[key], *wrong[key]) for key in list(wrong)[:3]] == []
    assert len(histories) > (NUMBER + 2_200_000 // STRIDE) * 0.9
    assert raw[kind]


def test_current_ranks_settled_changes_if_the_items_observe_another_cut(
    searched: Searched, switched_at: str | None
) -> None:
    """The stored items are those of another cut, so they are not read."""
    _, lake, raw = searched
    other = None if switched_at else SWITCHED_AT
    view = views(tables(switched_at=other), switched_at)["current"]
    assert "settled_items" not in view.select
    assert differences(raw["current"], by_key(lake, view)) == {}


def test_the_stated_rule_is_the_views_rule(searched: Searched, switched_at: str | None) -> None:
    """tests/settled/items.py, which the stored items come from, picks the row that the raw view shows."""
    histories, _, raw = searched
    for key, history in histories.items():
        row = items.last(history, switched_at)
        assert _shown(row) == _change(raw["current"].get(key)), history


def _shown(row: Row | None) -> tuple[str | None, ...] | None:
    if row is None or row.kind == "REMOVE" or not row.after:
        return None
    return row.id, row.sequence, row.time, row.kind, f"{row.before}>{row.after}"


def _change(rows: Rows | None) -> tuple[str | None, ...] | None:
    if rows is None:
        return None
    [row] = rows
    names = ("change_key", "change_time", "change_type", "change_actor", "change_id", "change_sequence")
    shown = dict(zip(names, row, strict=False))
    *_, n, _pk = row
    return shown["change_id"], shown["change_sequence"], shown["change_time"], shown["change_type"], n


# What the parts of athena/views/settled/ are for: without any of them, the search finds wrong answers.
BUGS = {
    "(a) changes of the stored time": ("(fresh_time = stored_time AND settled_ties > 1)", "false"),
    "(a) several of them": ("settled_ties > 1", "settled_ties > 2"),
    "(b) older rows": ("(fresh_time < stored_time AND settled_leans)", "false"),
    "(b) only older ones": ("fresh_time < stored_time", "fresh_time > stored_time"),
    "(a) and (b) for each row of an item": ("bool_or((fresh_time", "bool_and((fresh_time"),
    "(c) at all": ("count(*) > 1\n      AND NOT bool_or", "count(*) > 9\n      AND NOT bool_or"),
    "(c) of the newest time": ("WHERE moment = last_moment", "WHERE moment < last_moment"),
    "(c) with each change once": (
        ", IF(length(place) = 40, id), needs_more",
        ", IF(length(place) = 40, id), needs_more, id, place",
    ),
    "(c) with the stored change": (", coalesce(items.change_before, '')]", ", 'x']"),
    "(c) unless all are in sequence": ("NOT bool_and(coalesce(length", "NOT bool_or(coalesce(length"),
    "(c) two with one sequence": ("OR count(DISTINCT place) < count(place)", ""),
    "items of hard keys": ("IN (SELECT change_key FROM hard)", "IN (SELECT '' FROM hard)"),
    "stored rows of touched items": ("IN (SELECT change_key FROM fresh)\n  UNION", "IN ('')\n  UNION"),
    "untouched items": ("change_key NOT IN", "change_key IN"),
    "untouched items only": ("WHERE change_key NOT IN (SELECT change_key FROM fresh)", ""),
}


@pytest.mark.parametrize("switched_at", [None], indirect=True, ids=["one-road"])
@pytest.mark.parametrize("bug", BUGS)
def test_the_search_finds_a_missing_part(searched: Searched, switched_at: str | None, bug: str) -> None:
    """The parts of the rule are needed one by one, so none of them is there for nothing."""
    _, lake, raw = searched
    correct, wrong = BUGS[bug]
    view = views(tables(switched_at=switched_at), switched_at)["current"]
    assert view.select.count(correct) == 1
    broken = rendered.View(view.name, view.select.replace(correct, wrong), "")
    assert differences(raw["current"], by_key(lake, broken)) != {}


@pytest.mark.parametrize("kind", ["history", "gaps"])
@pytest.mark.parametrize("part", ["unsettled_changes", "settled_changes_orders"])
def test_history_and_gaps_need_both_parts(
    searched: Searched, switched_at: str | None, kind: str, part: str
) -> None:
    """Settled rows alone or unsettled ones alone give another answer."""
    _, lake, raw = searched
    view = views(tables(switched_at=switched_at), switched_at)[kind]
    correct = f"FROM {part}\n  WHERE change_table = '{TABLE}'"
    assert view.select.count(correct) == 1
    broken = rendered.View(view.name, view.select.replace(correct, f"FROM {part}\n  WHERE false"), "")
    assert differences(raw[kind], by_key(lake, broken)) != {}


def test_an_item_is_decided_by_more_than_its_newest_row() -> None:
    """The counterexample: the copy that arrived late has the highest sequence, and the item is still A."""
    lake = settled_lake([counterexample()])
    for settled in (None, tables()):
        [row] = answer(lake, views(settled)["current"])
        assert row[6] == "a" * 16


def test_settled_changes_are_not_read_without_hard_items() -> None:
    """The stored row decides an item that has one newest change: the statement asks for no more."""
    history = tuple(row for row in counterexample("easy") if row.time < SWITCHED_AT)
    lake = settled_lake([history])
    hard = views(tables())["current"].select.partition("contenders AS (")[0].rstrip().rstrip(",")
    assert lake.ask(f"{hard}\nSELECT change_key FROM hard") == []
    lake = settled_lake([counterexample()])
    assert lake.ask(f"{hard}\nSELECT change_key FROM hard") == [["counterexample"]]
