"""The Glue side: read tables, append columns under a version check."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
from botocore.exceptions import ClientError

from catalog_lambda import forgotten as record
from catalog_lambda.columns import Names, Plan, appended, plan
from catalog_lambda.forgotten import Forgotten, RecordError

# UpdateTable replaces the whole definition with these members (Glue API reference, "TableInput").
# Left out: FederatedTable and ViewDefinition, which a plain external table does not have.
SETTABLE = (
    "Name",
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
    "TargetTable",
)

ATTEMPTS = 8
_FIRST_PAUSE_SECONDS = 0.2
# Versions of wide tables are large, so each page has few. 1,000 versions are more than a table gets in years.
_VERSION_PAGES = 40
# The errors of a denied call: by IAM or Lake Formation, or because the caller may not use the catalog's
# encryption key (Glue API reference, "GetTable", "UpdateTable").
DENIALS = frozenset({"AccessDeniedException", "GlueEncryptionException"})
# The parameter that a crawler sets on the tables it owns.
OWNER_PARAMETER = "UPDATED_BY_CRAWLER"

Table = dict[str, Any]
Changed = TypeVar("Changed")


class CatalogError(Exception):
    """The table cannot be read or changed. The message states the next step."""


@dataclass(frozen=True)
class Outcome:
    """The result: `added` were declared, `left_out` did not fit into the table's definition."""

    plan: Plan
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def undeclared(self) -> int:
        """How many names are not columns although nobody forgot them. The alarm watches this number."""
        return self.plan.waiting + len(self.plan.refused) + len(self.left_out)


def table_input(table: Table) -> Table:
    """GetTable's result → UpdateTable's input, with every settable field kept.

    Empty texts are left out: UpdateTable rejects an empty Owner.
    """
    return {name: table[name] for name in SETTABLE if table.get(name) not in (None, "")}


def names(table: Table) -> list[str]:
    """The column names of a table."""
    return [column["Name"] for column in (table.get("StorageDescriptor") or {}).get("Columns") or []]


@dataclass(frozen=True)
class Catalog:
    """One database of the Data Catalog."""

    database: str
    glue: Any = None
    pause: Callable[[float], None] = time.sleep

    def _glue(self) -> Any:
        return self.glue if self.glue is not None else boto3.client("glue")

    def table(self, name: str) -> Table:
        """The table's definition. Raises CatalogError if the table does not exist."""
        try:
            table: Table = self._glue().get_table(DatabaseName=self.database, Name=name)["Table"]
        except ClientError as error:
            if code_of(error) == "EntityNotFoundException":
                raise CatalogError(
                    f"there is no table {self.database}.{name}: launch the consumer stack again"
                ) from error
            raise
        return table

    def tables(self, name: str | None = None) -> Iterator[Table]:
        """The definitions of the database's tables. With a name: only that table, or nothing.

        It lists the tables and does not call GetTable: Lake Formation denies GetTable for a missing table.
        """
        only = {"Expression": name} if name else {}
        for page in self._glue().get_paginator("get_tables").paginate(DatabaseName=self.database, **only):
            yield from (table for table in page["TableList"] if name in (None, table["Name"]))

    def crawled(self, prefix: str, crawler: str | None) -> Iterator[str]:
        """Column names of the tables that a crawler owns: those with this prefix and the crawler's mark.

        None means any crawler.
        """
        for table in self.tables():
            owner = (table.get("Parameters") or {}).get(OWNER_PARAMETER)
            if table["Name"].startswith(prefix) and owner and crawler in (None, owner):
                yield from names(table)

    def forgotten(self) -> Forgotten:
        """The names that somebody decided to forget. Raises CatalogError if the record cannot be read."""
        for table in self.tables(record.TABLE):
            return self.forgotten_in(table)
        return Forgotten()

    def forgotten_in(self, table: Table) -> Forgotten:
        """The record in this table. Raises CatalogError if it cannot be read."""
        try:
            return Forgotten.parse((table.get("Parameters") or {}).get(record.PARAMETER) or "[]")
        except RecordError as error:
            raise CatalogError(
                f"the record of forgotten columns in {self.database}.{record.TABLE} cannot be read: {error}. "
                "Restore the table's previous version (docs/operations.md)"
            ) from error

    def earlier(self, name: str) -> Iterator[str]:
        """Column names of the table's earlier versions, including those that a stack update removed."""
        arguments: dict[str, Any] = {"DatabaseName": self.database, "TableName": name, "MaxResults": 25}
        for _ in range(_VERSION_PAGES):
            page = self._glue().get_table_versions(**arguments)
            for version in page.get("TableVersions") or []:
                yield from names(version.get("Table") or {})
            if not page.get("NextToken"):
                return
            arguments["NextToken"] = page["NextToken"]

    def declare(self, name: str, wanted: Names, most: int) -> Outcome:
        """Append the wanted columns that the table lacks and nobody forgot, at most `most` new ones.

        UpdateTable sends the version that was read. If someone else changed the table first
        (ConcurrentModificationException), the function reads the table and decides again. It reads the record
        after the table, and forgetting writes the record first, so one of the two always sees the other.
        """

        def append(table: Table) -> Outcome:
            keys = (key["Name"] for key in table.get("PartitionKeys") or [])
            decided = plan(names(table), keys, wanted, most=most, forgotten=self.forgotten())
            return self._append(table, decided) if decided.added else Outcome(decided)

        return self.change(name, append)

    def change(self, name: str, step: Callable[[Table], Changed]) -> Changed:
        """Read a table and let a step update it. Start again if someone else changed the table first."""
        for attempt in range(ATTEMPTS):
            try:
                return step(self.table(name))
            except ClientError as error:
                if code_of(error) != "ConcurrentModificationException":
                    raise
                self.pause(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
        raise CatalogError(
            f"other callers changed {self.database}.{name} {ATTEMPTS} times in a row: "
            "start the crawler again, or run the command again"
        )

    def _append(self, table: Table, decided: Plan) -> Outcome:
        """Append as many columns as Glue accepts. Glue rejects a definition that is too large completely.

        No AWS page states the limit; "Payload size of request exceeded limit" was seen at 3,600 columns.
        """
        fitting = len(decided.added)
        columns = (table.get("StorageDescriptor") or {}).get("Columns") or []
        while True:
            try:
                self.set_columns(table, appended(columns, decided.added[:fitting]))
            except ClientError as error:
                if code_of(error) not in {"InvalidInputException", "ResourceNumberLimitExceededException"}:
                    raise
                fitting //= 2
                if not fitting:
                    return Outcome(decided, left_out=decided.added)
                continue
            return Outcome(decided, decided.added[:fitting], decided.added[fitting:])

    def set_columns(self, table: Table, columns: Sequence[dict[str, object]]) -> None:
        """Set a table's columns and keep the rest of its definition, unless it changed since it was read."""
        storage = {**(table.get("StorageDescriptor") or {}), "Columns": [*columns]}
        self.update(table, {**table, "StorageDescriptor": storage})

    def update(self, table: Table, definition: Table) -> None:
        """Set a table's definition, unless the table has changed since it was read."""
        version = {"VersionId": table["VersionId"]} if table.get("VersionId") else {}
        self._glue().update_table(DatabaseName=self.database, TableInput=table_input(definition), **version)


def is_denial(error: BaseException) -> bool:
    """Whether access was denied: IAM, Lake Formation or the catalog's key must grant it."""
    return isinstance(error, ClientError) and code_of(error) in DENIALS


def code_of(error: ClientError) -> str:
    """The error's code, such as AccessDeniedException."""
    return str(error.response.get("Error", {}).get("Code", ""))
