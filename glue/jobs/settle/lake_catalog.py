"""The catalog besides Iceberg: columns of `changes`, forgotten names, cuts, ownership, the raw rows' view."""

import json
import re
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from settled.names import NO_SWITCH, ending, stored_column
from settled.unsettled import sql_of

from .errors import SettleError

# As scripts/core/road_switch.py writes a cut into a view.
_CUT = re.compile(r"'([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.000000Z)'")
# As scripts/core/existing_views.py recognizes a view and its source table.
_MARKS = {"current": '"#age"', "history": '"#number"'}
_SOURCE = re.compile(r"change_table\s*=\s*'((?:[^']|'')+)'", re.IGNORECASE)
# How a view names a column that another one has the name of (scripts/core/view_columns.py).
_ENDING, _RESERVED_PREFIX = "_of_item", "attribute_"
# The last column of `changes` that describes the change; the columns of items follow.
LAST_OF_THE_CHANGE = "change_rescued"
_POLL_SECONDS = 0.5
_STATEMENT_SECONDS = 120
# The function's payload (AWS Lambda quotas: 256 KB for an event).
_MOST_NAME_BYTES = 200_000


@cache
def _client(service: str, region: str) -> Any:
    import boto3  # noqa: PLC0415  the package itself loads without it

    return boto3.client(service, region_name=region)  # type: ignore[call-overload]


