"""The settled tables of a lake, as the views find them in Glue and in their metadata files."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.core.athena import Workgroup
from scripts.core.console import CommandError
from scripts.core.settling.unsettled_view import Markers, UnsettledView
from scripts.core.views import Settled
from settled import names, unsettled

Table = Mapping[str, Any]


def lake_tables(workgroup: Workgroup, database: str) -> dict[str, Table]:
    """Every table and view of the database, by name.

    Raises CommandError if it has no table `changes`.
    """
    pages = workgroup.connection.client("glue").get_paginator("get_tables")
    try:
        found = {
            table["Name"]: table
            for page in pages.paginate(DatabaseName=database)
            for table in page["TableList"]
        }
    except workgroup.connection.client("glue").exceptions.EntityNotFoundException:
        found = {}
    if "changes" not in found:
        raise CommandError(
            f"table {database}.changes does not exist in this account and Region",
            "Correct --database (the consumer stack's output DatabaseName), --profile or --region.",
        )
    return found


def columns_of(table: Table) -> list[str]:
    """The columns of a table, without its partition columns."""
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


@dataclass
class SettledTables:
    """The settled tables of one lake, among all tables of its database."""

    workgroup: Workgroup
    database: str
    tables: Mapping[str, Table]
    _widened: bool = False

    @property
    def opening(self) -> unsettled.Opening | None:
        """The rows that `unsettled_changes` has; None if there is no such view of ours."""
        view = self.tables.get(names.UNSETTLED)
        sql = unsettled.sql_of(view) if view else None
        return unsettled.read(sql) if sql else None

    def of(self, source: str) -> Settled | None:
        """The settled tables of a source table that its views can read; None if there are none.

        Raises CommandError for a table of such a name that does not belong to this lake.
        """
        ending = names.ending(source)
        changes = self._owned(names.CHANGES + ending)
        if changes is None or self.opening is None:
            return None
        items = self._owned(names.ITEMS + ending)
        table = self.tables.get(names.ITEMS + ending)
        cut = (items or {}).get(names.SWITCHED)
        usable = columns_of(table) if table and cut else ()
        return Settled(
            frozenset(columns_of(self.tables[names.CHANGES + ending])),
            frozenset(usable),
            None if cut == names.NO_SWITCH else cut,
        )

    def _owned(self, name: str) -> dict[str, str] | None:
        """The properties of a settled table of this lake; None if it does not exist."""
        table = self.tables.get(name)
        if table is None:
            return None
        parameters = table.get("Parameters") or {}
        properties = self._properties(name, parameters)
        location = self.tables["changes"]["StorageDescriptor"]["Location"].removesuffix("data/")
        if properties.get(names.OWNER) != location:
            raise CommandError(
                f"{self.database}.{name} is not a settled table of this lake",
                "Rename or drop that table: the views and the settle job need its name.",
            )
        return properties

    def _properties(self, name: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """An Iceberg table's properties, which its metadata file has; empty for any other table."""
        if parameters.get("table_type", "").upper() != "ICEBERG":
            return {}
        bucket, _, key = parameters.get("metadata_location", "").removeprefix("s3://").partition("/")
        try:
            body = self.workgroup.connection.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            # Iceberg, "Table properties", write.metadata.compression-codec
            text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
            return {str(name): str(value) for name, value in json.loads(text)["properties"].items()}
        except (ValueError, KeyError, AttributeError, zlib.error, EOFError):
            raise CommandError(
                f"the metadata of {self.database}.{name} cannot be read",
                "Start a settle run: it names the fault (docs/settled-tables.md).",
            ) from None

    def complete(self) -> bool:
        """Whether `unsettled_changes` has every column of `changes`."""
        changes, unsettled_changes = (columns_of(self.tables[name]) for name in ("changes", names.UNSETTLED))
        return self._widened or set(changes) <= set(unsettled_changes)

    def widen(self) -> None:
        """Create `unsettled_changes` again with every column of `changes`, over the same rows.

        A command may reopen a day at the same time: its days are in the view, too.
        """
        connection = self.workgroup.connection
        bucket = (
            self.tables["changes"]["StorageDescriptor"]["Location"].removeprefix("s3://").partition("/")[0]
        )
        markers = Markers(connection.client("s3"), bucket, connection.account)
        UnsettledView(self.workgroup, self.database, markers).widen(again=True)
        self._widened = True


def shared(settled: Settled, columns: list[str]) -> list[str]:
    """The columns that the settled tables have: a view shows no others.

    A column that they get later would be NULL in settled rows until the view is refreshed, so the values that
    the view shows today would vanish when their rows are settled.
    """
    have = set(settled.changes) & set(settled.items or settled.changes)
    return [column for column in columns if names.stored_column(column) in have]
