"""The DynamoDB tables whose changes are delivered, read with their account's credentials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.running import RunningSandbox

Item = dict[str, Any]


@dataclass(frozen=True)
class SourceTable:
    """A table and the Kinesis stream of its changes."""

    name: str
    stream_arn: str
    key_names: tuple[str, ...]
    client: Any

    def items(self) -> Iterator[tuple[Item, Item]]:
        """The (keys, item) pair of every item, as boto3's client returns them."""
        for page in self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True):
            for item in page["Items"]:
                yield {name: item[name] for name in self.key_names}, item


def find_tables(sandbox: RunningSandbox, streams: set[str]) -> list[SourceTable]:
    """Every table whose changes go to one of the streams (ARNs)."""
    found = []
    for account in {arn.split(":")[4] for arn in streams}:
        client = sandbox.client("dynamodb", sandbox.root(account))
        for page in client.get_paginator("list_tables").paginate():
            for name in page["TableNames"]:
                destinations = client.describe_kinesis_streaming_destination(TableName=name)
                for destination in destinations["KinesisDataStreamDestinations"]:
                    if destination["StreamArn"] in streams and destination["DestinationStatus"] == "ACTIVE":
                        schema = client.describe_table(TableName=name)["Table"]["KeySchema"]
                        keys = tuple(key["AttributeName"] for key in schema)
                        found.append(SourceTable(name, destination["StreamArn"], keys, client))
    return sorted(found, key=lambda table: table.name)
