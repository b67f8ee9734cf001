"""`python -m scripts.forget_columns` and then the catalog function, over one Data Catalog.

Both change `changes`; the verb writes its record first, and the function reads it.
"""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

from catalog_lambda import catalog, handler
from catalog_lambda.forgotten import PARAMETER, TABLE
from glue.tables import METADATA_COLUMNS
from scripts import forget_columns
from scripts.core import connection, console
from tests.faults.kills.disk import Disk, Points
from tests.faults.kills.stacks import CONSUMER, Account
from tests.unit.catalog.fakes import FakeGlue, table

JUNK = [f"prices__sku{number}" for number in range(30)]
CRAWLER = "lake-crawler"


class _Glue(FakeGlue):
    """A Data Catalog that outlives a child. Each of its changes is a point, before and after."""

    def keep(self, disk: Disk, points: Points) -> None:
        """Use this disk."""
        self._disk, self._points = disk, points
        self.tables, self.versions = disk.kept("catalog")

    def get_table(self, DatabaseName: str, Name: str) -> dict[str, Any]:
        """Read a table."""
        found = super().get_table(DatabaseName, Name)
        self._points.at(f"after {Name} was read")
        return found

    def get_paginator(self, operation: str) -> Any:
        """One crawler, and the tables."""
        if operation == "get_crawlers":
            page = {"Crawlers": [{"Name": CRAWLER, "DatabaseName": "lake"}]}
            return SimpleNamespace(paginate=lambda **_: iter([page]))
        return super().get_paginator(operation)

    def create_table(self, DatabaseName: str, TableInput: dict[str, Any]) -> None:
        """Create a table."""
        self._points.at("before the record is created")
        super().create_table(DatabaseName, TableInput)
        self._changed("the record was created")

    def update_table(
        self, DatabaseName: str, TableInput: dict[str, Any], VersionId: str | None = None
    ) -> None:
        """Update a table, if nobody has updated it since."""
        name = "the record" if TableInput["Name"] == TABLE else "the columns"
        self._points.at(f"before {name} are written")
        super().update_table(DatabaseName, TableInput, VersionId)
        self._changed(f"{name} were written")

    def _changed(self, what: str) -> None:
        self._disk.keep("catalog", (self.tables, self.versions))
        self._disk.note(what)
        self._points.at(f"after {what}")


class Forgetting:
    """The forgotten columns are gone, the record names them once, and a crawl declares the others."""

    name = "forget_columns and the catalog function"

    def prepare(self, disk: Disk) -> None:
        """Ten of thirty prices are columns; the crawler has found all of them, and a new attribute."""
        glue = FakeGlue(
            table("changes", [*METADATA_COLUMNS, "pk", "total", *JUNK[:10]]),
            table(
                "crawled_data", ["pk", "total", *JUNK, "fresh"], Parameters={"UPDATED_BY_CRAWLER": CRAWLER}
            ),
        )
        disk.keep("catalog", (glue.tables, glue.versions))

    def run(self, disk: Disk, points: Points) -> int:
        """The verb twice (the second time for one more name), then the function after a crawl."""
        glue = _Glue()
        glue.keep(disk, points)
        ports: Any = connection, catalog
        ports[0].open_session = lambda *_: SimpleNamespace(region_name="eu-west-1")
        ports[0].open_client = lambda _, service, __: glue if service == "glue" else Account(CONSUMER)
        ports[1].boto3 = SimpleNamespace(client=lambda _: glue)
        for names in (["prices__*"], ["total"]):
            code = console.run(
                forget_columns.main, ["--database", "lake", *names, "--yes", "--output", "json"]
            )
            if code != 0:
                return code
            points.at("between two commands")
        os.environ |= {
            "DATABASE_NAME": "lake",
            "TABLE_NAME": "changes",
            "CRAWLED_TABLE_PREFIX": "crawled_",
            "CRAWLER_NAME": CRAWLER,
        }
        event = {"source": "aws.glue", "detail": {"crawlerName": CRAWLER, "state": "Succeeded"}}
        points.at("before the function runs")
        handler.handler(event, None)
        disk.note("the function ran")
        return 0

    def state(self, disk: Disk) -> Any:
        """The columns, and the names of the record."""
        tables, _ = disk.kept("catalog")
        acts = json.loads(tables[TABLE]["Parameters"][PARAMETER])
        columns = [column["Name"] for column in tables["changes"]["StorageDescriptor"]["Columns"]]
        right = [*METADATA_COLUMNS, "pk", "fresh"]
        assert sorted(columns) == sorted(right), f"columns: {sorted({*columns} ^ {*right})}"
        forgotten = sorted(name for act in acts for name in act["names"])
        assert forgotten == ["prices__*", "total"], f"the record has {forgotten}"
        return columns
