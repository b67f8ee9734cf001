"""forget_columns: what goes, what is recorded, what comes back and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from catalog_lambda.catalog import Catalog
from catalog_lambda.forgotten import LONGEST_RECORD_BYTES, PARAMETER, TABLE, Act, Forgotten
from glue.tables import METADATA_COLUMNS
from scripts import forget_columns
from scripts.core import connection
from scripts.core.console import CommandError
from scripts.core.forgetting import Family, Forgetting
from tests.unit.catalog.fakes import FakeGlue, table
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Pages, Terminal

ARN = "arn:aws:sts::222222222222:assumed-role/Admin/anna"
JUNK = [f"prices__sku{number}" for number in range(30)]


class Lake(FakeGlue):
    """The tables of a lake, and its crawler."""

    def get_paginator(self, operation: str) -> Any:
        """Tables as the catalog pages them; one crawler."""
        if operation == "get_crawlers":
            return Pages(lambda: [{"Crawlers": [{"Name": "lake-crawler", "DatabaseName": "lake"}]}])
        return super().get_paginator(operation)


@pytest.fixture
def lake() -> FakeGlue:
    """Columns of three attributes and ten prices; the crawler has found twenty more prices and a new name."""
    view = table("current_orders", ["total", "prices__sku1"], TableType="VIRTUAL_VIEW")
    return Lake(
        table("changes", [*METADATA_COLUMNS, "pk", "total", "status", *JUNK[:10]]),
        table(
            "crawled_data", ["pk", "total", "status", *JUNK, "fresh"], Parameters={"UPDATED_BY_CRAWLER": "c"}
        ),
        view,
        table("current_others", ["status"], TableType="VIRTUAL_VIEW"),
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, run_verb: Callable[..., Ran], lake: FakeGlue) -> Callable[..., Ran]:
    """Run `forget_columns` against the lake; stdin is no terminal unless `typed` says what is typed."""

    class Account:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": "222222222222", "Arn": ARN}

    def command(*arguments: str, typed: str | None = None) -> Ran:
        session = type("Session", (), {"region_name": "eu-west-1"})
        monkeypatch.setattr(connection, "open_session", lambda *_: session())
        clients: dict[str, Any] = {"glue": lake, "sts": Account()}
        monkeypatch.setattr(connection, "open_client", lambda _, service, __: clients[service])
        if typed is not None:
            monkeypatch.setattr("sys.stdin", Terminal(typed))
        return run_verb(forget_columns.main, "--database", "lake", *arguments)

    return command


def record(lake: FakeGlue) -> list[dict[str, Any]]:
    """What the record says."""
    acts: list[dict[str, Any]] = json.loads(lake.tables[TABLE]["Parameters"][PARAMETER])
    return acts


def test_forgetting_takes_the_columns_away_and_records_who_and_when(
    run: Callable[..., Ran], lake: FakeGlue
) -> None:
    """The rest of the table stays as it is; the views that show a column that went are named."""
    ran = run("prices__*", "STATUS", "--yes", "--output", "json")
    assert ran.code == 0, ran.err
    answer = json.loads(ran.out)
    assert (answer["status"], answer["names"]) == ("forgotten", ["prices__*", "status"])
    assert answer["columns"] == ["status", *JUNK[:10]]
    assert answer["waiting"] == JUNK[10:]
    assert answer["views"] == ["current_orders", "current_others"]
    assert lake.columns() == [*METADATA_COLUMNS, "pk", "total"]
    (act,) = record(lake)
    assert (act["by"], act["names"], len(act["at"])) == (ARN, ["prices__*", "status"], 20)
    assert "run `python -m scripts.views` again for current_orders, current_others" in ran.err


def test_a_dry_run_changes_nothing_and_prints_the_same(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """Columns, names and views as they would be."""
    before = lake.columns()
    ran = run("prices__*", "--dry-run", "--output", "json")
    answer = json.loads(ran.out)
    assert (answer["status"], answer["columns"], answer["views"]) == (
        "dry run",
        JUNK[:10],
        ["current_orders"],
    )
    assert (lake.columns(), lake.updates, TABLE in lake.tables) == (before, 0, False)


@pytest.mark.parametrize(("typed", "code"), [(None, 1), ("yes\n", 1), ("forget\n", 0)])
def test_nothing_is_forgotten_without_confirmation(
    run: Callable[..., Ran], lake: FakeGlue, typed: str | None, code: int
) -> None:
    """By --yes or by the typed word; account and Region come before the question."""
    ran = run("status", typed=typed)
    assert ran.code == code
    assert "account 222222222222, Region eu-west-1: forget status in lake.changes" in ran.err
    assert ("status" in lake.columns()) == (TABLE not in lake.tables) == bool(code)


def test_a_second_run_completes_an_interrupted_one(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """The record is written first. A run that stops there loses nothing, and no column comes back."""
    lake.refuses = {"UpdateTable": "AccessDeniedException"}
    assert run("status", "--yes").code == 1
    assert [act["names"] for act in record(lake)] == [["status"]]
    assert "status" in lake.columns()
    lake.refuses = {}
    assert run("status", "--yes").code == 0
    assert "status" not in lake.columns()
    assert [act["names"] for act in record(lake)] == [["status"]]
    assert lake.versions[TABLE] == [], "an unchanged record was written again"


def test_a_record_that_cannot_be_created_is_an_error_with_its_cause(
    run: Callable[..., Ran], lake: FakeGlue
) -> None:
    """No column is removed without a record."""
    lake.refuses = {"CreateTable": "AccessDeniedException"}
    ran = run("status", "--yes")
    assert (ran.code, "CreateTable" in ran.err, "status" in lake.columns()) == (1, True, True)


@pytest.mark.parametrize("name", ["change_id", "dt", "change_*", "*", "d*"])
def test_metadata_is_not_forgotten(run: Callable[..., Ran], lake: FakeGlue, name: str) -> None:
    """Nor is the partition column, by name or by a beginning."""
    ran = run(name, "--yes")
    assert (ran.code, lake.updates) == (1, 0)
    assert "which every query needs" in ran.err


@pytest.mark.parametrize("name", ["statsu", "statsu*", "a*b"])
def test_an_unknown_name_is_refused(run: Callable[..., Ran], lake: FakeGlue, name: str) -> None:
    """Otherwise the record would keep a typing error forever."""
    ran = run(name, "--yes")
    assert (ran.code, TABLE in lake.tables) == (2 if name == "a*b" else 1, False)
    assert "status" in ran.err or name == "a*b"


def test_a_former_column_can_be_forgotten(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """After a stack update and before the function has run; and a name that has no column yet."""
    lake.replace("changes", [*METADATA_COLUMNS])
    assert run("status", "fresh", "--yes").code == 0
    assert [act["names"] for act in record(lake)] == [["fresh", "status"]]


def test_remembering_removes_only_the_name_from_the_record(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """An act without names is removed. The next crawl adds the column again, as the command says."""
    assert run("status", "total", "--yes").code == 0
    assert run("pk", "--yes").code == 0
    ran = run("--remember", "pk", "STATUS", "--output", "json")
    assert json.loads(ran.out) == {"database": "lake", "names": ["pk", "status"], "status": "remembered"}
    assert "`aws glue start-crawler --name lake-crawler`" in ran.err
    assert [act["names"] for act in record(lake)] == [["total"]]
    assert "status" not in lake.columns()


def test_a_dry_run_of_remembering_changes_nothing(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """It prints what would be remembered."""
    assert run("status", "--yes").code == 0
    assert json.loads(run("--remember", "status", "--dry-run", "--output", "json").out)["status"] == "dry run"
    assert [act["names"] for act in record(lake)] == [["status"]]


def test_only_a_forgotten_name_can_be_remembered(run: Callable[..., Ran]) -> None:
    """A member of a forgotten family is not in the record."""
    assert run("prices__*", "--yes").code == 0
    ran = run("--remember", "prices__sku1")
    assert (ran.code, "prices__sku1 is forgotten because prices__* is" in ran.err) == (1, True)
    ran = run("--remember", "total")
    assert (ran.code, "total is not forgotten" in ran.err) == (1, True)


def test_the_list_shows_forgotten_names_and_families(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """Families with the beginning to forget them by, the largest first; impossible columns are separate."""
    lake.tables["crawled_data"]["StorageDescriptor"]["Columns"] += [{"Name": "Odd\x1b[2Jname"}]
    assert run("status", "--yes").code == 0
    ran = run("--list", "--output", "json")
    answer = json.loads(ran.out)
    assert [act["names"] for act in answer["forgotten"]] == [["status"]]
    assert answer["waiting"] == [
        {"beginning": "prices__sku*", "columns": 10, "waiting": 20},
        {"beginning": "fresh", "columns": 0, "waiting": 1},
    ]
    assert list(answer["refused"]) == ["Odd\x1b[2Jname"]
    assert run("ODD*", "--yes").code == 0, "a name that cannot be a column can be forgotten"
    assert "\x1b[2J" not in ran.err
    assert f"by {ARN}: status" in ran.err


@pytest.mark.parametrize("arguments", [(), ("--list", "status"), ("--list", "--remember")])
def test_either_names_or_the_list_are_given(run: Callable[..., Ran], arguments: tuple[str, ...]) -> None:
    """Wrong options change nothing."""
    assert run(*arguments).code == 2


def test_a_wrong_database_has_a_message(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """The table does not exist."""
    del lake.tables["changes"]
    ran = run("status", "--yes")
    assert (ran.code, "there is no table lake.changes" in ran.err, "--database" in ran.err) == (1, True, True)


def test_a_record_that_is_too_long_is_refused_with_the_next_step(lake: FakeGlue) -> None:
    """Glue accepts 512,000 bytes in a parameter: thousands of names fit, and a beginning always fits."""
    lake.replace("changes", [f"{number:05}".ljust(250, "x") for number in range(2_100)])
    forgetting = Forgetting(Catalog("lake", lake))
    with pytest.raises(CommandError, match=f"Glue accepts {LONGEST_RECORD_BYTES:,}") as refused:
        forgetting.forget(forgetting.preview(forgetting.columns), "then", ARN)
    assert "by their beginning" in refused.value.next_step
    assert len(lake.columns()) == 2_100
    assert len(forgetting.forget(forgetting.preview(["0*"]), "then", ARN)) == 2_100


def test_a_record_of_the_limit_is_accepted() -> None:
    """The limit is a parameter's largest size, not the first one that is too large."""
    rest = len(Forgotten((Act(("",), "then", ARN),)).text())
    longest = Forgotten((Act(("x" * (LONGEST_RECORD_BYTES - rest),), "then", ARN),))
    assert len(longest.text()) == LONGEST_RECORD_BYTES


