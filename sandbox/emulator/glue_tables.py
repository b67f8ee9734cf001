"""Glue tables and partitions as AWS returns them: with default fields, without empty ones.

AWS facts, both seen in the output of `glue get-tables` in the AWS CLI reference: a storage descriptor has its
`Compressed`, `NumberOfBuckets`, `SortColumns`, `StoredAsSubDirectories` in every table, and a table
created without a description or an owner has neither. Trino's Glue catalog relies on both: it fails on a
descriptor without a number of buckets, and treats an empty description as the comment that marks a view.
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
    """A table or partition input with AWS's defaults in its storage descriptor."""
    descriptor = definition.get("StorageDescriptor")
    if not isinstance(descriptor, dict):
        return definition
    defaults = {"Compressed": False, "NumberOfBuckets": 0, "SortColumns": [], "StoredAsSubDirectories": False}
    return {**definition, "StorageDescriptor": {**defaults, **descriptor}}


def install() -> None:
    """Complete every definition from the API and from CloudFormation."""
    from ministack.services import glue  # noqa: PLC0415  importing it starts its state

    create_partition, create_partitions = CREATE_PARTITION.check(), BATCH_CREATE_PARTITION.check()

    def batch_create_partition(data: Request) -> Any:
        inputs = [complete(partition) for partition in data.get("PartitionInputList") or []]
        return create_partitions({**data, "PartitionInputList": inputs})

    for seam in (CREATE_TABLE, UPDATE_TABLE):
        seam.replace(_completing_table(seam.check(), glue))
    CREATE_PARTITION.replace(
        lambda data: create_partition({**data, "PartitionInput": complete(data.get("PartitionInput") or {})})
    )
    BATCH_CREATE_PARTITION.replace(batch_create_partition)


def _completing_table(original: Callable[[Request], Any], glue: Any) -> Callable[[Request], Any]:
    def completing(data: Request) -> Any:
        definition = complete(data.get("TableInput") or {})
        answer = original({**data, "TableInput": definition})
        stored = glue._tables.get(f"{data.get('DatabaseName')}/{definition.get('Name')}") or {}
        for name in ("Description", "Owner"):
            if stored.get(name) == "":
                del stored[name]
        return answer

    return completing
