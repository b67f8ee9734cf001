"""What the settle job takes from the views that exist: the cut, and the columns that they show."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from glue.jobs.settle.lake_catalog import LakeCatalog
from glue.tables import METADATA_COLUMNS
from scripts.core.views import definitions
from settled.names import NO_SWITCH

CUT, OTHER = "2026-11-28T12:00:00.000000Z", "2026-11-29T12:00:00.000000Z"
# One with a name of the views, two with reserved names, one of the settled tables' own.
COLUMNS = ["colour", "valid_from", "attribute_dt", "attribute_change_key", "settled_at"]


def view(sql: str, columns: Sequence[str] = ()) -> dict[str, Any]:
    """A view as Athena stores it."""
    text = base64.b64encode(json.dumps({"originalSql": sql}).encode()).decode()
    storage = {"Columns": [{"Name": name, "Type": "string"} for name in columns]}
    return {"ViewOriginalText": f"/* Presto View: {text} */", "StorageDescriptor": storage}


def views(
    ending: str, source: str = "Orders-1", cut: str | None = None, columns: Sequence[str] = ()
) -> dict[str, Any]:
    """The three views of a source table, by name."""
    made = definitions(ending, source, columns, {}, cut)
    return {one.name: view(one.select, [name for name, _ in one.columns]) for one in made}


def catalog(**tables: Any) -> LakeCatalog:
    """A lake with these tables."""
    names = [*METADATA_COLUMNS, *COLUMNS]
    changes = {"StorageDescriptor": {"Columns": [{"Name": name} for name in names]}}
    return LakeCatalog("d", "s3://lake/", "eu-west-1", _read={"changes": changes, **tables})


@pytest.mark.parametrize(
    ("tables", "cut"),
    [
        ({}, NO_SWITCH),
        (views("orders_1"), NO_SWITCH),
        (views("orders_1", cut=CUT), CUT),
        (views("mine", cut=CUT), CUT),
        (views("orders_1", cut=CUT) | views("a", cut=OTHER), CUT),
        (views("orders_1") | views("mine", cut=OTHER), NO_SWITCH),
        (views("b", cut=CUT) | views("a", cut=OTHER), OTHER),
        (views("orders_1", source="other", cut=OTHER), NO_SWITCH),
        (views("orders_1", source="other", cut=OTHER) | views("mine", cut=CUT), CUT),
        ({"current_orders_1": view(f"SELECT 1 WHERE change_table = 'Orders-1' AND t > '{CUT}'")}, NO_SWITCH),
    ],
)
def test_the_cut_of_the_pairs_own_view_counts(tables: dict[str, Any], cut: str) -> None:
    """Without `current_<name>`, that of the first view with another name; views of others do not count."""
    assert catalog(**tables).switched_at("orders_1") == cut


@pytest.mark.parametrize("kind", ["current", "history"])
@pytest.mark.parametrize("ending", ["orders_1", "mine"])
def test_every_shown_column_is_found(kind: str, ending: str) -> None:
    """Whatever name the view gives it; settled tables have their own name for one."""
    made = views(ending, columns=COLUMNS)
    name = f"{kind}_{ending}"
    found = catalog(**{name: made[name]}).shown_columns("orders_1")
    assert found == {"colour", "valid_from", "attribute_dt", "attribute_change_key", "attribute_settled_at"}


def test_columns_that_no_view_of_the_table_shows_are_not_found() -> None:
    """Neither those of other tables' views, nor those that a view leaves out."""
    tables = views("orders_1", columns=["colour"]) | views("other", source="other", columns=["valid_from"])
    assert catalog(**tables).shown_columns("orders_1") == {"colour"}
    assert catalog().shown_columns("orders_1") == set()
