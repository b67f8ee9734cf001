"""The shapes that AWS's own tools write around items, and the items inside them.

A record has a shape if it has every name that the shape needs, of the right kind, and no other name than the
shape allows. So an item with the attribute `Items` and another attribute stays one item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import shown
from .json_stream import kind_of


class Entry(NamedTuple):
    """An item inside a shape (or a value in its place), and the table that it was written for, if named."""

    item: Any
    table: str | None = None


class ShapeError(Exception):
    """A shape that cannot be put: the reason, and what to do with the file."""

    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(why)
        self.why, self.next_step = why, next_step


class Shape(NamedTuple):
    """A shape: the names it needs with the kind of each, the other names it may have, and its items.

    `may` is None if AWS may add any name. `tables` returns the content by table; one of these tables is put.
    `entries` then receives one element of that table's list, and otherwise the whole record.
    """

    name: str
    needs: Mapping[str, type]
    may: frozenset[str] | None
    entries: Callable[[Any], Iterator[Entry]]
    tables: Callable[[dict[str, Any]], Mapping[str, list[Any]]] | None = None

    def has_needs(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has the names that the shape needs."""
        return all(isinstance(record.get(name), kind) for name, kind in self.needs.items())

    def foreign_name(self, record: Mapping[str, Any]) -> str | None:
        """A name of the record that the shape does not allow; None if it allows all."""
        if self.may is None:
            return None
        return next((name for name in record if name not in self.needs and name not in self.may), None)


# Names that boto3 and the JavaScript SDK add to every response, and the consumed capacity.
ANSWERED = frozenset(("ConsumedCapacity", "ItemCollectionMetrics", "ResponseMetadata", "$metadata"))
PAGE = ANSWERED.union(("Count", "ScannedCount", "LastEvaluatedKey", "NextToken"))
BATCH = frozenset(("ReturnConsumedCapacity", "ReturnItemCollectionMetrics"))
CONDITIONS = (
    "ConditionExpression",
    "Expected",
    "ConditionalOperator",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
)
PUT = BATCH.union(CONDITIONS, ("ReturnValues", "ReturnValuesOnConditionCheckFailure"))


def _itself(element: Any) -> Iterator[Entry]:
    yield Entry(element)


def _item(record: dict[str, Any]) -> Iterator[Entry]:
    yield Entry(record["Item"])


def _items(record: dict[str, Any]) -> Iterator[Entry]:
    yield from map(Entry, record["Items"])


def _put(request: dict[str, Any]) -> Iterator[Entry]:
    """The item of a put-item input, or of a transaction's Put, unless it depends on a condition."""
    for name in CONDITIONS:
        if request.get(name):
            raise ShapeError(
                f"the put has a condition ({name}); this command puts items without conditions",
                f"Remove {name}, or use `aws dynamodb put-item --cli-input-json`.",
            )
    table = request.get("TableName")
    yield Entry(request.get("Item"), table if isinstance(table, str) else None)


def _request(request: Any) -> Iterator[Entry]:
    """The item of one PutRequest."""
    if isinstance(request, dict) and request.keys() == {"DeleteRequest"}:
        raise ShapeError(
            "the batch deletes items (DeleteRequest); this command only puts items",
            "Remove its DeleteRequest entries, or use `aws dynamodb batch-write-item`.",
        )
    put = request.get("PutRequest") if isinstance(request, dict) and len(request) == 1 else None
    if not isinstance(put, dict) or put.keys() != {"Item"}:
        raise ShapeError("an entry of the batch is not a PutRequest with an Item", "Correct the file.")
    yield Entry(put["Item"])


def _transaction(record: dict[str, Any]) -> Iterator[Entry]:
    for operation in record["TransactItems"]:
        yield from _operation(operation)


def _operation(operation: Any) -> Iterator[Entry]:
    """The item of one entry of a transaction."""
    kind, content = next(iter(operation.items()), ("", None)) if isinstance(operation, dict) else ("", None)
    if kind != "Put" or not isinstance(content, dict):
        raise ShapeError(
            f"the transaction has an entry {shown(kind) or 'without a name'}; this command only puts (Put)",
            "Remove its other entries, or use `aws dynamodb transact-write-items`.",
        )
    yield from _put(content)


def _responses(record: dict[str, Any]) -> Iterator[Entry]:
    for response in record["Responses"]:
        if not isinstance(response, dict) or response.keys() != {"Item"}:
            raise ShapeError("a response of the transaction has no item", "Remove such responses.")
        yield Entry(response["Item"])


def _image(record: dict[str, Any]) -> Iterator[Entry]:
    if not isinstance(record.get("NewImage"), dict):
        raise ShapeError(
            "this line of the export has no NewImage: the item was deleted, and this command only puts items",
            "Remove such lines: `jq -c 'select(.NewImage)' FILE > NEW`.",
        )
    yield Entry(record["NewImage"])


