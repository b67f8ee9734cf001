"""The items inside the shapes that AWS's tools write around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.put_items.errors import CommandError
from scripts.put_items.reading.shapes import MARKS, SHAPES, shape_of
from scripts.put_items.reading.source import check
from scripts.put_items.table import Table
from tests.unit.scripts.put_items.files import ITEMS, MODEL, TABLE, items, source


def table(**keys: str) -> Table:
    """A table named shop with these keys."""
    return Table("shop", "111111111111", "us-east-1", dict.fromkeys(keys, "HASH"), keys)


def test_one_table_of_a_model_is_chosen(tmp_path: Path) -> None:
    """By --model-table; by the table's own name when the model has it."""
    assert items(source(tmp_path / "a.json", json.dumps(MODEL), model_table="Shop")) == ITEMS
    named = {
        "DataModel": [{"TableName": "shop", "TableData": ITEMS[:1]}, {"TableName": "x", "TableData": ITEMS}]
    }
    assert items(source(tmp_path / "b.json", json.dumps(named))) == ITEMS[:1]


def put(table_name: str, key: str) -> dict[str, Any]:
    """An input of put-item."""
    return {"TableName": table_name, "Item": {"pk": {"S": key}}}


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"Put": one}], ids=["inputs", "puts"])
def test_one_table_of_several_inputs_is_chosen(wrap: Any, tmp_path: Path) -> None:
    """Which is not known before the last of them: without --model-table the file is refused."""
    text = json.dumps([wrap(put("shop", "a")), wrap(put("other", "b")), wrap(put("shop", "c"))])
    assert items(source(tmp_path / "a.json", text, model_table="shop")) == [
        {"pk": {"S": "a"}},
        {"pk": {"S": "c"}},
    ]
    with pytest.raises(CommandError, match="several tables: shop, other") as refused:
        items(source(tmp_path / "a.json", text))
    assert "--model-table" in refused.value.next_step
    with pytest.raises(CommandError, match="has only items of the tables shop, other"):
        check(source(tmp_path / "a.json", text, model_table="neither"))


@pytest.mark.parametrize(
    "content",
    [
        [put("other", "a"), put("other", "b")],
        {"TransactItems": [{"Put": put("other", "a")}, {"Put": put("other", "b")}]},
        {"other": [{"PutRequest": {"Item": {"pk": {"S": key}}}} for key in "ab"]},
        {"RequestItems": {"other": [{"PutRequest": {"Item": {"pk": {"S": key}}}} for key in "ab"]}},
        {"Responses": {"other": [{"pk": {"S": "a"}}, {"pk": {"S": "b"}}]}},
        {"DataModel": [{"TableName": "other", "TableData": [{"pk": {"S": "a"}}, {"pk": {"S": "b"}}]}]},
    ],
    ids=["inputs", "transaction", "batch", "request items", "answer", "model"],
)
def test_a_file_for_another_table_is_put_with_a_note(content: object, tmp_path: Path) -> None:
    """The command names the table; that the file names another one is told once."""
    made = source(tmp_path / "a.json", json.dumps(content))
    assert len(items(made)) == 2
    assert list(made.notes) == ["the file is written for table other; its items go to table shop"]
    arn = TABLE._replace(name="arn:aws:dynamodb:us-east-1:111111111111:table/other")
    own = source(tmp_path / "a.json", json.dumps(content), arn)
    assert (len(items(own)), list(own.notes)) == (2, [])


def test_left_out_items_are_noted(tmp_path: Path) -> None:
    """Items of other tables beside the one that is meant, and a page that is not the last."""
    content = {"Responses": {"shop": ITEMS, "x": [], "y": []}, "UnprocessedKeys": {"shop": {"Keys": [{}]}}}
    made = source(tmp_path / "a.json", json.dumps(content))
    assert items(made) == ITEMS
    assert list(made.notes) == [
        "the file has an answer of batch-get-item with UnprocessedKeys: "
        "the table had more items than the file",
        "items of other tables in the file are left out: x, y",
    ]
    page = source(tmp_path / "a.json", json.dumps({"Items": ITEMS, "LastEvaluatedKey": {"pk": {"S": "b"}}}))
    assert items(page) == ITEMS
    assert "with LastEvaluatedKey" in "".join(page.notes)


