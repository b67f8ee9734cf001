"""The plan of a heal: the windows, the export of each, and the cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from repair.heal import Window
from scripts.core import cost
from scripts.core.answers import count
from scripts.core.backfilling.exports import Export
from scripts.core.backfilling.option_stacks import Landing
from scripts.core.reconciling.lake_states import MOST_STATEMENTS
from scripts.core.sides import LakeSide, Source
from transform_lambda.change import change_day

_SHOWN = 10  # windows


@dataclass(frozen=True)
class Step:
    """A window. Without `export`, a new one is made. `finished`: its rows are in the lake."""

    window: Window
    export: Export | None
    finished: bool = False


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the work begins. `asked` is the period as it was given."""

    source: Source
    lake: LakeSide
    landing: Landing
    asked: Window
    steps: tuple[Step, ...]

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return all(step.finished for step in self.steps)

    @property
    def period(self) -> Window:
        """All windows as one."""
        return Window(self.steps[0].window.start, self.steps[-1].window.end)

    @property
    def days(self) -> list[str]:
        """The days of the rows: each has the time at which its window ends."""
        return sorted({change_day(step.window.time) for step in self.steps})

    @property
    def _new(self) -> int:
        return sum(1 for step in self.steps if step.export is None)

    def document(self) -> dict[str, Any]:
        """The plan as the beginning of the JSON answer."""
        source, lake = self.source.connection, self.lake.connection
        return {
            "table": self.source.table,
            "source_account": source.account,
            "lake_account": lake.account,
            "region": source.region,
            "lake_bucket": self.lake.bucket,
            "from": _shown(self.period)[0],
            "to": _shown(self.period)[1],
            "windows": [_step_document(step) for step in self.steps],
            "usd_at_least": round(cost.heal(self._new), 4),
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """The plan for people."""
        yield "table", f"{self.source.table} in account {self.source.connection.account}"
        yield "lake", f"{self.lake.bucket} in account {self.lake.connection.account}"
        if self.period != self.asked:
            yield "period", f"{self.period.text}: wider, because an export has at least 15 minutes"
        for step in self.steps[:_SHOWN]:
            yield "window", f"{step.window.text}: {_state(step)}"
        if len(self.steps) > _SHOWN:
            yield "", f"and {len(self.steps) - _SHOWN} more windows"
        if self._new:
            yield "exports", f"new ones land in {self.landing.bucket}/{self.landing.prefix}"
        yield "rows", "a SNAPSHOT row where the lake differs from the table at the end of a window"
        athena = f"Athena reads the rows of the lake up to {MOST_STATEMENTS} times for each window"
        if not self._new:
            yield "cost", f"no new export; {athena}"
            return
        yield (
            "cost",
            (
                f"at least {cost.heal(self._new):.3f} USD for {count(self._new, 'new export')}: DynamoDB "
                f"bills {cost.PRICES['dynamodb_export_gb']:.2f} USD per GB of changes. {athena}"
            ),
        )


def _state(step: Step) -> str:
    if step.export is None:
        return "a new export"
    if step.export.status != "COMPLETED":
        return f"export {step.export.id} is running"
    done = ", and its rows are in the lake" if step.finished else ""
    return f"export {step.export.id} exists, {step.export.items:,} items{done}"


def _step_document(step: Step) -> dict[str, Any]:
    start, end = _shown(step.window)
    return {
        "from": start,
        "to": end,
        "export": None if step.export is None else step.export.arn,
        "items": step.export.items if step.export is not None and step.export.status == "COMPLETED" else None,
        "finished": step.finished,
    }


def _shown(window: Window) -> tuple[str, str]:
    return f"{window.start:%Y-%m-%dT%H:%M:%SZ}", f"{window.end:%Y-%m-%dT%H:%M:%SZ}"
