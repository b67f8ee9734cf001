"""The Glue side: the columns of `changes`, and the one call that switches a day."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from .days import Registered

# UpdateTable replaces the whole definition with these members (Glue API reference, "TableInput").
_SETTABLE = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "TableType",
    "Parameters",
)
_ATTEMPTS = 8
_FIRST_PAUSE_SECONDS = 0.2

Table = dict[str, Any]


class CatalogError(Exception):
    """A table cannot be read or changed. The message states the next step."""


def names(table: Table) -> list[str]:
    """The names of a table's columns, in order."""
    return [column["Name"] for column in table["StorageDescriptor"].get("Columns") or []]


class Catalog:
    """The tables `source` (raw) and `compacted` of one database."""

    def __init__(
        self,
        glue: Any,
        database: str,
        source: str,
        compacted: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._glue, self._database, self._pause = glue, database, pause
        self._source, self._compacted = source, compacted

    def source(self) -> Table:
        """The raw table's definition."""
        return self._table(self._source)

    def compacted(self) -> Table:
        """The compacted table's definition."""
        return self._table(self._compacted)

    def _table(self, name: str) -> Table:
        try:
            table: Table = self._glue.get_table(DatabaseName=self._database, Name=name)["Table"]
        except ClientError as error:
            if _code(error) == "EntityNotFoundException":
                raise CatalogError(
                    f"there is no table {self._database}.{name}. "
                    "Next: launch the lake's stack and this job's stack"
                ) from error
            raise
        return table

    def declare(self, wanted: Sequence[dict[str, Any]]) -> int:
        """Append the columns of the raw table that the compacted one lacks. Returns how many.

        UpdateTable sends the version that was read. If the table has changed since, it is read again.
        """
        for attempt in range(_ATTEMPTS):
            table = self.compacted()
            known = {*names(table), *(key["Name"] for key in table.get("PartitionKeys") or [])}
            missing = [column for column in wanted if column["Name"] not in known]
            if not missing:
                return 0
            definition = {name: table[name] for name in _SETTABLE if table.get(name) not in (None, "")}
            descriptor = table["StorageDescriptor"]
            definition["StorageDescriptor"] = {
                **descriptor,
                "Columns": [*(descriptor.get("Columns") or []), *missing],
            }
            version = {"VersionId": table["VersionId"]} if table.get("VersionId") else {}
            try:
                self._glue.update_table(DatabaseName=self._database, TableInput=definition, **version)
            except ClientError as error:
                if _code(error) != "ConcurrentModificationException":
                    raise
                self._pause(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
            else:
                return len(missing)
        raise CatalogError(
            f"other callers changed {self._database}.{self._compacted} {_ATTEMPTS} times in a row. "
            "Next: run the job again"
        )

    def registered(self) -> dict[str, Registered]:
        """The compacted table's partitions by day."""
        pages = self._glue.get_paginator("get_partitions").paginate(
            DatabaseName=self._database, TableName=self._compacted, ExcludeColumnSchema=True
        )
        return {
            partition["Values"][0]: Registered(
                partition["StorageDescriptor"]["Location"], partition.get("Parameters") or {}
            )
            for page in pages
            for partition in page["Partitions"]
        }

    def switch(self, day: str, location: str, parameters: dict[str, str]) -> None:
        """Let queries read the day from `location`. After this call they see the new version.

        A missing partition is created. Glue's calls cannot be conditional, so the last run wins; every run
        switches to a complete version that it has checked.
        """
        descriptor = {**self.compacted()["StorageDescriptor"], "Location": location}
        partition = {"Values": [day], "StorageDescriptor": descriptor, "Parameters": parameters}
        where = {"DatabaseName": self._database, "TableName": self._compacted}
        try:
            self._glue.update_partition(**where, PartitionValueList=[day], PartitionInput=partition)
        except ClientError as error:
            if _code(error) != "EntityNotFoundException":
                raise
            try:
                self._glue.create_partition(**where, PartitionInput=partition)
            except ClientError as race:
                if _code(race) != "AlreadyExistsException":
                    raise
                self._glue.update_partition(**where, PartitionValueList=[day], PartitionInput=partition)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