KEYS = {"Keys": {"pk": {"S": "a"}}, "Metadata": {"WriteTimestampMicros": {"N": "1"}}}
SUMMARY = {"version": "2020-06-30", "exportArn": "arn", "manifestFilesS3Key": "x", "itemCount": 8}


@pytest.mark.parametrize(
    ("content", "why", "next_step"),
    [
        (
            put("shop", "a") | {"ConditionExpression": "x"},
            "has a condition (ConditionExpression)",
            "put-item",
        ),
        (put("shop", "a") | {"Expected": {"pk": {}}}, "has a condition (Expected)", "Remove Expected"),
        ({"Put": put("shop", "a") | {"ConditionExpression": "x"}}, "has a condition", "Remove Cond"),
        (
            {"TransactItems": [{"Put": put("shop", "a")}, {"Update": {}}]},
            "an entry Update",
            "transact-write-items",
        ),
        ({"TransactItems": [{"Delete": {}}]}, "an entry Delete", "transact-write-items"),
        ({"TransactItems": ["x"]}, "an entry without a name", "transact-write-items"),
        ({"Update": {"TableName": "shop"}}, "an entry Update", "transact-write-items"),
        ({"ConditionCheck": {"TableName": "shop"}}, "an entry ConditionCheck", "transact-write-items"),
        ({"DeleteRequest": {"Key": {}}}, "deletes items (DeleteRequest)", "batch-write-item"),
        (
            {"RequestItems": {"shop": [{"DeleteRequest": {}}]}},
            "deletes items (DeleteRequest)",
            "batch-write-item",
        ),
        ({"RequestItems": {"shop": {}}}, "the content of table shop is an object, not an array", "Correct"),
        ({"RequestItems": {"shop": [1]}}, "is not a PutRequest with an Item", "Correct"),
        ({"RequestItems": {"shop": [{"PutRequest": 1}]}}, "is not a PutRequest with an Item", "Correct"),
        ({"PutRequest": {"Key": {}}}, "is not a PutRequest with an Item", "Correct"),
        ({"PutRequest": {"Item": 1}}, "an item is a number, not an object", "Correct"),
        ({"UnprocessedItems": {}}, "has the tables (none)", "--model-table"),
        (KEYS, "has no NewImage: the item was deleted", "select(.NewImage)"),
        (KEYS | {"OldImage": {"pk": {"S": "a"}}}, "has no NewImage", "select(.NewImage)"),
        (SUMMARY, "is a manifest of an export", "folder data/"),
        (
            {"itemCount": 8, "md5Checksum": "x", "etag": "x", "dataFileS3Key": "x"},
            "is a manifest",
            "folder data/",
        ),
        ({"eventName": "INSERT", "dynamodb": {}, "eventID": "1"}, "is a change record of a stream", "items"),
        ({"Records": [{"eventName": "INSERT"}]}, "is a change record of a stream", "items"),
        (
            {"TableName": "shop", "Key": {}, "UpdateExpression": "x"},
            "an input of get-item, update-item",
            "put-item",
        ),
        ({"Attributes": {"pk": {"S": "a"}}}, "is the output of a write (Attributes)", '{"Item": …}'),
        ({"Table": {"TableName": "shop"}}, "is a table's description", "Give a file of items"),
        ({"TableDescription": {"TableName": "shop"}}, "is a table's description", "Give a file of items"),
        ({"Responses": [{}]}, "a response of the transaction has no item", "Remove such responses"),
        ({"DataModel": [{"TableData": []}]}, "a table of the model has no TableName", "Correct"),
        (
            {"DataModel": [{"TableName": "shop", "TableData": {"a": 1}}]},
            "the TableData of a table of the model",
            "Correct",
        ),
    ],
)
def test_a_shape_that_cannot_be_put_is_refused_by_name(
    content: object, why: str, next_step: str, tmp_path: Path
) -> None:
    """Never for a key it lacks: the message says what was recognised, and what to do."""
    with pytest.raises(CommandError) as refused:
        items(source(tmp_path / "a.json", json.dumps(content)))
    assert why in refused.value.message
    assert "is missing" not in refused.value.message
    assert next_step in refused.value.next_step


