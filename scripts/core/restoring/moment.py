"""The moment to restore, in the form of `change_time`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from scripts.core.console import EXIT_USAGE, CommandError

_GIVEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def change_time_of(text: str, now: datetime) -> str:
    """The text of --as-of in the form of `change_time`: text order is time order.

    :param now: the time now, with an offset from UTC
    :raises CommandError: the text is not a time with an offset from UTC, or the time is in the future
    """
    try:
        if not _GIVEN.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(
            f"--as-of: {text} is not a time",
            "Write it like 2026-11-28T12:00:00Z or 2026-11-28T13:00:00.250000+01:00.",
            exit_code=EXIT_USAGE,
        ) from None
    if moment > now:
        raise CommandError(
            f"--as-of: {text} is in the future", "Give a time that has passed.", exit_code=EXIT_USAGE
        )
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
