"""The lakes of a running sandbox: the declared table of each bucket, in any account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from glue.tables import METADATA_COLUMNS
from lake.reading import Lake
from sandbox.running import RunningSandbox


def find_lakes(sandbox: RunningSandbox, buckets: set[str]) -> dict[str, Lake]:
    """The declared table of each bucket, in any account; other tables do not count."""
    found: dict[str, Lake] = {}
    for account in sandbox.accounts.values():
        session = sandbox.root(account)
        glue, athena = sandbox.client("glue", session), sandbox.client("athena", session)
        for page in glue.get_paginator("get_databases").paginate():
            for database in page["DatabaseList"]:
                for bucket, table in _declared(glue, database["Name"], buckets):
                    columns = tuple(column["Name"] for column in table["StorageDescriptor"]["Columns"])
                    found[bucket] = Lake(database["Name"], table["Name"], _workgroup(athena), columns, athena)
    return found


def _declared(glue: Any, database: str, buckets: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
        for table in page["TableList"]:
            location = (table.get("StorageDescriptor") or {}).get("Location") or ""
            bucket = location.removeprefix("s3://").split("/", 1)[0]
            names = {column["Name"] for column in (table.get("StorageDescriptor") or {}).get("Columns") or []}
            parameters = table.get("Parameters") or {}
            copied = "UPDATED_BY_CRAWLER" in parameters or parameters.get("classification") == "parquet"
            if bucket in buckets and not copied and names >= set(METADATA_COLUMNS):
                yield bucket, table


def _workgroup(athena: Any) -> str:
    """WORKGROUP_NAME, or the workgroup that a stack created, or else `primary`."""
    groups: list[str] = [group["Name"] for group in athena.list_work_groups()["WorkGroups"]]
    named = os.environ.get("WORKGROUP_NAME", "")
    return named if named in groups else next((name for name in groups if name != "primary"), "primary")
