"""A Data Catalog in memory that checks versions as strictly as Glue."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError


def error(code: str, message: str = "") -> ClientError:
    """The error a Glue client raises."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "UpdateTable")


def table(name: str, columns: list[str], **more: Any) -> dict[str, Any]:
    """A table's definition."""
    return {
        "Name": name,
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": "string"} for column in columns],
            "Location": "s3://bucket/data/",
            "InputFormat": "text",
            "OutputFormat": "text",
            "SerdeInfo": {},
        },
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
        "Parameters": {},
        "VersionId": "1",
        **more,
    }


class FakeGlue:
    """Tables of the database `lake`, and their versions.

    It accepts `limit` columns. Before an update, someone else adds a name from `racing`. `refuses` maps a
    call to its error code.
    """

    def __init__(self, *tables: dict[str, Any], limit: int = 10_000) -> None:
        self.tables = {table["Name"]: copy.deepcopy(table) for table in tables}
        self.versions: dict[str, list[dict[str, Any]]] = {name: [] for name in self.tables}
        self.limit = limit
        self.updates = 0
        self.racing: list[str] = []
        self.refuses: dict[str, str] = {}

    def columns(self, name: str = "changes") -> list[str]:
        return [column["Name"] for column in self.tables[name]["StorageDescriptor"]["Columns"]]

    def get_table(self, DatabaseName: str, Name: str) -> dict[str, Any]:
        assert DatabaseName == "lake"
        self._admit("GetTable")
        if Name not in self.tables:
            raise error("EntityNotFoundException")
        return {"Table": copy.deepcopy(self.tables[Name])}

    def get_paginator(self, operation: str) -> FakeGlue:
        assert operation == "get_tables"
        return self

    def paginate(self, DatabaseName: str, Expression: str = "") -> Iterator[dict[str, Any]]:
        assert DatabaseName == "lake"
        for table in list(self.tables.values()):
            if re.search(Expression, table["Name"]):
                yield {"TableList": [copy.deepcopy(table)]}

    def create_table(self, DatabaseName: str, TableInput: dict[str, Any]) -> None:
        assert DatabaseName == "lake"
        self._admit("CreateTable")
        name = TableInput["Name"]
        if name in self.tables:
            raise error("AlreadyExistsException")
        self.tables[name] = {**copy.deepcopy(TableInput), "VersionId": "0"}
        self.versions[name] = []

    def get_table_versions(
        self, DatabaseName: str, TableName: str, MaxResults: int, NextToken: str = "0"
    ) -> dict[str, Any]:
        assert (DatabaseName, 1 <= MaxResults <= 100) == ("lake", True)
        position = int(NextToken)
        versions = [*self.versions.get(TableName, [])][::-1]
        more = {"NextToken": str(position + 1)} if position + 1 < len(versions) else {}
        page = versions[position : position + 1]
        return {"TableVersions": [{"Table": version} for version in page], **more}

    def update_table(
        self, DatabaseName: str, TableInput: dict[str, Any], VersionId: str | None = None
    ) -> None:
        assert DatabaseName == "lake"
        self._admit("UpdateTable")
        self.updates += 1
        name = TableInput["Name"]
        if self.racing and name == "changes":
            self.replace(name, [*self.columns(name), self.racing.pop(0)])
        current = self.tables[name]
        if VersionId is not None and VersionId != current["VersionId"]:
            raise error("ConcurrentModificationException")
        if len(TableInput["StorageDescriptor"]["Columns"]) > self.limit:
            raise error("InvalidInputException", "Payload size of request exceeded limit")
        self.versions[name].append(copy.deepcopy(current))
        self.tables[name] = {**copy.deepcopy(TableInput), "VersionId": str(int(current["VersionId"]) + 1)}

    def _admit(self, call: str) -> None:
        if call in self.refuses:
            raise error(self.refuses[call], f"not authorized to perform: {call}")

    def replace(self, name: str, columns: list[str]) -> None:
        """Someone else sets the columns, for example a stack update."""
        current = self.tables[name]
        self.versions[name].append(copy.deepcopy(current))
        current["StorageDescriptor"]["Columns"] = [{"Name": new, "Type": "string"} for new in columns]
        current["VersionId"] = str(int(current["VersionId"]) + 1)
