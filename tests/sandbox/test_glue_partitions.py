"""Partitions are replaced in one call, and read in pages and segments, as Glue does."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture
def table(emulator: Sandbox, unique: str) -> tuple[Any, dict[str, str]]:
    """A Glue client, and database and name of a table partitioned by day."""
    glue: Any = emulator.session("consumer").client("glue")
    glue.create_database(DatabaseInput={"Name": unique})
    keys = [{"Name": "dt", "Type": "string"}]
    glue.create_table(DatabaseName=unique, TableInput={"Name": "t", "PartitionKeys": keys})
    return glue, {"DatabaseName": unique, "TableName": "t"}


def partition(day: str, folder: str = "v1") -> dict[str, Any]:
    """The input of CreatePartition and UpdatePartition."""
    columns = [{"Name": "a", "Type": "string"}]
    return {
        "Values": [day],
        "StorageDescriptor": {"Columns": columns, "Location": f"s3://b/t/{day}/{folder}/"},
        "Parameters": {"folder": folder},
    }


def test_update_replaces_the_whole_partition(table: tuple[Any, dict[str, str]]) -> None:
    """Location and parameters change in one call; there is one partition before and after."""
    glue, where = table
    glue.create_partition(**where, PartitionInput=partition("1"))
    created = glue.get_partition(**where, PartitionValues=["1"])["Partition"]["CreationTime"]
    glue.update_partition(**where, PartitionValueList=["1"], PartitionInput=partition("1", "v2"))
    (found,) = glue.get_partitions(**where)["Partitions"]
    assert found["StorageDescriptor"]["Location"] == "s3://b/t/1/v2/"
    assert (found["Parameters"], found["CreationTime"]) == ({"folder": "v2"}, created)


def test_missing_partition_or_table_is_not_updated(table: tuple[Any, dict[str, str]]) -> None:
    """No call creates a table; an update creates no partition, and no second one with the same values."""
    glue, where = table
    refused = glue.exceptions.EntityNotFoundException
    with pytest.raises(refused):
        glue.update_partition(**where, PartitionValueList=["1"], PartitionInput=partition("1"))
    for call in (glue.create_partition, glue.update_partition):
        more = {} if call == glue.create_partition else {"PartitionValueList": ["1"]}
        with pytest.raises(refused):
            call(**{**where, "TableName": "u"}, PartitionInput=partition("1"), **more)
    glue.create_partition(**where, PartitionInput=partition("1"))
    glue.create_partition(**where, PartitionInput=partition("2"))
    with pytest.raises(ClientError, match="AlreadyExists"):
        glue.update_partition(**where, PartitionValueList=["1"], PartitionInput=partition("2"))


def test_segments_and_pages_return_every_partition_once(table: tuple[Any, dict[str, str]]) -> None:
    """Parallel readers get every partition once; columns are omitted on request."""
    glue, where = table
    days = [f"{number:02}" for number in range(13)]
    glue.batch_create_partition(**where, PartitionInputList=[partition(day) for day in days])
    segments = [{"SegmentNumber": number, "TotalSegments": 5} for number in range(5)]
    found = [
        partition["Values"][0]
        for s in segments
        for partition in glue.get_partitions(**where, Segment=s)["Partitions"]
    ]
    assert sorted(found) == days
    pages = glue.get_paginator("get_partitions").paginate(
        **where, ExcludeColumnSchema=True, PaginationConfig={"PageSize": 5}
    )
    paged = [partition for page in pages for partition in page["Partitions"]]
    assert [partition["Values"][0] for partition in paged] == days
    assert not any("Columns" in partition["StorageDescriptor"] for partition in paged)
