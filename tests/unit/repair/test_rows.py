"""SNAPSHOT rows: their metadata, and that the same source always gives the same row."""

import json

import pytest

from repair.rows import snapshot
from transform_lambda.canonical import image_digest
from transform_lambda.change import line_of, row_of
from transform_lambda.flatten import RowSettings

TIME = "2026-11-20T09:15:02.000000Z"
KEYS = {"pk": {"S": "a"}}
ITEM = {"pk": {"S": "a"}, "n": {"N": "12345678901234567890"}, "tags": {"SS": ["b", "a"]}}


def test_snapshot_row_states_the_item_and_no_change() -> None:
    """change_before and change_sequence are null, change_after is the item's digest."""
    row = json.loads(line_of(snapshot("export-1", TIME, "orders", KEYS, dict(ITEM))))
    assert row["change_type"] == "SNAPSHOT"
    assert row["change_time"] == TIME
    assert row["change_table"] == "orders"
    assert row["change_key"] == '{"pk":{"S":"a"}}'
    assert row["change_before"] is None
    assert row["change_sequence"] is None
    assert row["change_after"] == image_digest(ITEM)
    assert row["n"] == "12345678901234567890"


def test_snapshot_of_an_absent_item_has_no_state() -> None:
    """An item that the table does not have is a row with its keys and a null change_after."""
    row = json.loads(line_of(snapshot("export-1", TIME, "orders", KEYS, None)))
    assert row["change_after"] is None
    assert row["pk"] == "a"


def test_change_id_depends_on_source_and_key_only() -> None:
    """The same source and key give the same id; another source or another key gives another id."""
    ids = {
        snapshot(source, TIME, "orders", {"pk": {"S": key}}, None).change_id
        for source in ("export-1", "export-2")
        for key in ("a", "b")
    }
    assert len(ids) == 4
    assert snapshot("export-1", TIME, "orders", KEYS, dict(ITEM)).change_id in ids


@pytest.mark.parametrize("time", ["2026-11-20T09:15:02Z", "2026-11-20 09:15:02.000000Z", ""])
def test_snapshot_refuses_a_time_that_is_not_a_change_time(time: str) -> None:
    """Text order is time order only if every time has the same form."""
    with pytest.raises(ValueError, match="change_time"):
        snapshot("export-1", time, "orders", KEYS, None)


def test_line_is_the_row_of_the_function() -> None:
    """`line_of` writes the bytes that the function would write for the same change and settings."""
    settings = RowSettings(1, frozenset(), frozenset({"tags"}), keep_images=True)
    change = snapshot("export-1", TIME, "orders", KEYS, dict(ITEM))
    assert json.loads(line_of(snapshot("export-1", TIME, "orders", KEYS, dict(ITEM)), settings)) == row_of(
        change, settings
    )