@dataclass(frozen=True)
class LakeCatalog:
    """One lake's Glue database, its catalog function and its workgroup.

    The definitions are read once, and again after `refresh`.
    """

    database: str
    location: str
    region: str
    workgroup: str = ""
    catalog_function: str = ""
    _read: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def refresh(self) -> None:
        """Read the definitions again when they are needed next."""
        self._read.clear()

    def _tables(self) -> dict[str, dict[str, Any]]:
        if not self._read:
            pages = (
                _client("glue", self.region).get_paginator("get_tables").paginate(DatabaseName=self.database)
            )
            self._read.update({table["Name"]: table for page in pages for table in page["TableList"]})
        return self._read

    def table(self, name: str) -> dict[str, Any] | None:
        """A table's definition; None if there is none."""
        return self._tables().get(name)

    def names(self, prefix: str) -> list[str]:
        """The names of the tables that begin so, without it."""
        return sorted(name.removeprefix(prefix) for name in self._tables() if name.startswith(prefix))

    def changes(self) -> dict[str, Any]:
        """The definition of `changes`. Raises SettleError if it is missing."""
        table = self.table("changes")
        if table is None:
            raise SettleError(f"there is no table {self.database}.changes", "launch the lake's stack again")
        return table

    def first_day(self) -> str:
        """The first day of `changes`; older folders are not part of the table."""
        projected = (self.changes().get("Parameters") or {}).get("projection.dt.range", "")
        return str(projected).partition(",")[0]

    def columns(self) -> list[str]:
        """The columns of `changes`, in their order."""
        return [column["Name"] for column in self.changes()["StorageDescriptor"]["Columns"]]

    def forgotten(self) -> list[str]:
        """The patterns of forgotten columns: names, or a beginning and `*` (catalog_lambda/forgotten.py)."""
        table = self.table("forgotten_columns")
        text = ((table or {}).get("Parameters") or {}).get("forgotten") or "[]"
        try:
            return [str(name) for act in json.loads(text) for name in act["names"]]
        except (ValueError, TypeError, KeyError):
            raise SettleError(
                f"the record of forgotten columns in {self.database}.forgotten_columns cannot be read",
                "restore the table's previous version (docs/operations/forget-columns.md)",
            ) from None

    def check_owner(self, name: str) -> bool:
        """Whether the table exists. Raises SettleError if it is no Iceberg table."""
        table = self.table(name)
        if table is None:
            return False
        parameters = table.get("Parameters") or {}
        if str(parameters.get("table_type", "")).upper() != "ICEBERG":
            raise SettleError(
                f"{self.database}.{name} is not an Iceberg table of this job", "rename or remove that table"
            )
        return True

    def switched_at(self, name: str) -> str:
        """The cut between two roads that the items of a pair observe; `none` without a view or a cut.

        It is that of `current_<name>`. If there is no such view, it is that of the first view of current
        items in the order of names: views may have another ending than their source table (`--name`).
        """
        views = self._views(name, "current")
        if not views:
            return NO_SWITCH
        cut = _CUT.search(views.get(f"current_{name}") or views[min(views)])
        return cut[1] if cut else NO_SWITCH

    def shown_columns(self, name: str) -> set[str]:
        """The columns of a pair's tables that the existing views of its items have, for those of `changes`.

        A view shows some columns under another name (scripts/core/view_columns.py).
        """
        views = [view for kind in _MARKS for view in self._views(name, kind)]
        shown = {column["Name"] for view in views for column in self._columns_of(view)}
        names = self.columns()
        items = names[names.index(LAST_OF_THE_CHANGE) + 1 :]
        return {
            stored_column(column)
            for column in items
            if not shown.isdisjoint((column, column + _ENDING, column.removeprefix(_RESERVED_PREFIX)))
        }

    def _views(self, name: str, kind: str) -> dict[str, str]:
        """The SQL of this kind of views of a pair's source tables, by the view's name."""
        found = {}
        for view, table in self._tables().items():
            text = sql_of(table) if view.startswith(f"{kind}_") else None
            source = _SOURCE.search(text) if text and _MARKS[kind] in text else None
            if text and source and ending(source[1].replace("''", "'")) == name:
                found[view] = text
        return found

    def _columns_of(self, name: str) -> list[dict[str, str]]:
        storage = self._tables()[name].get("StorageDescriptor") or {}
        return list(storage.get("Columns") or [])

    def declare(self, names: Collection[str]) -> int:
        """Tell the catalog function which columns the rows have. Returns how many it has added."""
        if not self.catalog_function or not names:
            return 0
        added, batch, size = 0, list[str](), 0
        for name in [*sorted(names), None]:
            if batch and (name is None or size > _MOST_NAME_BYTES):
                added += self._invoke(batch)
                batch, size = [], 0
            if name is not None:
                batch.append(name)
                size += len(name) + 3
        return added

    def _invoke(self, names: Iterable[str]) -> int:
        payload = json.dumps({"source": "ddb-lake.settle", "columns": list(names)}).encode()
        answer = _client("lambda", self.region).invoke(FunctionName=self.catalog_function, Payload=payload)
        body = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise SettleError(
                f"the function {self.catalog_function} could not declare columns",
                "read its log; the next run tells it the names again",
            )
        return int(json.loads(body)["added"])

    def create_view(self, statement: str) -> None:
        """Create a view, or replace it if it has another text. Raises SettleError if Athena fails."""
        name, _, select = statement.removeprefix("CREATE OR REPLACE VIEW ").partition(" AS\n")
        view = self.table(name)
        if view is None or sql_of(view) != select:
            self.execute(statement)
            self.refresh()

    def execute(self, statement: str) -> None:
        """Run a statement in Athena. Raises SettleError if it fails."""
        athena = _client("athena", self.region)
        query = athena.start_query_execution(
            QueryString=statement,
            QueryExecutionContext={"Database": self.database},
            WorkGroup=self.workgroup,
        )["QueryExecutionId"]
        end = time.monotonic() + _STATEMENT_SECONDS
        while time.monotonic() < end:
            status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
                break
            time.sleep(_POLL_SECONDS)
        if status["State"] != "SUCCEEDED":
            raise SettleError(
                f"Athena did not run query {query}: {status.get('StateChangeReason', status['State'])}",
                "mend the cause; the next run tries again, and until then the views read more raw objects",
            )


def forgotten_by(patterns: Iterable[str], name: str) -> bool:
    """Whether a column is forgotten: by its name, or by a beginning and `*`."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns
    )


def iso(moment: datetime) -> str:
    """A time as `change_time` has it: UTC, six decimals, Z."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
