"""The lake with its compacted table: put raw objects, declare columns, list partitions and versions."""

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
        definition = self.glue.get_table(DatabaseName=self.database, Name=table)["Table"]
        return [column["Name"] for column in definition["StorageDescriptor"]["Columns"]]

    def declare_columns(self, names: Iterable[str]) -> None:
        """Append text columns to `changes`, as the catalog function does."""
        table: Any = self.glue.get_table(DatabaseName=self.database, Name="changes")["Table"]
        descriptor = table["StorageDescriptor"]
        known = {column["Name"] for column in descriptor["Columns"]}
        more = [{"Name": name, "Type": "string"} for name in names if name not in known]
        definition: Any = {name: table[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys")}
        definition["StorageDescriptor"] = {**descriptor, "Columns": [*descriptor["Columns"], *more]}
        self.glue.update_table(DatabaseName=self.database, TableInput=definition)

    def partition(self, day: str) -> dict[str, Any] | None:
        """A day's partition, or None."""
        pages: Any = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.database, TableName=COMPACTED
        )
        of_day = [entry for page in pages for entry in page["Partitions"] if entry["Values"] == [day]]
        assert len(of_day) <= 1
        return of_day[0] if of_day else None

    def recorded(self, day: str, name: str) -> str:
        """A recorded parameter of the day's partition."""
        partition = self.partition(day)
        assert partition
        return str(partition["Parameters"][f"ddb_lake.{name}"])

    def versions(self, day: str) -> set[str]:
        """The folders of a day's versions, complete or not."""
        prefix = f"columnar/dt={day}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents") or []]
        return {f"s3://{self.bucket}/{prefix}{key[len(prefix) :].split('/')[0]}/" for key in keys}

    def rows_sql(self, table: str, days: Sequence[str]) -> str:
        """All changes of these days with all columns of `changes`, without lines that are not changes."""
        columns = ", ".join(f'"{name}"' for name in self.columns())
        wanted = ", ".join(f"'{day}'" for day in days)
        return f"SELECT {columns}, dt FROM {table} WHERE dt IN ({wanted}) AND {GUARD}"

    def rows(self, table: str, days: Sequence[str]) -> list[tuple[str | None, ...]]:
        """Those rows from the sandbox's Athena, sorted."""
        rows: list[TextRow] = self.query(self.rows_sql(table, days))[1]
        return sorted((tuple(row) for row in rows), key=repr)

    def stored_bytes(self, prefix: str) -> int:
        """Bytes of the objects under a prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sum(entry["Size"] for page in pages for entry in page.get("Contents") or [])

    def remove_day(self, day: str) -> None:
        """Delete the raw objects of a day."""
        for entry in self._s3.list_objects_v2(Bucket=self.bucket, Prefix=f"data/dt={day}/")["Contents"]:
            self.remove(entry["Key"])

    def remove(self, key: str) -> None:
        """Delete a raw object."""
        self._s3.delete_object(Bucket=self.bucket, Key=key)
