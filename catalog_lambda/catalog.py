"""The Glue side: read tables, append columns under a version check."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from catalog_lambda.columns import Plan, appended, plan

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


class CatalogError(Exception):
    """The table cannot be read or changed; the message says what to do."""


@dataclass(frozen=True)
class Outcome:
    """`added` were declared, `left_out` did not fit into the table's definition, `plan` was decided."""

    plan: Plan
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


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
            if _code(error) == "EntityNotFoundException":
                raise CatalogError(
                    f"there is no table {self.database}.{name}: launch the consumer stack again"
                ) from error
            raise
        return found

    def crawled(self, prefix: str, crawler: str) -> Iterator[str]:
        """Column names of the tables the crawler owns: by their prefix and by the mark it leaves on them."""
        pages = self._glue().get_paginator("get_tables").paginate(DatabaseName=self.database)
        for page in pages:
            for table in page["TableList"]:
                owner = (table.get("Parameters") or {}).get(OWNER_PARAMETER)
                if table["Name"].startswith(prefix) and owner == crawler:
                    yield from names(table)

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

    def declare(self, name: str, wanted: Iterable[str]) -> Outcome:
        """Append the wanted columns that the table lacks.

        UpdateTable carries the version that was read; when someone else was faster
        (ConcurrentModificationException) the table is read again and decided anew.
        """
        names_wanted = list(wanted)
        for attempt in range(ATTEMPTS):
            table = self.table(name)
            decided = plan(
                names(table), (key["Name"] for key in table.get("PartitionKeys") or []), names_wanted
            )
            if not decided.added:
                return Outcome(decided)
            try:
                return self._append(table, decided)
            except ClientError as error:
                if _code(error) != "ConcurrentModificationException":
                    raise
                self.pause(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
        raise CatalogError(
            f"{self.database}.{name} was changed by others {ATTEMPTS} times in a row: run the crawler again"
        )

    def _append(self, table: Table, decided: Plan) -> Outcome:
        """Append as many columns as Glue takes: a definition that is too large is refused as a whole.

        No AWS page gives the limit; "Payload size of request exceeded limit" has been seen at 3,600 columns.
        """
        fitting = len(decided.added)
        while True:
            try:
                self._update(table, decided.added[:fitting])
            except ClientError as error:
                if _code(error) not in {"InvalidInputException", "ResourceNumberLimitExceededException"}:
                    raise
                fitting //= 2
                if not fitting:
                    return Outcome(decided, left_out=decided.added)
                continue
            return Outcome(decided, decided.added[:fitting], decided.added[fitting:])

    def _update(self, table: Table, added: Iterable[str]) -> None:
        definition = table_input(table)
        storage = definition.get("StorageDescriptor") or {}
        definition["StorageDescriptor"] = {
            **storage,
            "Columns": appended(storage.get("Columns") or [], added),
        }
        version = {"VersionId": table["VersionId"]} if table.get("VersionId") else {}
        self._glue().update_table(DatabaseName=self.database, TableInput=definition, **version)


def is_denial(error: BaseException) -> bool:
    """Whether Glue refused the caller: what IAM, Lake Formation or the catalog's key has to grant."""
    return isinstance(error, ClientError) and _code(error) in DENIALS


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
