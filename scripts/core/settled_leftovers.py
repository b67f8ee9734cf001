"""What the option stack `tables` leaves in the lake when it is removed, and the views that read it.

The job makes the settled tables, so no stack deletes them. Views over them stay, but without the job nothing
extends the tables, and a row that arrives later under an earlier day is in no view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.core.console import CommandError
from scripts.core.removal import FILES, SETTLED_TABLE, Resource
from settled.names import CHANGES, FOLDER, ITEMS, OBJECTS, UNSETTLED
from settled.unsettled import sql_of

if TYPE_CHECKING:
    from scripts.core.connection import Connection
    from scripts.core.console import Output

KIND = "tables"


@dataclass(frozen=True)
class SettledLeftovers:
    """The settled tables of a lake, and the names of the views that read them."""

    database: str
    bucket: str
    tables: tuple[str, ...] = ()
    views: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, kind: str | None, description: Mapping[str, Any], connection: Connection, out: Output
    ) -> SettledLeftovers | None:
        """Find them; None for another kind of stack. A database that cannot be read is reported."""
        parameters = {
            each["ParameterKey"]: each.get("ParameterValue", "") for each in description.get("Parameters", [])
        }
        database, bucket = parameters.get("DatabaseName", ""), parameters.get("LakeBucketName", "")
        if kind != KIND or not database:
            return None
        try:
            pages = connection.client("glue").get_paginator("get_tables").paginate(DatabaseName=database)
            tables = {table["Name"]: table for page in pages for table in page["TableList"]}
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code != "EntityNotFoundException":
                out.say(
                    f"views over settled tables in database {database} were not looked for: {code}", "yellow"
                )
            return cls(database, bucket)
        return cls(
            database,
            bucket,
            tuple(name for name in sorted(tables) if _is_settled(name)),
            tuple(name for name in sorted(tables) if name != UNSETTLED and _reads_settled(tables[name])),
        )

    def resources(self) -> list[Resource]:
        """What stays, in the order in which to delete it."""
        found = [Resource(self.database, SETTLED_TABLE, name, True) for name in self.tables]
        return (
            [*found, Resource("settled files", FILES, f"s3://{self.bucket}/{FOLDER}", True)] if found else []
        )

    def check(self, *, leave: bool, location: str, out: Output) -> None:
        """Refuse while views read settled tables; with `leave`, report it. `location` as in a command."""
        if not self.views:
            return
        named = ", ".join(self.views)
        if leave:
            out.say(
                f"{named} still read settled tables, which no job extends from now on: they read more raw "
                "rows every day, and miss a row that arrives late under an earlier day",
                "yellow",
            )
            return
        raise CommandError(
            f"{named} in database {self.database} read settled tables, which nothing extends without this "
            "stack. Nothing was deleted",
            f"Make the views raw: `python -m scripts.views --all --raw{location}`. Or add --leave-views.",
            views=[*self.views],
        )


def _is_settled(name: str) -> bool:
    return name in (OBJECTS, UNSETTLED) or name.startswith((CHANGES, ITEMS))


def _reads_settled(table: Mapping[str, Any]) -> bool:
    sql = sql_of(table) or ""
    return any(name in sql for name in (CHANGES, ITEMS, UNSETTLED))
