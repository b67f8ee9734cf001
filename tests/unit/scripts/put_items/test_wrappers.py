"""The items inside the shapes that AWS's tools write around them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.scripts.put_items.files import ITEMS, MODEL, items, source


def test_of_a_model_with_several_tables_one_is_chosen(tmp_path: Path) -> None:
    """By --model-table; by the table's own name when the model has it."""
    assert items(source(tmp_path / "a.json", json.dumps(MODEL), model_table="Shop")) == ITEMS
    named = {
        "DataModel": [{"TableName": "shop", "TableData": ITEMS[:1]}, {"TableName": "x", "TableData": ITEMS}]
    }
    assert items(source(tmp_path / "b.json", json.dumps(named))) == ITEMS[:1]
