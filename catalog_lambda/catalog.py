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

# UpdateTable replaces the whole definition by these members (Glue API reference, "TableInput").
# Left out: FederatedTable and ViewDefinition, which a plain external table has not.
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
# Versions of wide tables are large, so few at a time; a thousand are more than a table sees in years.
_VERSION_PAGES = 40
# How the Data Catalog refuses a caller: by IAM or Lake Formation, or for want of the key it is encrypted with
# (Glue API reference, "GetTable", "UpdateTable").
DENIALS = frozenset({"AccessDeniedException", "GlueEncryptionException"})
# What a crawler writes on the tables it owns.
OWNER_PARAMETER = "UPDATED_BY_CRAWLER"

Table = dict[str, Any]
Changed = TypeVar("Changed")


class CatalogError(Exception):
    """The table cannot be read or changed; the message says what to do."""


@dataclass(frozen=True)
class Outcome:
    """`added` were declared, `left_out` did not fit into the table's definition, `plan` was decided."""

    plan: Plan
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def undeclared(self) -> int:
        """How many names are no columns now though nobody forgot them: what the alarm counts."""
        return self.plan.waiting + len(self.plan.refused) + len(self.left_out)


def table_input(table: Table) -> Table:
    """GetTable's answer → what UpdateTable takes, with every settable field kept.

    An empty text is left out: UpdateTable refuses an Owner without a character.
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
        """The table's definition. Raises CatalogError when there is none."""
        try:
            found: Table = self._glue().get_table(DatabaseName=self.database, Name=name)["Table"]
        except ClientError as error:
            if code_of(error) == "EntityNotFoundException":
                raise CatalogError(
                    f"there is no table {self.database}.{name}: launch the consumer stack again"
                ) from error
            raise
        return found

    def tables(self, name: str | None = None) -> Iterator[Table]:
        """The definitions of the database's tables; with a name that one alone, or nothing.

        Listed, not fetched: where Lake Formation decides, it refuses to fetch a table that is not there.
        """
        only = {"Expression": name} if name else {}
        for page in self._glue().get_paginator("get_tables").paginate(DatabaseName=self.database, **only):
            yield from (one for one in page["TableList"] if name in (None, one["Name"]))

    def crawled(self, prefix: str, crawler: str | None) -> Iterator[str]:
        """Column names of the tables a crawler owns: by their prefix and by the mark it leaves on them.

        None is any crawler.
        """
        for table in self.tables():
            owner = (table.get("Parameters") or {}).get(OWNER_PARAMETER)
            if table["Name"].startswith(prefix) and owner and crawler in (None, owner):
                yield from names(table)

    def forgotten(self) -> Forgotten:
        """What somebody decided shall be no column. Raises CatalogError when the record cannot be read."""
        for table in self.tables(record.TABLE):
            return self.forgotten_in(table)
        return Forgotten()

    def forgotten_in(self, table: Table) -> Forgotten:
        """What the table of the record says. Raises CatalogError when that cannot be read."""
        try:
            return Forgotten.parse((table.get("Parameters") or {}).get(record.PARAMETER) or "[]")
        except RecordError as error:
            raise CatalogError(
                f"the record of forgotten columns in {self.database}.{record.TABLE} cannot be read: {error}. "
                "Bring back the table's version before (docs/operations.md)"
            ) from error

    def earlier(self, name: str) -> Iterator[str]:
        """Column names of the table's earlier versions: what a stack update may have taken away."""
        arguments: dict[str, Any] = {"DatabaseName": self.database, "TableName": name, "MaxResults": 25}
        for _ in range(_VERSION_PAGES):
            answer = self._glue().get_table_versions(**arguments)
            for version in answer.get("TableVersions") or []:
                yield from names(version.get("Table") or {})
            if not answer.get("NextToken"):
                return
            arguments["NextToken"] = answer["NextToken"]

    def declare(self, name: str, wanted: Names, most: int) -> Outcome:
        """Append the wanted columns that the table lacks and nobody forgot, at most `most` that are new.

        UpdateTable carries the version that was read; when someone else was faster
        (ConcurrentModificationException) the table is read again and decided anew. The record is read after
        the table: whoever forgets writes the record first, so one of the two sees the other.
        """

        def append(table: Table) -> Outcome:
            keys = (key["Name"] for key in table.get("PartitionKeys") or [])
            decided = plan(names(table), keys, wanted, most=most, forgotten=self.forgotten())
            return self._append(table, decided) if decided.added else Outcome(decided)

        return self.change(name, append)

    def change(self, name: str, step: Callable[[Table], Changed]) -> Changed:
        """Read a table and let a step update it, again from the start whenever someone else was faster."""
        for attempt in range(ATTEMPTS):
            try:
                return step(self.table(name))
            except ClientError as error:
                if code_of(error) != "ConcurrentModificationException":
                    raise
                self.pause(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
        raise CatalogError(
            f"{self.database}.{name} was changed by others {ATTEMPTS} times in a row: "
            "start the crawler, or run the command, again"
        )

    def _append(self, table: Table, decided: Plan) -> Outcome:
        """Append as many columns as Glue takes: a definition that is too large is refused as a whole.

        No AWS page gives the limit; "Payload size of request exceeded limit" has been seen at 3,600 columns.
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
        """Give a table, as it was read, these columns and leave the rest of its definition as it is."""
        storage = {**(table.get("StorageDescriptor") or {}), "Columns": [*columns]}
        self.update(table, {**table, "StorageDescriptor": storage})

    def update(self, table: Table, definition: Table) -> None:
        """Give a table, as it was read, another definition, unless it has changed since."""
        version = {"VersionId": table["VersionId"]} if table.get("VersionId") else {}
        self._glue().update_table(DatabaseName=self.database, TableInput=table_input(definition), **version)


def is_denial(error: BaseException) -> bool:
    """Whether Glue refused the caller: what IAM, Lake Formation or the catalog's key has to grant."""
    return isinstance(error, ClientError) and code_of(error) in DENIALS


def code_of(error: ClientError) -> str:
    """The error's code, such as AccessDeniedException."""
    return str(error.response.get("Error", {}).get("Code", ""))
