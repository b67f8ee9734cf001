"""What is asked of a table before anything is written to it."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.put_items.errors import CommandError
from scripts.put_items.table import describe
from tests.unit.scripts.edge import refused


class Tables:
    """DescribeTable and ListTables of an account."""

    def __init__(self, *names: str, status: str = "ACTIVE") -> None:
        self._names, self._status = names, status

    def describe_table(self, TableName: str) -> dict[str, Any]:
        """The table, if it is there."""
        if TableName not in self._names:
            raise refused("ResourceNotFoundException", "Requested resource not found")
        return {
            "Table": {
                "TableName": TableName,
                "TableStatus": self._status,
                "TableArn": f"arn:aws:dynamodb:eu-west-1:222222222222:table/{TableName}",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            }
        }

    def list_tables(self) -> dict[str, Any]:
        """The names."""
        return {"TableNames": list(self._names)}


def test_a_missing_table_lists_similar_tables() -> None:
    """The nearest names come first."""
    with pytest.raises(CommandError) as unknown:
        describe(Tables("orders", "movies"), "movie", "eu-west-1")
    assert unknown.value.message == "there is no table movie in Region eu-west-1 of this account"
    assert unknown.value.next_step.startswith("Existing tables: movies. ")


def test_a_table_that_is_not_active_is_refused() -> None:
    """CREATING, DELETING and the like take no writes."""
    with pytest.raises(CommandError, match="table orders is CREATING"):
        describe(Tables("orders", status="CREATING"), "orders", "eu-west-1")


def test_account_and_region_come_from_the_tables_arn() -> None:
    """So that they are right for a table of another account, too."""
    arn = "arn:aws:dynamodb:eu-west-1:222222222222:table/orders"
    assert describe(Tables(arn), arn, "us-east-1").name == arn, "writes must name the other account"
    table = describe(Tables("orders"), "orders", "eu-west-1")
    assert (table.account, table.region, table.keys, table.types) == (
        "222222222222",
        "eu-west-1",
        {"pk": "HASH"},
        {"pk": "S"},
    )
