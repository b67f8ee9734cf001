"""UpdatePartition, which MiniStack lacks; GetPartitions by segments and pages; no partition without a table.

AWS facts (Glue API reference)
- UpdatePartition replaces the partition of `PartitionValueList` by `PartitionInput`, whose values must not be
  those of another partition; it has no condition on the partition it replaces ("UpdatePartition").
- It and CreatePartition return EntityNotFoundException for a table that does not exist.
- GetPartitions returns each partition in one of `Segment.TotalSegments` segments, at most 1000 per page, and
  without its columns where `ExcludeColumnSchema` is set ("GetPartitions"). `Expression` is not evaluated
  here: the answer then has too many partitions. Trino reads a table's partitions in parallel segments.
"""

import json
import time
from typing import Any

from sandbox.emulator.glue_tables import complete
from sandbox.emulator.seam import Seam

CREATE_PARTITION = Seam("services.glue", "_create_partition", "568016195403192d")
GET_PARTITIONS = Seam("services.glue", "_get_partitions", "fbb9b4ed7464a899")
REQUESTS = Seam("services.glue", "_handle_request_sync", "23d06ad23cad5713")
SEAMS = (CREATE_PARTITION, GET_PARTITIONS, REQUESTS)
_PAGE = 1_000

Request = dict[str, Any]


def install() -> None:
    """Answer UpdatePartition, and check CreatePartition's table."""
    from ministack.core.responses import error_response_json, json_response  # noqa: PLC0415
    from ministack.services import glue  # noqa: PLC0415  importing it starts its state

    create, requests = CREATE_PARTITION.check(), REQUESTS.check()

    def table_of(data: Request) -> str:
        return f"{data.get('DatabaseName')}/{data.get('TableName')}"

    def missing(entity: str) -> Any:
        return error_response_json("EntityNotFoundException", f"{entity} not found.", 400)

    def create_partition(data: Request) -> Any:
        if table_of(data) not in glue._tables:
            return missing(f"Table {data.get('TableName')}")
        return create(data)

    def update_partition(data: Request) -> Any:
        key, values = table_of(data), data.get("PartitionValueList") or []
        if key not in glue._tables:
            return missing(f"Table {data.get('TableName')}")
        partitions = glue._partitions.get(key) or []
        wanted = complete(data.get("PartitionInput") or {})
        found = next((partition for partition in partitions if partition.get("Values") == values), None)
        if found is None:
            return missing("Partition")
        others = [partition for partition in partitions if partition is not found]
        if any(partition.get("Values") == wanted.get("Values", values) for partition in others):
            return error_response_json("AlreadyExistsException", "Partition already exists.", 400)
        kept = {name: found[name] for name in ("DatabaseName", "TableName", "CreationTime", "CatalogId")}
        replaced = {"Values": values, **wanted, **kept, "LastAccessTime": int(time.time())}
        glue._partitions[key] = [replaced if partition is found else partition for partition in partitions]
        return json_response({})

    def get_partitions(data: Request) -> Any:
        key = table_of(data)
        if key not in glue._tables:
            return missing(f"Table {data.get('TableName')}")
        segment = data.get("Segment") or {}
        number, total = int(segment.get("SegmentNumber", 0)), int(segment.get("TotalSegments", 1))
        found = (glue._partitions.get(key) or [])[number::total]
        start = int(data.get("NextToken") or 0)
        end = start + min(int(data.get("MaxResults") or _PAGE), _PAGE)
        page = [
            _without_columns(partition) if data.get("ExcludeColumnSchema") else partition
            for partition in found[start:end]
        ]
        more = {"NextToken": str(end)} if end < len(found) else {}
        return json_response({"Partitions": page, **more})

    def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        if headers.get("x-amz-target", "").endswith(".UpdatePartition"):
            return update_partition(json.loads(body or b"{}"))
        return requests(method, path, headers, body, query)

    CREATE_PARTITION.replace(create_partition)
    GET_PARTITIONS.replace(get_partitions)
    REQUESTS.replace(handle)


def _without_columns(partition: Request) -> Request:
    descriptor = partition.get("StorageDescriptor") or {}
    kept = {name: value for name, value in descriptor.items() if name != "Columns"}
    return {**partition, "StorageDescriptor": kept}
