"""DynamoDB in memory, as far as a restore uses it: tables, tags, backups, reads and writes in batches."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from scripts.put_items.values import Item
from tests.unit.scripts.edge import Pages, refused
from transform_lambda.canonical import canonical_json


class NotFoundError(Exception):
    """ResourceNotFoundException."""


class FakeDynamoDb:
    """The tables of one account. A created table needs some calls until it is active."""

    exceptions = SimpleNamespace(ResourceNotFoundException=NotFoundError)

    def __init__(self, creating: int = 0, backups_later: int = 0) -> None:
        self.tables: dict[str, dict[str, Any]] = {}
        self.items: dict[str, dict[str, Item]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.recovered: list[str] = []
        self.calls: list[str] = []
        self.unprocessed_reads = 0
        self._creating, self._backups_later = creating, backups_later
        self._lock = threading.Lock()

    def add(self, name: str, keys: str = "pk:S", status: str = "ACTIVE", **tags: str) -> None:
        """A table that exists."""
        pairs = [key.split(":") for key in keys.split(",")]
        self.tables[name] = {
            "TableArn": f"arn:aws:dynamodb:eu-west-1:{'1' * 12}:table/{name}",
            "TableStatus": status,
            "KeySchema": [
                {"AttributeName": key, "KeyType": kind}
                for (key, _), kind in zip(pairs, ("HASH", "RANGE"), strict=False)
            ][::-1],
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind} for key, kind in pairs],
        }
        self.items[name], self.tags[name] = {}, {key.replace("_", ":"): value for key, value in tags.items()}

    def describe_table(self, TableName: str) -> dict[str, Any]:
        if TableName not in self.tables:
            raise NotFoundError
        table = self.tables[TableName]
        if table["TableStatus"] == "CREATING" and self._creating:
            self._creating -= 1
        elif table["TableStatus"] == "CREATING":
            table["TableStatus"] = "ACTIVE"
        return {"Table": dict(table)}

    def create_table(self, TableName: str, Tags: list[dict[str, str]], **request: Any) -> None:
        self.calls.append("create_table")
        self.add(TableName, status="CREATING")
        self.tables[TableName] |= request
        self.tags[TableName] = {tag["Key"]: tag["Value"] for tag in Tags}

    def tag_resource(self, ResourceArn: str, Tags: list[dict[str, str]]) -> None:
        self.calls.append("tag_resource")
        self.tags[ResourceArn.split("/")[1]] |= {tag["Key"]: tag["Value"] for tag in Tags}

    def untag_resource(self, ResourceArn: str, TagKeys: list[str]) -> None:
        for key in TagKeys:
            del self.tags[ResourceArn.split("/")[1]][key]

    def list_tags_of_resource(self, ResourceArn: str, NextToken: str = "") -> dict[str, Any]:
        """One tag per page."""
        tags = [{"Key": key, "Value": value} for key, value in self.tags[ResourceArn.split("/")[1]].items()]
        place = int(NextToken or 0)
        more = {"NextToken": str(place + 1)} if place + 1 < len(tags) else {}
        return {"Tags": tags[place : place + 1], **more}

    def update_continuous_backups(self, TableName: str, PointInTimeRecoverySpecification: Any) -> None:
        assert PointInTimeRecoverySpecification == {"PointInTimeRecoveryEnabled": True}
        assert self.tables[TableName]["TableStatus"] == "ACTIVE"
        if self._backups_later:
            self._backups_later -= 1
            raise refused("ContinuousBackupsUnavailableException")
        self.recovered.append(TableName)

    def scan(self, TableName: str, Limit: int, ConsistentRead: bool) -> dict[str, Any]:
        assert (Limit, ConsistentRead) == (1, True)
        return {"Items": list(self.items[TableName].values())[:Limit]}

    def get_paginator(self, name: str) -> Pages:
        """Scans that count."""
        assert name == "scan"
        return Pages(lambda TableName, **_: [{"Count": 1} for _ in self.items[TableName]])

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """The first `unprocessed_reads` answers leave out half of the keys."""
        self.calls.append("batch_get_item")
        ((table, request),) = RequestItems.items()
        keys = request["Keys"]
        assert len(keys) <= 100
        left: list[Any] = []
        if self.unprocessed_reads:
            self.unprocessed_reads -= 1
            keys, left = keys[::2], keys[1::2]
        found = [self.items[table][key] for key in map(_text, keys) if key in self.items[table]]
        return {"Responses": {table: found}, "UnprocessedKeys": {table: {"Keys": left}} if left else {}}

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, requests),) = RequestItems.items()
        with self._lock:
            self.calls += ["put"] * len(requests)
            for request in requests:
                item = request["PutRequest"]["Item"]
                self.items[table][_text({"pk": item["pk"]})] = item
        return {"UnprocessedItems": {}}


def _text(keys: Item) -> str:
    return canonical_json(keys).decode()
