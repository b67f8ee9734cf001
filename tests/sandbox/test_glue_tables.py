"""Glue returns tables and partitions as AWS does, however they were created."""

from typing import Any

import pytest

from sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.sandbox
FILLED = {"Compressed": False, "NumberOfBuckets": 0, "SortColumns": [], "StoredAsSubDirectories": False}


@pytest.fixture
def table(emulator: Sandbox, unique: str) -> tuple[Any, dict[str, str]]:
    """A Glue client and the names of a table created with the fewest fields that Glue accepts."""
    glue = emulator.session("consumer").client("glue")
    glue.create_database(DatabaseInput={"Name": unique})
    glue.create_table(
        DatabaseName=unique,
        TableInput={"Name": "t", "StorageDescriptor": {"Columns": [], "Location": "s3://b/t/"}},
    )
    return glue, {"DatabaseName": unique, "Name": "t"}


def test_storage_descriptor_is_returned_complete(table: tuple[Any, dict[str, str]]) -> None:
    """Fields that were not set have AWS's values, also after an update; others are kept."""
    glue, names = table
    assert glue.get_table(**names)["Table"]["StorageDescriptor"].items() >= FILLED.items()
    changed = {"Name": "t", "StorageDescriptor": {"Columns": [], "Compressed": True}}
    glue.update_table(DatabaseName=names["DatabaseName"], TableInput=changed)
    descriptor = glue.get_table(**names)["Table"]["StorageDescriptor"]
    assert descriptor.items() >= {**FILLED, "Compressed": True}.items()


def test_field_that_was_not_set_is_not_returned_empty(table: tuple[Any, dict[str, str]]) -> None:
    """A table has no description and no owner until they are set."""
    glue, names = table
    assert not {"Description", "Owner"} & glue.get_table(**names)["Table"].keys()
    described = {"Name": "t", "Description": "orders", "Owner": "analyst"}
    glue.update_table(DatabaseName=names["DatabaseName"], TableInput=described)
    found = glue.get_table(**names)["Table"]
    assert (found["Description"], found["Owner"]) == ("orders", "analyst")


def test_partition_is_returned_complete(table: tuple[Any, dict[str, str]]) -> None:
    """Created one by one or in a batch."""
    glue, names = table
    where = {"DatabaseName": names["DatabaseName"], "TableName": "t"}
    first, second = (
        {"Values": [value], "StorageDescriptor": {"Columns": [], "Location": f"s3://b/t/{value}/"}}
        for value in ("1", "2")
    )
    glue.create_partition(**where, PartitionInput=first)
    glue.batch_create_partition(**where, PartitionInputList=[second])
    partitions = glue.get_partitions(**where)["Partitions"]
    assert [partition["Values"] for partition in partitions] == [["1"], ["2"]]
    assert all(partition["StorageDescriptor"].items() >= FILLED.items() for partition in partitions)
