"""Where a backfill meets the stream: no change may lie between them, and queries must see the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from scripts.core.athena import Workgroup, quoted
from scripts.core.console import CommandError
from scripts.core.lake_objects import LakeObjects
from scripts.core.sides import LakeSide, Source
from scripts.core.source_stream import status_of

CHANGES = "changes"
_RANGE = "projection.dt.range"
FIRST_CHANGE = """\
SELECT min(change_time)
FROM changes
WHERE dt = ? AND change_table = ? AND change_type IN ('INSERT', 'MODIFY', 'REMOVE')"""
_LOOKED_AT = 7  # first days of the lake in which the table's first change is looked for


@dataclass(frozen=True)
class Meeting:
    """Whether changes can be missing between the export and the stream."""

    export_time: datetime
    first_change: str | None  # change_time of the table's first change in the lake; None if none was found

    @property
    def may_miss(self) -> bool:
        """Whether the table's first change in the lake is later than the export."""
        return (
            self.first_change is not None
            and self.first_change > f"{self.export_time:%Y-%m-%dT%H:%M:%S}.999999Z"
        )

    def message(self, table: str) -> str:
        """What may be missing, and what to do."""
        return (
            f"the first change of table {table} in the lake is of {self.first_change}, and the export of "
            f"{self.export_time:%Y-%m-%dT%H:%M:%SZ} is older. Changes between them are in neither. The gaps "
            "view names an item that changed between them and again later. One that did not change again is "
            "wrong in the current view. Leave out --export and --export-time: a new export has those changes."
        )


def check_streaming(source: Source) -> None:
    """Refuse a table whose changes do not stream: what changes after the export would be missing."""
    stream = source.outputs.get("SourceStreamArn")
    if stream is None:
        return
    status = status_of(source.connection.client("dynamodb"), source.table, stream)
    if status == "ACTIVE":
        return
    command = source.outputs.get("EnableStreamingCommand")
    turn_on = f"Turn the stream on, and wait until it is ACTIVE: `{command}{source.connection.location}`."
    raise CommandError(
        f"the changes of table {source.table} do not stream into the lake"
        + (f" (the stream is {status})" if status else "")
        + ": what changes after the export would be missing",
        turn_on if command else f"Deploy stack {source.stack} again: it turns the stream on.",
    )


def check_first_day(lake: LakeSide, day: str) -> None:
    """Refuse rows of a day that the table `changes` does not show. Raises CommandError with the parameter."""
    try:
        found = lake.connection.client("glue").get_table(DatabaseName=lake.database, Name=CHANGES)["Table"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
            raise
        raise CommandError(
            f"table {lake.database}.{CHANGES} does not exist",
            "Bring it back with the commands of docs/operations/recover-a-dropped-table.md.",
        ) from None
    first = found.get("Parameters", {}).get(_RANGE, "").partition(",")[0]
    if first and day < first:
        kind = "single-account" if "SourceTableName" in lake.outputs else "consumer"
        raise CommandError(
            f"the rows would lie under {day}, and the table {CHANGES} shows no day before {first}",
            f"Set FirstDay earlier: `python -m scripts.deploy {kind}{lake.connection.location} --stack-name "
            f"{lake.stack} --parameter FirstDay={day}`.",
        )


def meeting(lake: LakeSide, objects: LakeObjects, table: str, export_time: datetime) -> Meeting:
    """Compare the export's time with the table's first change in the lake.

    Only the first days of the lake are read, one after the other: reading all of it could be expensive. A
    table without a change in them is not judged.
    """
    workgroup = Workgroup(lake.connection, lake.workgroup)
    for day in objects.days()[:_LOOKED_AT]:
        [[first]] = workgroup.execute(FIRST_CHANGE, lake.database, [quoted(day), quoted(table)]).rows
        if first is not None:
            return Meeting(export_time, first)
    return Meeting(export_time, None)
