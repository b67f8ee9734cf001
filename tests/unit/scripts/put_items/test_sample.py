"""The sample item: one change of each kind, whatever the table's keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.put_items.kinds import TAGS
from scripts.put_items.sample import put_sample, sample, update
from scripts.put_items.table import Table
from scripts.put_items.values import check_keys
from tests.unit.scripts.edge import refused
from tests.unit.scripts.put_items.files import TABLE


class Calls:
    """Keeps the calls of the sample; one of them may fail."""

    def __init__(self, failing: str = "") -> None:
        self.names: list[str] = []
        self.requests: dict[str, dict[str, Any]] = {}
        self._failing = failing

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        def call(**request: Any) -> dict[str, Any]:
            self.names.append(name)
            self.requests[name] = request
            if name == self._failing:
                raise refused("AccessDeniedException", operation=name)
            return {}

        return call


def test_the_sample_is_inserted_updated_and_deleted() -> None:
    """The blog's three commands, on one new item: INSERT, MODIFY, REMOVE."""
    client, said = Calls(), list[str]()
    done = put_sample(client, TABLE, said.append)
    assert client.names == ["put_item", "update_item", "delete_item"]
    assert done["changes"] == ["INSERT", "MODIFY", "REMOVE"]
    assert client.requests["put_item"]["ConditionExpression"] == "attribute_not_exists(#key)"
    assert client.requests["update_item"]["Key"] == client.requests["delete_item"]["Key"]


def test_the_sample_has_all_ten_types() -> None:
    """S, N, B, BOOL, NULL, M, L, SS, NS, BS."""
    _, attributes = sample(TABLE, "0123456789ab")
    assert {tag for value in attributes.values() for tag in value} == set(TAGS)


@pytest.mark.parametrize(("type_", "value_type"), [("S", str), ("N", str), ("B", bytes)])
def test_the_sample_fits_the_tables_keys_and_indexes(type_: str, value_type: type) -> None:
    """Keys of any type and name; an attribute that an index has as key stays away."""
    table = Table(
        "t",
        "1",
        "r",
        {"State#Date": "HASH", "price": "RANGE"},
        {"State#Date": type_, "price": "N", "title": "N"},
    )
    key, attributes = sample(table, "0123456789ab")
    check_keys({**attributes, **key}, table)
    assert set(key) == {"State#Date", "price"}
    assert isinstance(next(iter(key["State#Date"].values())), value_type)
    assert not {"title", "price"} & set(attributes)


@pytest.mark.parametrize("taken", ["price", "address", "tags", "lines"])
def test_the_update_names_only_what_the_sample_has(taken: str) -> None:
    """A key cannot be updated, and a path needs its map: what a key took is left out."""
    table = Table("t", "1", "r", {"pk": "HASH", taken: "RANGE"}, {"pk": "S", taken: "S"})
    _, attributes = sample(table, "0123456789ab")
    request = update(attributes)
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    assert f"#{taken}" not in names
    used = set(re.findall(r"[#:]\w+", request["UpdateExpression"]))
    assert used == set(names) | set(values)
    assert set(names.values()) - {"city"} <= set(attributes)


def test_a_sample_is_deleted_if_its_update_fails() -> None:
    """Nothing half-written: the inserted item goes."""
    client = Calls(failing="update_item")
    with pytest.raises(ClientError):
        put_sample(client, TABLE, lambda _: None)
    assert client.names == ["put_item", "update_item", "delete_item"]