def test_an_item_with_a_shapes_attribute_is_one_item(tmp_path: Path) -> None:
    """An order with its `Items` is an order, whether or not the table's key is there."""
    order = {"orderId": "o1", "Items": [{"id": "sku1", "n": 1}, {"id": "sku2", "n": 2}]}
    (item,) = items(source(tmp_path / "a.json", json.dumps(order), table(orderId="S")))
    assert [line["M"]["id"] for line in item["Items"]["L"]] == [{"S": "sku1"}, {"S": "sku2"}]
    with pytest.raises(CommandError, match="id: is missing") as refused:
        check(source(tmp_path / "a.json", json.dumps(order), table(id="S")))
    assert "The record has Items, but also orderId, so it is read as one item" in refused.value.message


MARKED = [dict.fromkeys(shape.needs) for shape in SHAPES if shape.needs]
INSIDE = st.sampled_from(
    ["x", 1, [{"pk": "b"}], {"pk": "b"}, {"pk": {"S": "b"}}, {"shop": [{"pk": "b"}]}, []]
)


@given(st.data(), st.sampled_from(MARKED), st.booleans())
def test_a_record_with_the_tables_keys_is_one_item(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, marked: dict[str, None], typed: bool
) -> None:
    """Even with every name that a shape needs: the kind of a record is decided by all of its names."""
    record: dict[str, Any] = {name: data.draw(INSIDE) for name in marked}
    kinds = next(shape for shape in SHAPES if shape.needs.keys() == marked.keys()).needs
    record = {
        name: value if isinstance(value, kinds[name]) else kinds[name]() for name, value in record.items()
    }
    if typed:
        record = {name: {"S": json.dumps(value)} for name, value in record.items()}
    record["pk"] = {"S": "a"} if typed else "a"
    made = source(tmp_path_factory.getbasetemp() / "one.json", json.dumps(record), plain=not typed)
    (item,) = items(made)
    assert (item.keys(), item["pk"]) == (record.keys(), {"S": "a"})


def test_a_tables_key_may_be_called_like_a_shapes_name(tmp_path: Path) -> None:
    """Then the record is the item if nothing inside can be one, and the shape if it cannot be the item."""
    named = table(Item="S")
    text = json.dumps({"Item": {"S": "a"}})
    assert items(source(tmp_path / "a.json", text, named)) == [{"Item": {"S": "a"}}]
    exported = json.dumps({"Item": {"Item": {"S": "a"}, "n": {"N": "1"}}})
    assert items(source(tmp_path / "a.json", exported, named)) == [{"Item": {"S": "a"}, "n": {"N": "1"}}]
    deletes = json.dumps({"Update": "a"})
    assert items(source(tmp_path / "a.json", deletes, table(Update="S"))) == [{"Update": {"S": "a"}}]


def test_an_ambiguous_record_is_refused(tmp_path: Path) -> None:
    """A key called TableName is in the input of put-item and in the item inside."""
    text = json.dumps({"TableName": "shop", "Item": {"TableName": {"S": "a"}}})
    with pytest.raises(CommandError, match="or an input of put-item") as refused:
        items(source(tmp_path / "a.json", text, table(TableName="S")))
    assert '{"Item": …}' in refused.value.next_step


def test_every_shape_is_recognised_by_its_own_needs() -> None:
    """None is hidden behind another that is tried before it."""
    for shape in SHAPES:
        record = {name: kind() for name, kind in shape.needs.items()}
        assert shape_of(record) is shape
        assert shape.needs.keys() <= MARKS
