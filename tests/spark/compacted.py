"""The lake with its compacted table: put raw objects, declare columns, see partitions and versions."""

from collections.abc import Iterable, Sequence
from typing import Any

from tests.sandbox.executions import TextRow
from tests.sandbox.lake import Lake

COMPACTED = "changes_columnar"
GUARD = "change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"


class CompactedLake(Lake):
    """The consumer account's lake."""

    def columns(self, table: str = "changes") -> list[str]:
        """The data columns of a table."""
        found = self.glue.get_table(DatabaseName=self.database, Name=table)["Table"]
        return [column["Name"] for column in found["StorageDescriptor"]["Columns"]]

    def declare_columns(self, names: Iterable[str]) -> None:
        """Append text columns to `changes`, as the catalog function does."""
        table: Any = self.glue.get_table(DatabaseName=self.database, Name="changes")["Table"]
        descriptor = table["StorageDescriptor"]
        known = {column["Name"] for column in descriptor["Columns"]}
        more = [{"Name": name, "Type": "string"} for name in names if name not in known]
        made: Any = {name: table[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys")}
        made["StorageDescriptor"] = {**descriptor, "Columns": [*descriptor["Columns"], *more]}
        self.glue.update_table(DatabaseName=self.database, TableInput=made)

    def partition(self, day: str) -> dict[str, Any] | None:
        """A day's partition, without the date it was made."""
        pages: Any = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.database, TableName=COMPACTED
        )
        found = [one for page in pages for one in page["Partitions"] if one["Values"] == [day]]
        assert len(found) <= 1
        return found[0] if found else None

    def recorded(self, day: str, name: str) -> str:
        """What the day's partition records."""
        partition = self.partition(day)
        assert partition
        return str(partition["Parameters"][f"ddb_lake.{name}"])

    def versions(self, day: str) -> set[str]:
        """The folders of a day's versions, whole or not."""
        prefix = f"columnar/dt={day}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [one["Key"] for page in pages for one in page.get("Contents") or []]
        return {f"s3://{self.bucket}/{prefix}{key[len(prefix) :].split('/')[0]}/" for key in keys}

    def rows_sql(self, table: str, days: Sequence[str]) -> str:
        """Every change of these days, every column of `changes`, without the lines that are no change."""
        columns = ", ".join(f'"{name}"' for name in self.columns())
        wanted = ", ".join(f"'{day}'" for day in days)
        return f"SELECT {columns}, dt FROM {table} WHERE dt IN ({wanted}) AND {GUARD}"

    def rows(self, table: str, days: Sequence[str]) -> list[tuple[str | None, ...]]:
        """Those rows by the sandbox's Athena, sorted."""
        found: list[TextRow] = self.query(self.rows_sql(table, days))[1]
        return sorted((tuple(row) for row in found), key=repr)

    def stored_bytes(self, prefix: str) -> int:
        """Bytes of the objects under a prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sum(one["Size"] for page in pages for one in page.get("Contents") or [])

    def remove_day(self, day: str) -> None:
        """Delete the raw objects of a day."""
        for one in self._s3.list_objects_v2(Bucket=self.bucket, Prefix=f"data/dt={day}/")["Contents"]:
            self.remove(one["Key"])

    def remove(self, key: str) -> None:
        """Delete a raw object."""
        self._s3.delete_object(Bucket=self.bucket, Key=key)
