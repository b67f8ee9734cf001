"""The second at which a table's changes switched from Kinesis to DynamoDB Streams.

The views contain this second. Refreshing them keeps it: it is read from the definitions that Athena stores in
Glue.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from scripts.core.athena import Workgroup, quoted
from scripts.core.console import CommandError
from settled.unsettled import sql_of

NO_SWITCH = "none"
_GIVEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})")
# The switch in a view, whatever layout Athena gives the statement: no other literal of a view has this form.
_KEPT = re.compile(r"'([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.000000Z)'")


def read_switch(text: str) -> str | None:
    """The time of a switch in the form of `change_time`; None for `none`.

    :raises CommandError: the text is not a whole second with an offset from UTC
    """
    if text == NO_SWITCH:
        return None
    try:
        if not _GIVEN.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(
            f"--switched-at: {text} is not a whole second",
            "Write it like 2026-11-28T12:00:00Z, or `none` for views without a switch.",
        ) from None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def kept_switch(workgroup: Workgroup, database: str, names: Iterable[str], source: str) -> str | None:
    """The switch in the existing views of this table; None if they have none.

    :raises CommandError: the views have different ones
    """
    found = set()
    for name in names:
        text = _definition(workgroup, database, name)
        # a view of another table does not count
        if text is not None and re.search(rf"change_table\s*=\s*{re.escape(quoted(source))}", text):
            found.add(switch_in(text))
    if len(found) > 1:
        raise CommandError(
            f"the views of {source} have different switch times: {', '.join(sorted(map(str, found)))}",
            "Give the right one with --switched-at (`none` for no switch).",
        )
    return found.pop() if found else None


def switch_in(sql: str) -> str | None:
    """The switch in the SQL of a view; None without one."""
    switch = _KEPT.search(sql)
    return switch[1] if switch else None


def _definition(workgroup: Workgroup, database: str, name: str) -> str | None:
    """The SQL of a view in Glue; None if the view does not exist."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    glue = workgroup.connection.client("glue")
    try:
        return sql_of(glue.get_table(DatabaseName=database, Name=name)["Table"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
            raise
        return None
