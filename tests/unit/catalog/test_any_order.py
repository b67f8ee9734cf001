"""Crawls, runs, stack updates, edits and forgetting in any order.

`changes` only gains columns, all of them strings. Only a forgotten column is removed, and it stays away.
"""

import contextlib
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import lists, sampled_from

from catalog_lambda import handler as function
from catalog_lambda.catalog import Catalog
from catalog_lambda.columns import Names
from catalog_lambda.handler import Settings
from scripts.core.console import CommandError
from scripts.core.forgetting import Forgetting
from tests.unit.catalog.fakes import FakeGlue, error, table

TEMPLATE = ["change_id", "change_time"]
NAMES = [f"n{number}" for number in range(8)]
SETTINGS = Settings("lake", "changes", "crawled_", "crawler", 1_000)


class CutOffError(Exception):
    """The function was stopped in the middle."""


class Catalogue(RuleBasedStateMachine):
    """A Data Catalog that the crawler, the function, the stack and people change."""

    @initialize()
    def begin(self) -> None:
        self.glue = FakeGlue(
            table("changes", TEMPLATE, Parameters={"projection.enabled": "true"}),
            table("crawled_data", ["change_id"], Parameters={"UPDATED_BY_CRAWLER": "crawler"}),
        )
        self.declared: set[str] = set(TEMPLATE)  # every name that `changes` must have by now
        self.ever: set[str] = set(TEMPLATE)  # every name that it has ever had; its versions list them
        self.forgotten: set[str] = set()

    def run_function(self, item_columns: list[str], glue: Any) -> None:
        """Run the function with the names from the stack."""
        patch = pytest.MonkeyPatch()
        patch.setattr(function, "Catalog", lambda database: Catalog(database, glue, pause=lambda _: None))
        try:
            function._declare(SETTINGS, item_columns)
        finally:
            patch.undo()

    @rule(names=lists(sampled_from(NAMES), unique=True))
    def crawl(self, names: list[str]) -> None:
        """The crawler's table changes: columns appear, disappear and change their type."""
        columns = [{"Name": name, "Type": "bigint"} for name in ["change_id", "dt", *names]]
        self.glue.tables["crawled_data"]["StorageDescriptor"]["Columns"] = columns

    @rule(names=lists(sampled_from(NAMES), unique=True, max_size=3))
    def declare(self, names: list[str]) -> None:
        """The function runs to its end, maybe after another edit. The table has exactly the known names."""
        raced = list(self.glue.racing)
        self.run_function(names, self.glue)
        crawled = [name for name in self.glue.columns("crawled_data") if name != "dt"]
        self.declared |= {*crawled, *names, *self.ever} - self.forgotten
        self.declared |= set(raced) - set(self.glue.racing)
        self.ever |= self.declared
        assert set(self.glue.columns()) == self.declared

    @rule(names=lists(sampled_from(NAMES), unique=True, max_size=3))
    def declare_twice(self, names: list[str]) -> None:
        """The second run, for example a Lambda retry, has nothing to do."""
        self.declare(names)
        if not self.glue.racing:
            updates = self.glue.updates
            self.declare(names)
            assert self.glue.updates == updates

    @rule(name=sampled_from(NAMES))
    def race(self, name: str) -> None:
        """Someone adds a column just before the function's next update."""
        if name not in self.glue.columns() and name not in self.forgotten:
            self.glue.racing = [name]

    @rule(names=lists(sampled_from(NAMES), min_size=1, max_size=2))
    def cut_off(self, names: list[str]) -> None:
        """The function stops before its update reaches Glue."""
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
        """The function stops after Glue made its update, before it receives the response."""
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
        self.ever |= self.declared

    @rule(name=sampled_from(NAMES))
    def forget(self, name: str) -> None:
        """Somebody removes a column permanently; an unknown name is rejected."""
        self.glue.racing = []
        forgetting = Forgetting(Catalog("lake", self.glue, pause=lambda _: None))
        known = {*self.ever, *self.forgotten, *self.glue.columns("crawled_data")}
        try:
            preview = forgetting.preview([name])
        except CommandError:
            assert name not in known
            return
        assert name in known
        gone = forgetting.forget(preview, "2026-11-20T09:30:00Z", "arn:somebody")
        assert set(gone) == {name} & self.declared
        self.declared -= {name}
        self.forgotten |= {name}

    @rule(name=sampled_from(NAMES))
    def remember(self, name: str) -> None:
        """The name may be a column again. The next run adds it if it was a column or the crawler finds it."""
        forgetting = Forgetting(Catalog("lake", self.glue, pause=lambda _: None))
        try:
            names = forgetting.remembered([name])
        except CommandError:
            assert name not in self.forgotten
            return
        assert name in self.forgotten
        forgetting.remember(names)
        self.forgotten -= {name}

    @rule()
    def update_stack(self) -> None:
        """CloudFormation sets the template's columns; the custom resource runs afterwards."""
        self.glue.replace("changes", TEMPLATE)
        self.declare([])

    @invariant()
    def columns_are_whole(self) -> None:
        """No column is duplicated, all are strings, and the rest of the definition is unchanged."""
        if not hasattr(self, "glue"):
            return
        changes = self.glue.tables["changes"]
        columns = changes["StorageDescriptor"]["Columns"]
        assert len({column["Name"] for column in columns}) == len(columns)
        assert {column["Type"] for column in columns} == {"string"}
        assert changes["Parameters"] == {"projection.enabled": "true"}
        assert changes["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]


Catalogue.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestAnyOrder = Catalogue.TestCase


def test_a_denied_update_does_not_change_the_table() -> None:
    """Nothing is half-written, and the caller gets the error."""

    class Denying(FakeGlue):
        def update_table(self, *_: Any, **__: Any) -> None:
            raise error("AccessDeniedException")

    glue = Denying(table("changes", TEMPLATE))
    with pytest.raises(Exception, match="AccessDenied"):
        Catalog("lake", glue).declare("changes", Names(found=["n"]), 1_000)
    assert glue.columns() == TEMPLATE
