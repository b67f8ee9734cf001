"""The report of a comparison: the differences with their likely causes, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from repair.reconciliation import (
    REMOVED,
    Cause,
    Circumstances,
    Difference,
    Differences,
    cause_of,
    missing_days,
)
from scripts.core.answers import count
from scripts.core.console import Output

MOST_DAYS = 5  # named in a sentence


@dataclass(frozen=True)
class Report:
    """The differences of one table, with what is known about their causes.

    The options are those of commands in messages: `both` is the table and both sides, `redrive` both sides
    of a redrive.
    """

    differences: Differences
    circumstances: Circumstances
    both: str
    redrive: str

    @property
    def days(self) -> list[str]:
        """The days without rows that may explain the differences."""
        return missing_days(self.differences, self.circumstances)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every difference as JSON."""
        days = self.days
        for found in self.differences:
            yield {
                "key": found.key,
                "difference": found.kind,
                "newest_change": found.lake_time,
                "newest_change_type": found.lake_type,
                "read_at": found.read_at,
                "cause": cause_of(found, days, self.circumstances).value,
                "covered": found.covered,
            }

    def causes(self) -> list[dict[str, Any]]:
        """The likely causes, each with the number of its keys and the next step."""
        days = self.days
        counts = Counter(cause_of(found, days, self.circumstances) for found in self.differences)
        return [
            {"cause": cause.value, "keys": counts[cause], "next": self._next(cause)}
            for cause in Cause
            if cause in counts
        ]

    def _next(self, cause: Cause) -> str:
        if cause is Cause.OLDER:
            return (
                "These items are older than the stream. Bring them in: "
                f"`python -m scripts.backfill {self.both}`."
            )
        if cause is Cause.DAY:
            days = self.days
            named = ", ".join(days[:MOST_DAYS]) + (" and more" if len(days) > MOST_DAYS else "")
            return (
                f"The lake has no rows of {named}, and every loss fits that. If objects below "
                f"data/dt={days[0]}/ were deleted, remove their delete markers: the bucket keeps versions. "
                f"Else fill the hole: `python -m scripts.backfill {self.both} --heal --from "
                f"{days[0]}T00:00:00Z --to {days[-1]}T23:59:59Z`."
            )
        if cause is Cause.FAILED:
            failures = count(self.circumstances.failures or 0, "object")
            return (
                f"Records were not redelivered ({failures} below errors/). Run "
                f"`python -m scripts.redrive{self.redrive}`, and compare again."
            )
        last = self.differences.last_good
        since = f" after {last}" if last is not None and self.differences.counts["missing"] == 0 else ""
        deletions = self.differences.counts["extra"]
        ttl = (
            " Deletions by Time to Live are among those." if deletions and self.circumstances.has_ttl else ""
        )
        return (
            f"Changes{since} did not reach the lake, or they are late: look for an alarm of the "
            f"delivery.{ttl} "
            "--repair writes the states that the table has now. If point-in-time recovery was on, "
            f"`python -m scripts.backfill {self.both} --heal --from TIME --to TIME` writes the states at the "
            "end of the hole."
        )

    def show(self, out: Output, limit: int) -> None:
        """Print the first differences and all causes. The table is a part of the answer in text form."""
        days = self.days
        shown = [
            (found.key, found.kind, _newest(found), cause_of(found, days, self.circumstances).value)
            for found in islice(iter(self.differences), limit)
        ]
        if shown and out.form == "text":
            columns = ("key", "difference", "newest change in the lake", "likely cause")
            out.answer_table("keys that differ", columns, shown)
        if len(self.differences) > limit and out.form == "text":
            more = count(len(self.differences) - limit, "key")
            out.say(f"… and {more} more: --limit shows more, --output json has them all")
        for cause in self.causes():
            out.say(f"{cause['cause']}: {count(cause['keys'], 'key')}", "bold")
            out.say(f"next: {cause['next']}")


def _newest(found: Difference) -> str:
    if found.lake_time is None:
        return "none"
    return f"{found.lake_time} {'deletion' if found.lake_type == REMOVED else 'state'}"
