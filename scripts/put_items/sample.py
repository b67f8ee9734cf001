"""The sample item. It is inserted, updated and deleted, so that the lake receives each kind of change."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable
from typing import Any

from .table import Table
from .values import Item


def sample(table: Table, token: str) -> tuple[Item, Item]:
    """A unique key, and attributes of all ten types."""
    name = f"ddb-lake-sample-{token}"
    keys: Item = {"S": {"S": name}, "N": {"N": str(int(token, 16))}, "B": {"B": name.encode()}}
    key = {name: keys[table.types[name]] for name in table.keys}
    attributes: Item = {
        "title": {"S": "A sample of ddb-lake"},
        "price": {"N": "19.99"},
        "digits": {"N": "3.1415926535897932384626433832795028842"},
        "picture": {"B": b"\x00\x01\xfe\xff"},
        "in_stock": {"BOOL": True},
        "discontinued": {"NULL": True},
        "address": {
            "M": {"city": {"S": "Zürich"}, "geo": {"M": {"lat": {"N": "47.3769"}, "lon": {"N": "8.5417"}}}}
        },
        "lines": {"L": [{"S": "first"}, {"N": "2"}, {"M": {"quantity": {"N": "3"}}}]},
        "tags": {"SS": ["new", "sample"]},
        "sizes": {"NS": ["1", "2.5", "1E-5"]},
        "thumbnails": {"BS": [b"one", b"two"]},
    }
    # An index's key must have the index's type, so a sample attribute of that name is left out.
    return key, {name: value for name, value in attributes.items() if name not in table.types}


def update(attributes: Item) -> dict[str, Any]:
    """The sample's update of existing attributes: set values (also a nested one), add to a set, remove."""
    actions = {
        "SET": {"price": "#price = :price", "address": "#address.#city = :city"},
        "REMOVE": {"lines": "#lines"},
        "ADD": {"tags": "#tags :tags"},
    }
    values = {
        ":price": {"N": "24.99"},
        ":city": {"S": "São Paulo"},
        ":tags": {"SS": ["updated"]},
    }
    clauses = {
        verb: ", ".join(text for name, text in texts.items() if name in attributes)
        for verb, texts in actions.items()
    }
    expression = " ".join(f"{verb} {text}" for verb, text in clauses.items() if text)
    used = set(re.findall(r"[#:]\w+", expression))
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {name: name[1:] for name in sorted(used) if name.startswith("#")},
        "ExpressionAttributeValues": {name: value for name, value in values.items() if name in used},
    }


def put_sample(client: Any, table: Table, say: Callable[[str], None]) -> dict[str, Any]:
    """Insert, update and delete one sample item; return a report as a document."""
    key, attributes = sample(table, uuid.uuid4().hex[:12])
    (first, *_) = table.keys
    done: list[str] = []
    try:
        client.put_item(
            TableName=table.name,
            Item={**key, **attributes},
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": first},
        )
        done.append("INSERT")
        say("INSERT  put-item: one item with attributes of all ten types")
        client.update_item(TableName=table.name, Key=key, **update(attributes))
        done.append("MODIFY")
        say("MODIFY  update-item: new price and city, one more tag, lines removed")
    finally:
        if "INSERT" in done:
            client.delete_item(TableName=table.name, Key=key)
            done.append("REMOVE")
            say("REMOVE  delete-item: the item is deleted; its last state stays in the lake")
    return {"changes": done, "key": _readable(key)}


def _readable(key: Item) -> dict[str, Any]:
    """A key as DynamoDB JSON."""
    return {
        name: {tag: base64.b64encode(value).decode() if tag == "B" else value}
        for name, attribute in key.items()
        for tag, value in attribute.items()
    }