def _models(record: dict[str, Any]) -> dict[str, list[Any]]:
    tables: dict[str, list[Any]] = {}
    for model in record["DataModel"]:
        if not isinstance(model, dict) or not isinstance(model.get("TableName"), str):
            raise ShapeError("a table of the model has no TableName", "Correct the file.")
        items = model.get("TableData") or []
        if not isinstance(items, list):
            raise ShapeError(
                f"the TableData of a table of the model is {kind_of(items)}", "Correct the file."
            )
        tables.setdefault(model["TableName"], []).extend(items)
    return tables


def _refused(why: str, next_step: str) -> Callable[[Any], Iterator[Entry]]:
    def refuse(_: Any) -> Iterator[Entry]:
        raise ShapeError(why, next_step)

    return refuse


_CHANGE = _refused("this is a change record of a stream, not an item", "Give a file of items.")
_MANIFEST = _refused(
    "this is a manifest of an export, which has no items",
    "Put the files in the export's folder data/, one by one; they may stay compressed.",
)
_NO_PUT = _refused(
    "this is an input of get-item, update-item or delete-item (TableName, Key); this command only puts items",
    "Give whole items: the item itself, or an input of put-item.",
)
_PARTS = _refused(
    "this is the output of a write (Attributes), which may have only a part of the item",
    'Give the whole item, as {"Item": …}.',
)
_DEFINITION = _refused("this is a table's description, which has no items", "Give a file of items.")

SHAPES = (
    Shape("a line of an export, or an answer of get-item", {"Item": dict}, ANSWERED, _item),
    Shape("an input of put-item", {"TableName": str, "Item": dict}, PUT, _put),
    Shape("an answer of scan or query", {"Items": list}, PAGE, _items),
    Shape(
        "an answer of batch-get-item",
        {"Responses": dict},
        ANSWERED.union(("UnprocessedKeys",)),
        _itself,
        lambda record: record["Responses"],
    ),
    Shape("an answer of transact-get-items", {"Responses": list}, ANSWERED, _responses),
    Shape(
        "an input of batch-write-item", {"RequestItems": dict}, BATCH, _request, lambda r: r["RequestItems"]
    ),
    Shape(
        "an answer of batch-write-item",
        {"UnprocessedItems": dict},
        ANSWERED,
        _request,
        lambda record: record["UnprocessedItems"],
    ),
    Shape("a write request", {"PutRequest": dict}, frozenset(), _request),
    Shape("a write request", {"DeleteRequest": dict}, frozenset(), _request),
    Shape("a transaction", {"TransactItems": list}, BATCH.union(("ClientRequestToken",)), _transaction),
    *(
        Shape("an entry of a transaction", {kind: dict}, frozenset(), _operation)
        for kind in ("Put", "Update", "Delete", "ConditionCheck")
    ),
    Shape(
        "a line of an incremental export",
        {"Keys": dict, "Metadata": dict},
        frozenset(("NewImage", "OldImage")),
        _image,
    ),
    Shape("a model of NoSQL Workbench", {"DataModel": list}, None, _itself, _models),
    Shape("a manifest", {"exportArn": str, "manifestFilesS3Key": str}, None, _MANIFEST),
    Shape("a manifest", {"dataFileS3Key": str, "itemCount": str}, None, _MANIFEST),
    Shape("a change record", {"eventName": str, "dynamodb": dict}, None, _CHANGE),
    Shape("change records", {"Records": list}, frozenset(), _CHANGE),
    Shape("an input", {"TableName": str, "Key": dict}, None, _NO_PUT),
    Shape("an answer", {"Attributes": dict}, ANSWERED, _PARTS),
    Shape("a description", {"Table": dict}, ANSWERED, _DEFINITION),
    Shape("a description", {"TableDescription": dict}, ANSWERED, _DEFINITION),
)
BY_TABLE = Shape("a batch of write requests", {}, None, _request, lambda record: record)
MARKS = frozenset(name for shape in SHAPES for name in shape.needs)


def shape_of(record: dict[str, Any]) -> Shape | None:
    """The shape of the whole record; None for an item."""
    if not MARKS.isdisjoint(record):
        for shape in SHAPES:
            if shape.has_needs(record) and shape.foreign_name(record) is None:
                return shape
    if record and all(map(_is_batch, record.values())):
        return BY_TABLE
    return None


def nearly(record: dict[str, Any]) -> tuple[str, str] | None:
    """For a record with all names of a shape and one that it does not allow: the mark, and that name."""
    for shape in SHAPES:
        if shape.needs and shape.has_needs(record):
            foreign = shape.foreign_name(record)
            if foreign is not None:
                return next(iter(shape.needs)), foreign
    return None


def _is_batch(requests: Any) -> bool:
    return isinstance(requests, list) and bool(requests) and all(map(_is_request, requests))


def _is_request(request: Any) -> bool:
    return (
        isinstance(request, dict)
        and len(request) == 1
        and next(iter(request)) in ("PutRequest", "DeleteRequest")
    )
