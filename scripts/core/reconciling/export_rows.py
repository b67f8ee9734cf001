"""Compare a table's export with its lake in Athena: nothing but differences comes to this process.

`scripts.backfill` has written the export's items as SNAPSHOT rows, with the digests that SQL cannot compute.
The comparison is of the time of the export, with the lake as it would be without these rows. A key with a
later change is left out: the lake's newest state of it is newer than the export.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from repair.reconciliation import Difference, Kind, kind_of
from scripts.core.athena import quoted
from scripts.core.console import EXIT_USAGE, CommandError
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.views import newest_changes

# API_DescribeExport, ExportArn; the id is a time in milliseconds and eight hex digits.
ARN = re.compile(
    r"arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/([A-Za-z0-9_.-]+)/export/([0-9]+-[0-9a-f]+)"
)


@dataclass(frozen=True)
class Export:
    """A complete export: its ARN, its id (which begins the `change_id` of its rows), its time and items."""

    arn: str
    identifier: str
    time: datetime
    items: int

    @property
    def rows(self) -> str:
        """The SQL condition for its rows."""
        return f"change_type = 'SNAPSHOT' AND change_id LIKE {quoted(f'{self.identifier}-%')}"


def described(dynamodb: Any, arn: str, table: str, *, both: str, location: str) -> Export:
    """The export of this ARN.

    :param both: the table and both sides, for commands in messages
    :param location: the profile and Region of the table, for the same

    Raises CommandError if it is of another table, incremental, failed, still running or unknown.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    found = ARN.fullmatch(arn)
    if found is None:
        raise CommandError(
            f"--export: {arn} is not the ARN of an export",
            "Write it as the backfill printed it, arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/export/ID.",
            exit_code=EXIT_USAGE,
        )
    if found[1] != table:
        raise CommandError(
            f"{arn} is an export of table {found[1]}, not of {table}", f"Name an export of {table}."
        )
    try:
        description = dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ExportNotFoundException":
            raise
        raise CommandError(
            f"there is no export {arn}", f"List the exports: `aws dynamodb list-exports{location}`."
        ) from None
    if description.get("ExportType", "FULL_EXPORT") != "FULL_EXPORT":
        raise CommandError(
            f"{arn} is an incremental export: it does not have every item", "Name a full export."
        )
    status = description["ExportStatus"]
    if status != "COMPLETED":
        reason = description.get("FailureMessage")
        raise CommandError(
            f"export {arn} is {status}{f': {reason}' if reason else ''}",
            "Wait until it is COMPLETED."
            if status == "IN_PROGRESS"
            else f"Export the table again: `python -m scripts.backfill {both}`.",
        )
    time = description.get("ExportTime") or description["StartTime"]
    return Export(arn, found[2], time.astimezone(UTC), int(description["ItemCount"]))


def check_rows(lake: LakeReader, export: Export, *, both: str) -> str:
    """The `change_time` of the export's rows. Raises CommandError unless the lake has all of them."""
    sql = f"""SELECT count(DISTINCT change_key), min(change_time), max(change_time)
FROM changes
WHERE change_table = {quoted(lake.table)} AND dt = '{export.time:%Y-%m-%d}' AND {export.rows}"""  # noqa: S608
    [[rows, first, last]] = lake.workgroup.stream(sql, lake.database)
    again = f"Continue where it stopped: `python -m scripts.backfill {both} --export {export.arn}`."
    if int(rows) != export.items:
        raise CommandError(
            f"the lake has rows for {int(rows):,} of the {export.items:,} items of this export", again
        )
    if first != last:
        raise CommandError(f"the rows of this export have different times: {first} and {last}", again)
    return first or f"{export.time:%Y-%m-%dT%H:%M:%S}.000000Z"


def compare(
    lake: LakeReader, export: Export, time: str, found: Callable[[Difference], None], *, older: bool
) -> None:
    """Find the keys whose newest change before the export did not lead to the exported state.

    The export's rows make a missing or stale key good; only an extra one stays wrong.

    :param time: the `change_time` of the export's rows
    :param older: whether the table may have items that are older than its stream; the export has brought
        them in, so they are not differences
    """
    without = newest_changes(
        lake.table,
        "change_key, change_after AS state, change_time, change_type",
        rows=f"NOT ({export.rows})",
        switched_at=lake.switched_at,
    )
    newest = "lake.change_time" if older else "coalesce(lake.change_time, '')"
    sql = f"""WITH lake AS (
{without}
),
exported AS (
  SELECT change_key, max(change_after) AS state
  FROM changes
  WHERE change_table = {quoted(lake.table)} AND dt = '{export.time:%Y-%m-%d}' AND {export.rows}
  GROUP BY change_key
)
SELECT
  coalesce(exported.change_key, lake.change_key),
  exported.state,
  lake.state,
  lake.change_time,
  lake.change_type
FROM exported
FULL JOIN lake ON lake.change_key = exported.change_key
WHERE coalesce(exported.state, '') <> coalesce(lake.state, '')
  AND {newest} < '{time}'"""  # noqa: S608
    for key, exported, state, change_time, change_type in lake.workgroup.stream(sql, lake.database):
        kind: Kind = kind_of(exported or None, state or None)
        found(Difference(key, kind, time, change_time or None, change_type or None, covered=kind != "extra"))
