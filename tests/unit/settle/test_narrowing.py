"""The last step of a settle run: which days and objects the view `unsettled_changes` has afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.jobs.settle.arguments import Arguments
from glue.jobs.settle.index import Entry
from glue.jobs.settle.job import Ports, Summary, _Run
from glue.jobs.settle.lake_catalog import iso
from glue.jobs.settle.objects import RawObject
from settled.reopened import Marker
from settled.unsettled import Opening, read

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
OLD, OLDER, OPEN = "2026-11-02", "2026-11-01", "2026-11-27"
LONG_AGO, JUST_NOW = NOW - timedelta(hours=1), NOW - timedelta(minutes=9)


@dataclass
class Lake:
    """The ports of a run without Spark: markers, and the view. `during` happens while the view is created."""

    markers: list[Marker] = field(default_factory=list)
    views: list[Opening] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def columns(self) -> list[str]:
        return ["change_key", "change_rescued", "pk"]

    def forgotten(self) -> list[str]:
        return []

    def refresh(self) -> None: ...

    def create_view(self, sql: str) -> None:
        opened = read(sql)
        assert opened is not None
        self.during()
        self.views.append(opened)

    def narrow(self, objects: dict[str, tuple[str, datetime | None]], *finished: Marker) -> list[Marker]:
        """Run the step. `objects` are the day and the time of settling (None: not settled) of each name."""

        class Storage:
            markers = staticmethod(lambda: [*self.markers])

        listed = [RawObject(day, _path(day, name), "t", 10) for name, (day, _) in objects.items()]
        entries = {
            _path(day, name): Entry(_path(day, name), "t", iso(at))
            for name, (day, at) in objects.items()
            if at is not None
        }
        silent: Any = lambda _: None  # noqa: E731
        ports = Ports(None, Storage(), self, lambda: NOW, silent)  # type: ignore[arg-type]
        run = _Run(ports, Arguments("ddb_lake", "lake", "eu-west-1", workgroup="w"), Summary())
        return run._narrow(listed, entries, finished)


def _path(day: str, name: str) -> str:
    return f"s3://lake/data/dt={day}/{name}"


@pytest.fixture
def lake() -> Lake:
    """No marker."""
    return Lake()


def test_day_whose_objects_were_settled_long_ago_is_closed_with_its_marker(lake: Lake) -> None:
    """Its rows are in the tables for every query that begins now."""
    marker = Marker("redrive-x", (OLD,), done=True)
    lake.markers = [marker]
    assert lake.narrow({"a": (OLD, LONG_AGO), "b": (OPEN, LONG_AGO)}, marker) == [marker]
    assert lake.views == [Opening("2026-11-20", (), (_path(OPEN, "b"),))]


def test_day_with_an_object_that_was_settled_a_moment_ago_stays_open(lake: Lake) -> None:
    """A query may have read the state of the tables before that, and read the view after it."""
    marker = Marker("redrive-x", (OLD,), done=True)
    lake.markers = [marker]
    assert lake.narrow({"a": (OLD, JUST_NOW)}, marker) == []
    assert lake.views == [Opening("2026-11-20", (OLD,), ())]


def test_day_with_an_object_that_is_not_settled_is_open_without_a_marker(lake: Lake) -> None:
    """A late delivery, or an object that the run could not read."""
    lake.narrow({"a": (OLD, None), "b": (OLD, LONG_AGO)})
    assert lake.views == [Opening("2026-11-20", (OLD,), (_path(OLD, "b"),))]


def test_marker_of_a_command_that_began_during_the_run_keeps_its_day_open(lake: Lake) -> None:
    """Of its day nothing is left out: it may write an object again that was settled."""
    lake.markers = [Marker("redrive-x", (OLD, OPEN))]
    lake.narrow({"a": (OLD, LONG_AGO), "b": (OPEN, LONG_AGO)})
    assert lake.views == [Opening("2026-11-20", (OLD,), ())]


def test_marker_that_comes_while_the_view_is_created_is_in_the_next_view(lake: Lake) -> None:
    """The command may have created its view before this one."""

    def command() -> None:
        lake.markers = [Marker("redrive-x", (OLD,))]

    lake.during = command
    lake.narrow({"a": (OLD, LONG_AGO)})
    assert [view.reopened for view in lake.views] == [(), (OLD,)]


def test_open_marker_is_never_removed(lake: Lake) -> None:
    """Its command was interrupted, or is running."""
    open_marker, done = Marker("heal-x", (OLDER,)), Marker("redrive-x", (OLD,), done=True)
    lake.markers = [open_marker, done]
    assert lake.narrow({"a": (OLD, LONG_AGO), "b": (OLDER, LONG_AGO)}, done) == [done]
    assert lake.views == [Opening("2026-11-20", (OLDER,), ())]
