"""Glue tables and partitions answered with the fields AWS answers, also those their creator left out.

AWS fact: a storage descriptor always carries `Compressed`, `NumberOfBuckets`, `SortColumns`,
`StoredAsSubDirectories` (AWS CLI reference, output of the example of `glue get-tables`). Trino's Glue catalog
relies on it: it fails on a descriptor without a number of buckets.
"""

from collections.abc import Callable
from typing import Any

from sandbox.emulator.seam import Seam

CREATE_TABLE = Seam("services.glue", "_create_table", "6cd8e49bce8eee6b")
UPDATE_TABLE = Seam("services.glue", "_update_table", "34e01bfff3873beb")
CREATE_PARTITION = Seam("services.glue", "_create_partition", "568016195403192d")
BATCH_CREATE_PARTITION = Seam("services.glue", "_batch_create_partition", "a5378f5337369913")
SEAMS = (CREATE_TABLE, UPDATE_TABLE, CREATE_PARTITION, BATCH_CREATE_PARTITION)

Request = dict[str, Any]


def complete(definition: Request) -> Request:
    """A table or partition input with its storage descriptor's unnamed fields at AWS's values."""
    descriptor = definition.get("StorageDescriptor")
    if not isinstance(descriptor, dict):
        return definition
    defaults = {"Compressed": False, "NumberOfBuckets": 0, "SortColumns": [], "StoredAsSubDirectories": False}
    return {**definition, "StorageDescriptor": {**defaults, **descriptor}}


def install() -> None:
    """Complete every definition on its way in, through the API and through CloudFormation alike."""
    for seam, member in (
        (CREATE_TABLE, "TableInput"),
        (UPDATE_TABLE, "TableInput"),
        (CREATE_PARTITION, "PartitionInput"),
    ):
        _complete_member(seam, member)
    create_partitions = BATCH_CREATE_PARTITION.check()

    def batch_create_partition(data: Request) -> Any:
        inputs = [complete(one) for one in data.get("PartitionInputList") or []]
        return create_partitions({**data, "PartitionInputList": inputs})

    BATCH_CREATE_PARTITION.replace(batch_create_partition)


def _complete_member(seam: Seam, member: str) -> None:
    original: Callable[[Request], Any] = seam.check()

    def completed(data: Request) -> Any:
        return original({**data, member: complete(data.get(member) or {})})

    seam.replace(completed)
