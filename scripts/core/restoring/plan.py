"""The plan of a restore: what the lake has, which items are exact, what it costs, and why it must stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from repair.restoration import OF_NAMES
from scripts.core.answers import count
from scripts.core.console import CommandError, Output
from scripts.core.cost import MILLION, PRICES
from scripts.core.restoring.checking import MOST_NAMES, Check
from scripts.core.restoring.history import Gaps, Overview
from scripts.core.restoring.target import Condition, Target

_TERABYTE = 2.0**40


@dataclass(frozen=True)
class Plan:
    """Everything that is known before the first write."""

    target: Target
    condition: Condition
    overview: Overview
    gaps: Gaps
    check: Check
    queries: list[str]
    bytes_scanned: int

    def document(self) -> dict[str, Any]:
        """The plan as JSON."""
        target, check = self.target, self.check
        return {
            "table": target.source,
            "as_of": target.moment,
            "into": target.name,
            "account": target.connection.account,
            "region": target.connection.region,
            "target": self.condition,
            "key_schema": str(target.keys),
            "lake_begins": self.overview.begins,
            "newest_change": self.overview.newest,
            "backfilled_rows": self.overview.copies,
            "gaps": self.gaps.number,
            "older_items": self.gaps.older,
            "first_gaps": self.gaps.first,
            "items": check.items,
            "exact": {"with_image": check.from_images, "by_digest": check.from_rows},
            "inexact": check.inexact,
            "doubts": check.document(),
            "cost": self._cost(),
        }

    def _cost(self) -> dict[str, Any]:
        """What Athena has read, and the write units of all items, with list prices of us-east-1 in USD."""
        scanned, units = self.bytes_scanned, self.check.write_units
        return {
            "athena_queries": self.queries,
            "athena_bytes": scanned,
            "athena_usd": round(scanned / _TERABYTE * PRICES["athena_tb_scanned"], 4),
            "write_units": units,
            "write_usd": round(units / MILLION * PRICES["dynamodb_million_write_units"], 4),
        }

    def show(self, out: Output) -> None:
        """Print the counts for people."""
        check = self.check
        out.say(
            f"{count(check.items, 'item')}: {check.from_images:,} exact with change_image, "
            f"{check.from_rows:,} exact without it (the digest matches), {check.inexact:,} not exact"
        )
        if check.inexact:
            rows = [
                (each["reason"], f"{each['items']:,}", _names(each["attributes"], each["more_attributes"]))
                for each in check.document()
            ]
            out.table("what may differ", ("reason", "items", "attributes"), rows)
        if self.gaps.first:
            older = count(self.gaps.older, "item")
            title = f"missing in the lake: {count(self.gaps.number, 'change')}, {older} older than their rows"
            shown = [(gap["key"], gap["missing"], gap["time"]) for gap in self.gaps.first]
            out.table(title, ("key", "missing", "time"), shown)
        cost = self._cost()
        out.say(
            f"cost at list prices of us-east-1: Athena read {cost['athena_bytes']:,} bytes "
            f"({cost['athena_usd']:,.2f} USD), and the items take about {cost['write_units']:,} write units "
            f"({cost['write_usd']:,.2f} USD on demand)"
        )

    def stop_if_wrong(self, *, inexact: bool, accept_gaps: bool) -> None:
        """Refuse a plan that must not be applied. Raises CommandError with the plan in its details."""
        problem = self._impossible() or self._doubtful(inexact=inexact, accept_gaps=accept_gaps)
        if problem:
            raise CommandError(*problem, **self.document())

    def _impossible(self) -> tuple[str, str] | None:
        """What is wrong with items that the table cannot take, and what to do next."""
        check, target = self.check, self.target
        if check.other_keys:
            return (
                f"{count(check.other_keys, 'item')} of {target.source} have other keys than {target.keys}",
                "Give the keys of the items with --key-schema: the column change_key shows them. If tables "
                "with different keys had this name, give a time when only one of them existed.",
            )
        if check.refused:
            reasons = ", ".join(f"{why} ({n:,})" for why, n in check.refused.most_common(MOST_NAMES))
            return (
                f"DynamoDB would refuse {count(check.refused.total(), 'item')}: {reasons}",
                "Name a table without such indexes with --into.",
            )
        return None

    def _doubtful(self, *, inexact: bool, accept_gaps: bool) -> tuple[str, str] | None:
        """What may be wrong with the items, unless the user accepts it."""
        check = self.check
        if self.gaps.older and not accept_gaps:
            return (
                f"{count(self.gaps.older, 'item')} may have existed at {self.target.moment}, and the lake "
                "has only later rows of them",
                f"Give {self.gaps.known_from} or later with --as-of, or add --accept-gaps to leave them out.",
            )
        if self.gaps.number and not accept_gaps:
            return (
                f"changes are missing in the lake ({count(self.gaps.number, 'gap')}), so items may have been "
                "different",
                "Bring the changes back first, or add --accept-gaps.",
            )
        if check.inexact and not inexact:
            hint = (
                ", or name attributes with capital letters with --names" if OF_NAMES in check.doubts else ""
            )
            return (
                f"{count(check.inexact, 'item')} would not be exact",
                f"Add --inexact to restore them as well as their rows allow{hint}.",
            )
        return None


def _names(names: list[str], more: int) -> str:
    return ", ".join(names) + (f" and {more:,} more" if more else "")