def test_concurrent_runs_are_both_recorded(lake: FakeGlue) -> None:
    """The second run finds the table already created; the third reads the record again."""
    first, second, third = (Forgetting(Catalog("lake", lake, pause=lambda _: None)) for _ in range(3))
    previews = [one.preview([name]) for one, name in ((first, "pk"), (second, "total"), (third, "status"))]
    listed, lake.paginate = lake.paginate, lambda **_: iter([])  # type: ignore[method-assign]
    first.forget(previews[0], "then", ARN)
    second.forget(previews[1], "then", ARN)
    lake.paginate = listed  # type: ignore[method-assign]
    third.forget(previews[2], "then", ARN)
    assert [act["names"] for act in record(lake)] == [["pk"], ["total"], ["status"]]
    assert lake.tables[TABLE]["Parameters"]["EXTERNAL"] == "TRUE", "another parameter was lost"


def test_a_family_of_one_is_named_without_a_star(lake: FakeGlue) -> None:
    """A `*` would match more than this name."""
    assert Family("fresh", 0, 1) in Forgetting(Catalog("lake", lake)).families()


def test_athena_can_list_the_records_table(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """Athena's catalog needs a type, a location and a column; the location is not that of the rows."""
    assert run("status", "--yes").code == 0
    created = lake.tables[TABLE]
    assert (created["TableType"], created["PartitionKeys"]) == ("EXTERNAL_TABLE", [])
    assert created["StorageDescriptor"]["Location"] == f"s3://bucket/{TABLE}/"
    assert len(created["StorageDescriptor"]["Columns"]) == 1
