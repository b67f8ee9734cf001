"""The soak's checks of lakes that are settled in part find wrong views over settled tables.

`make soak-views` runs them on many more changes, and on Trino too.
"""

import re
import shutil
from itertools import islice
from pathlib import Path

import pytest

from scripts.core import views
from tests.soak import __main__ as soak
from tests.soak import checks, settled
from tests.soak.delivery import DAYS
from tests.soak.engines import DuckDb
from tests.soak.settled import Split, splits

ENGINE = DuckDb()
OBJECTS = [(DAYS[number % 3], f"{number}.gz") for number in range(20)]
SEED = 11
CHANGES = 4_000  # the eighteenth item has up to 2,000 of them


def silent(_: str) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def data() -> soak.Data:
    """A table that was switched between two roads."""
    return soak.make(CHANGES, SEED, "switched")


@pytest.fixture(scope="module")
def healed() -> soak.HealData:
    """A lake with a hole that was healed."""
    return soak.make_healed(1, SEED, "kinesis")


@pytest.mark.parametrize("split", list(islice(splits(OBJECTS, "1"), 8)), ids=lambda split: split.kind)
def test_a_split_has_every_row_in_some_place(split: Split) -> None:
    """An object that the view of unsettled rows does not have is settled; both parts have objects."""
    paths = {f"{day}/{name}" for day, name in OBJECTS}
    days = {day for day in DAYS if day >= split.first_day} | {*split.reopened}
    shown = {path for path in paths if path[:10] in days} - split.left_out
    assert split.settled | shown == paths
    assert split.settled
    assert shown - split.settled
    assert split.left_out <= split.settled
    assert not {path[:10] for path in split.left_out} & {*split.reopened}


def test_one_round_of_splits_has_every_kind() -> None:
    """Four kinds, in an order that the seed gives."""
    kinds = [split.kind for split in islice(splits(OBJECTS, "1"), 8)]
    assert len({*kinds[:4]}) == len({*kinds[4:]}) == 4
    assert list(islice(splits(OBJECTS, "1"), 4)) == list(islice(splits(OBJECTS, "1"), 4))
    assert list(islice(splits(OBJECTS, "1"), 4)) != list(islice(splits(OBJECTS, "2"), 4))


def test_a_small_soak_passes_with_every_kind_of_split() -> None:
    """By DynamoDB Streams; the edits below are tried on a switched table."""
    answer = soak.check(ENGINE, soak.make(CHANGES, SEED, "streams"), silent, most=4)
    assert {name: len({*kinds}) for name, kinds in answer["settled_parts"].items()} == {
        "whole": 4,
        "losses": 4,
        "repaired": 4,
    }


# Wrong edits of the views' parts for settled tables: the file, the text, the text instead.
BUGS = {
    "unsettled rows are dropped": (
        "changes.sql",
        "FROM unsettled_changes\n  WHERE change_table",
        "FROM unsettled_changes\n  WHERE false AND change_table",
    ),
    "settled rows are dropped": (
        "changes.sql",
        "FROM ${changes_table}\n  WHERE change_table",
        "FROM ${changes_table}\n  WHERE false AND change_table",
    ),
    "fresh rows are dropped": (
        "items.sql",
        "FROM unsettled_changes\n  WHERE change_table",
        "FROM unsettled_changes\n  WHERE false AND change_table",
    ),
    "an item is shown as stored and as ranked": (
        "shown.sql",
        "WHERE change_key NOT IN (SELECT change_key FROM fresh)",
        "",
    ),
    "the stored row of a touched item is not ranked": (
        "items.sql",
        "IN (SELECT change_key FROM fresh)\n  UNION",
        "IN ('')\n  UNION",
    ),
}


def edited(folder: Path, bug: str) -> Path:
    """A copy of athena/views with one wrong edit."""
    name, old, new = BUGS[bug]
    shutil.copytree(views.VIEWS, folder / "views")
    path = folder / "views" / "settled" / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"correct the edit: {text.count(old)} times in {name}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return folder / "views"


def test_the_views_pass_without_edits(data: soak.Data, healed: soak.HealData) -> None:
    """So the errors below come from the edits."""
    soak.check(ENGINE, data, silent, most=1)
    assert soak.check_healed(ENGINE, healed, silent, most=1)["items_wrong_before"] > 10


@pytest.mark.parametrize("bug", BUGS)
def test_the_soak_finds_a_wrong_view(
    data: soak.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    """And the message names the split, if it is an item that is wrong."""
    monkeypatch.setattr(views, "VIEWS", edited(tmp_path, bug))
    with pytest.raises((soak.WrongError, checks.WrongViewError)) as raised:
        soak.check(ENGINE, data, silent)
    text = str(raised.value)
    assert re.search(r"settled: (half|a closed|a reopened|nearly)|shows an item twice", text), text


@pytest.mark.parametrize("bug", ["unsettled rows are dropped", "fresh rows are dropped"])
def test_the_soak_finds_a_wrong_view_of_a_healed_lake(
    healed: soak.HealData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    """The rows of the heal, or the changes around them, are missing."""
    monkeypatch.setattr(views, "VIEWS", edited(tmp_path, bug))
    with pytest.raises(soak.WrongError, match=r"healed, kinesis.*settled: "):
        soak.check_healed(ENGINE, healed, silent)


def test_the_soak_finds_items_that_do_not_observe_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a job would store them that ignores it: the newest row can be one of the other road."""
    of_items = settled.items_of
    monkeypatch.setattr(settled, "items_of", lambda sources, histories, _: of_items(sources, histories, None))
    with pytest.raises(soak.WrongError, match="settled: "):
        soak.check(ENGINE, soak.make(CHANGES, SEED, "switched"), silent)
