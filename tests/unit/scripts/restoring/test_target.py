"""The table that a restore writes into: which may be used, how one is created, and its tags."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.core.console import CommandError
from scripts.core.restoring.key_schema import KeySchema
from scripts.core.restoring.target import SOURCE_TAG, UNFINISHED_TAG, Target, restore_mark
from tests.unit.scripts.restoring.fake_dynamodb import FakeDynamoDb

MOMENT = "2026-11-28T12:00:00.000000Z"
MARK = restore_mark("orders", MOMENT)


def target(client: FakeDynamoDb, name: str = "copy", keys: str = "pk:S") -> Target:
    """A target in an account that waits for nothing."""
    connection: Any = SimpleNamespace(account="1" * 12, region="eu-west-1")
    return Target(connection, name, "orders", MOMENT, KeySchema.parse(keys), client, print, lambda _: None)


@pytest.mark.parametrize(("creating", "backups_later"), [(0, 0), (3, 2)])
def test_created_table_is_encrypted_protected_recoverable_and_tagged(
    creating: int, backups_later: int
) -> None:
    """On demand, under the key; recovery is turned on as soon as DynamoDB allows it."""
    client = FakeDynamoDb(creating, backups_later)
    one = target(client, keys="pk:S,sk:N")
    assert one.condition() == "absent"
    one.create("key-1")
    one.make_ready()
    made = client.tables["copy"]
    assert made["BillingMode"] == "PAY_PER_REQUEST"
    assert made["SSESpecification"] == {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "key-1"}
    assert made["DeletionProtectionEnabled"] is True
    assert made["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert client.recovered == ["copy"]
    assert client.tags["copy"] == {UNFINISHED_TAG: MARK, SOURCE_TAG: f"orders@{MOMENT}"}


def test_unfinished_restore_continues_and_a_finished_one_does_not() -> None:
    """The tag is removed at the end, so that a later run does not overwrite what an application wrote."""
    client = FakeDynamoDb()
    one = target(client)
    one.create("key-1")
    one.make_ready()
    client.items["copy"]["a"] = {"pk": {"S": "a"}}
    assert one.condition() == "unfinished"
    one.finish()
    assert client.tags["copy"] == {SOURCE_TAG: f"orders@{MOMENT}"}
    with pytest.raises(CommandError, match="copy is the table of this restore, which is complete"):
        one.condition()
    one.moment = "2026-11-27T12:00:00.000000Z"
    with pytest.raises(CommandError, match="copy is not empty"):
        one.condition()


def test_empty_table_of_the_user_gets_a_tag_and_nothing_else() -> None:
    """Its settings stay as they are: no encryption, recovery or protection is changed."""
    client = FakeDynamoDb()
    client.add("copy")
    before = dict(client.tables["copy"])
    one = target(client)
    assert one.condition() == "empty"
    one.mark()
    one.make_ready()
    assert one.condition() == "unfinished"
    assert (client.tables["copy"], client.recovered) == (before, [])
    one.finish()
    assert client.tags["copy"] == {}


def test_table_with_items_is_refused() -> None:
    """Nothing of another table is ever overwritten."""
    client = FakeDynamoDb()
    client.add("copy")
    client.items["copy"]["a"] = {"pk": {"S": "a"}}
    with pytest.raises(CommandError, match="copy is not empty") as error:
        target(client).condition()
    assert "--into" in error.value.next_step


@pytest.mark.parametrize("keys", ["pk:N", "id:S", "pk:S,sk:S"])
def test_table_with_another_key_schema_is_refused(keys: str) -> None:
    """The message has both schemas."""
    client = FakeDynamoDb()
    client.add("copy", keys)
    with pytest.raises(CommandError, match=f"key schema {keys}, and the items have pk:S$"):
        target(client).condition()


def test_table_of_another_restore_is_refused() -> None:
    """Also if it is still empty."""
    client = FakeDynamoDb()
    client.add("copy")
    client.tags["copy"][UNFINISHED_TAG] = restore_mark("orders", "2026-11-27T12:00:00.000000Z")
    with pytest.raises(CommandError, match="another restore"):
        target(client).condition()


def test_table_that_is_being_deleted_is_refused() -> None:
    """Its name is free later."""
    client = FakeDynamoDb()
    client.add("copy", status="DELETING")
    with pytest.raises(CommandError, match="copy is DELETING"):
        target(client).condition()


def test_waiting_ends() -> None:
    """A table that never becomes active, or never has backups, is an error with a next step."""
    for client in (FakeDynamoDb(creating=10_000), FakeDynamoDb(backups_later=10_000)):
        one = target(client)
        one.create("key-1")
        with pytest.raises(CommandError, match="copy") as error:
            one.make_ready()
        assert "it continues" in error.value.next_step


@pytest.mark.parametrize("text", ["", "pk", "pk:X", "pk:S,", "pk:S,sk:N,x:B", "pk:S,pk:N", ":S"])
def test_text_that_is_no_key_schema_is_refused(text: str) -> None:
    """With the form to write."""
    with pytest.raises(CommandError, match="not a key schema") as error:
        KeySchema.parse(text)
    assert "pk:S,sk:N" in error.value.next_step


def test_key_schema_is_the_same_from_text_and_from_a_table() -> None:
    """The partition key comes first, whatever the order in the description."""
    client = FakeDynamoDb()
    client.add("copy", "id:S,sk:B")
    described = KeySchema.of_table(client.describe_table("copy")["Table"])
    assert described == KeySchema.parse("id:S,sk:B")
    assert KeySchema.parse("a:b:S").keys == (("a:b", "S"),)
    assert str(described) == "id:S,sk:B"


def test_keys_fit_with_their_names_and_types_only() -> None:
    """No key may be missing, added, or of another type."""
    schema = KeySchema.parse("pk:S,sk:N")
    assert schema.fits({"pk": {"S": "a"}, "sk": {"N": "1"}})
    for keys in (
        {"pk": {"S": "a"}},
        {"pk": {"S": "a"}, "sk": {"S": "1"}},
        {"pk": {"S": "a"}, "id": {"N": "1"}},
    ):
        assert not schema.fits(keys)
