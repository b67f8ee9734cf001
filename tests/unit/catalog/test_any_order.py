"""Crawls, runs, stack updates and edits in any order: `changes` only ever gains columns, all strings."""

import contextlib
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import lists, sampled_from

from catalog_lambda import handler as function
from catalog_lambda.catalog import Catalog
from catalog_lambda.handler import Settings
from tests.unit.catalog.fakes import FakeGlue, error, table

TEMPLATE = ["change_id", "change_time"]
NAMES = [f"n{number}" for number in range(8)]
SETTINGS = Settings("lake", "changes", "crawled_", "crawler")


class CutOffError(Exception):
    """The function was ended in the middle."""


class Catalogue(RuleBasedStateMachine):
    """A Data Catalog on which crawler, function, stack and people act."""

    @initialize()
    def begin(self) -> None:
        self.glue = FakeGlue(
            table("changes", TEMPLATE, Parameters={"projection.enabled": "true"}),
            table("crawled_data", ["change_id"], Parameters={"UPDATED_BY_CRAWLER": "crawler"}),
        )
        self.declared: set[str] = set(TEMPLATE)  # every name that `changes` must have by now

    def run_function(self, item_columns: list[str], glue: Any) -> None:
        """The function, with the names the stack gives it."""
        patch = pytest.MonkeyPatch()
        patch.setattr(function, "Catalog", lambda database: Catalog(database, glue, pause=lambda _: None))
        try:
            function._declare(SETTINGS, item_columns)
        finally:
            patch.undo()

    @rule(names=lists(sampled_from(NAMES), unique=True))
    def crawl(self, names: list[str]) -> None:
        """The crawler's table drifts: columns come, go and change their type."""
        columns = [{"Name": name, "Type": "bigint"} for name in ["change_id", "dt", *names]]
        self.glue.tables["crawled_data"]["StorageDescriptor"]["Columns"] = columns

    @rule(names=lists(sampled_from(NAMES), unique=True, max_size=3))
    def declare(self, names: list[str]) -> None:
        """The function runs to its end; another edit may come first. The table has exactly what is known."""
        raced = list(self.glue.racing)
        self.run_function(names, self.glue)
        crawled = [one for one in self.glue.columns("crawled_data") if one != "dt"]
        self.declared |= {*crawled, *names, *(set(raced) - set(self.glue.racing))}
        assert set(self.glue.columns()) == self.declared

    @rule(names=lists(sampled_from(NAMES), unique=True, max_size=3))
    def declare_twice(self, names: list[str]) -> None:
        """The second run, a retry of Lambda's for one, finds nothing to do."""
        self.declare(names)
        if not self.glue.racing:
            updates = self.glue.updates
            self.declare(names)
            assert self.glue.updates == updates

    @rule(name=sampled_from(NAMES))
    def race(self, name: str) -> None:
        """Someone adds a column just before the function's next update."""
        if name not in self.glue.columns():
            self.glue.racing = [name]

    @rule(names=lists(sampled_from(NAMES), min_size=1, max_size=2))
    def cut_off(self, names: list[str]) -> None:
        """The function ends before its update reaches Glue."""
        glue = self.glue

        class Ending:
            def __getattr__(self, name: str) -> Any:
                return getattr(glue, name)

            def update_table(self, **_: Any) -> None:
                raise CutOffError

        with contextlib.suppress(CutOffError):
            self.run_function(names, Ending())

    @rule(names=lists(sampled_from(NAMES), min_size=1, max_size=2))
    def cut_off_late(self, names: list[str]) -> None:
        """The function ends after Glue took its update, and never hears of it."""
        glue = self.glue
        raced = list(glue.racing)

        class Ending:
            def __getattr__(self, name: str) -> Any:
                return getattr(glue, name)

            def update_table(self, **request: Any) -> None:
                glue.update_table(**request)
                raise CutOffError

        before = set(glue.columns())
        with contextlib.suppress(CutOffError):
            self.run_function(names, Ending())
        self.declared |= set(glue.columns()) - before | (set(raced) - set(glue.racing))

    @rule()
    def update_stack(self) -> None:
        """CloudFormation sets the template's columns; the custom resource runs afterwards."""
        self.glue.replace("changes", TEMPLATE)
        self.declare([])

    @invariant()
    def columns_are_whole(self) -> None:
        """No column twice, none that is not a string, the rest of the definition untouched."""
        if not hasattr(self, "glue"):
            return
        changes = self.glue.tables["changes"]
        columns = changes["StorageDescriptor"]["Columns"]
        assert len({one["Name"] for one in columns}) == len(columns)
        assert {one["Type"] for one in columns} == {"string"}
        assert changes["Parameters"] == {"projection.enabled": "true"}
        assert changes["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]


Catalogue.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestAnyOrder = Catalogue.TestCase


def test_a_denied_update_leaves_the_table_as_it_was() -> None:
    """Glue refuses: nothing is half-written, and the error is the caller's to see."""

    class Denying(FakeGlue):
        def update_table(self, *_: Any, **__: Any) -> None:
            raise error("AccessDeniedException")

    glue = Denying(table("changes", TEMPLATE))
    with pytest.raises(Exception, match="AccessDenied"):
        Catalog("lake", glue).declare("changes", ["n"])
    assert glue.columns() == TEMPLATE
