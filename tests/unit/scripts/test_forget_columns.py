"""forget_columns: what goes, what is recorded, what comes back and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from catalog_lambda.catalog import Catalog
from catalog_lambda.forgotten import LONGEST_RECORD_BYTES, PARAMETER, TABLE
from glue.tables import METADATA_COLUMNS
from scripts import forget_columns
from scripts.core import connection
from scripts.core.console import CommandError
from scripts.core.forgetting import Family, Forgetting
from tests.unit.catalog.fakes import FakeGlue, table
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Terminal

ARN = "arn:aws:sts::222222222222:assumed-role/Admin/anna"
JUNK = [f"prices__sku{number}" for number in range(30)]


@pytest.fixture
def lake() -> FakeGlue:
    """Columns of three attributes and ten prices; the crawler has found twenty prices more, and a new one."""
    view = table("current_orders", ["total", "prices__sku1"], TableType="VIRTUAL_VIEW")
    return FakeGlue(
        table("changes", [*METADATA_COLUMNS, "pk", "total", "status", *JUNK[:10]]),
        table("crawled_data", ["pk", "total", *JUNK, "fresh"], Parameters={"UPDATED_BY_CRAWLER": "c"}),
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


def test_a_dry_run_changes_nothing_and_says_the_same(run: Callable[..., Ran], lake: FakeGlue) -> None:
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
def test_nothing_is_forgotten_unasked(
    run: Callable[..., Ran], lake: FakeGlue, typed: str | None, code: int
) -> None:
    """By --yes or by the word; account and Region stand before the question."""
    ran = run("status", typed=typed)
    assert ran.code == code
    assert "account 222222222222, Region eu-west-1: forget status in lake.changes" in ran.err
    assert ("status" in lake.columns()) == (TABLE not in lake.tables) == bool(code)


def test_a_second_run_finishes_what_the_first_has_begun(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """The record is written first, so a run that ends there loses nothing and brings nothing back."""
    lake.refuses = {"UpdateTable": "AccessDeniedException"}
    assert run("status", "--yes").code == 1
    assert [act["names"] for act in record(lake)] == [["status"]]
    assert "status" in lake.columns()
    lake.refuses = {}
    assert run("status", "--yes").code == 0
    assert "status" not in lake.columns()
    assert [act["names"] for act in record(lake)] == [["status"]]


@pytest.mark.parametrize("name", ["change_id", "dt", "change_*", "*", "d*"])
def test_metadata_is_not_forgotten(run: Callable[..., Ran], lake: FakeGlue, name: str) -> None:
    """Nor the partition column, by their names or by a beginning that covers them."""
    ran = run(name, "--yes")
    assert (ran.code, lake.updates) == (1, 0)
    assert "which every query relies on" in ran.err


@pytest.mark.parametrize("name", ["statsu", "statsu*", "a*b"])
def test_a_name_that_nobody_knows_is_refused(run: Callable[..., Ran], lake: FakeGlue, name: str) -> None:
    """A slip of the finger would be recorded for ever."""
    ran = run(name, "--yes")
    assert (ran.code, TABLE in lake.tables) == (2 if name == "a*b" else 1, False)
    assert "status" in ran.err or name == "a*b"


def test_what_was_a_column_can_be_forgotten_though_it_is_none_now(
    run: Callable[..., Ran], lake: FakeGlue
) -> None:
    """After a stack update, before the function has run; or a name that is still waiting."""
    lake.replace("changes", [*METADATA_COLUMNS])
    assert run("status", "fresh", "--yes").code == 0
    assert [act["names"] for act in record(lake)] == [["fresh", "status"]]


def test_remembering_takes_a_name_out_of_the_record_and_nothing_else(
    run: Callable[..., Ran], lake: FakeGlue
) -> None:
    """An act without names goes; the crawler's next end brings the column back, as the command says."""
    assert run("status", "total", "--yes").code == 0
    assert run("pk", "--yes").code == 0
    ran = run("--remember", "pk", "STATUS", "--output", "json")
    assert json.loads(ran.out) == {"database": "lake", "names": ["pk", "status"], "status": "remembered"}
    assert "CrawlNowCommand" in ran.err
    assert [act["names"] for act in record(lake)] == [["total"]]
    assert "status" not in lake.columns()


def test_a_dry_run_of_remembering_changes_nothing(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """It says what would be remembered."""
    assert run("status", "--yes").code == 0
    assert json.loads(run("--remember", "status", "--dry-run", "--output", "json").out)["status"] == "dry run"
    assert [act["names"] for act in record(lake)] == [["status"]]


def test_what_is_not_forgotten_cannot_be_remembered(run: Callable[..., Ran]) -> None:
    """One of a family is not the family."""
    assert run("prices__*", "--yes").code == 0
    ran = run("--remember", "prices__sku1")
    assert (ran.code, "forgotten as one of prices__*" in ran.err) == (1, True)
    ran = run("--remember", "total")
    assert (ran.code, "total is not forgotten" in ran.err) == (1, True)


def test_the_list_shows_what_is_forgotten_and_what_looks_made_of_data(
    run: Callable[..., Ran], lake: FakeGlue
) -> None:
    """Families by the beginning to forget them by, the largest first; names that cannot be columns apart."""
    lake.tables["crawled_data"]["StorageDescriptor"]["Columns"] += [{"Name": "odd\x1b[2Jname"}]
    assert run("status", "--yes").code == 0
    ran = run("--list", "--output", "json")
    answer = json.loads(ran.out)
    assert [act["names"] for act in answer["forgotten"]] == [["status"]]
    assert answer["waiting"] == [
        {"beginning": "prices__sku*", "columns": 10, "waiting": 20},
        {"beginning": "fresh", "columns": 0, "waiting": 1},
    ]
    assert list(answer["refused"]) == ["odd\x1b[2Jname"]
    assert "\x1b[2J" not in ran.err
    assert f"by {ARN}: status" in ran.err


@pytest.mark.parametrize("arguments", [(), ("--list", "status"), ("--list", "--remember")])
def test_names_and_the_list_are_one_or_the_other(run: Callable[..., Ran], arguments: tuple[str, ...]) -> None:
    """Asked wrongly, nothing is done."""
    assert run(*arguments).code == 2


def test_a_wrong_database_is_a_message_and_no_traceback(run: Callable[..., Ran], lake: FakeGlue) -> None:
    """As a table that is not there."""
    del lake.tables["changes"]
    ran = run("status", "--yes")
    assert (ran.code, "there is no table lake.changes" in ran.err, "--database" in ran.err) == (1, True, True)


def test_a_record_that_would_be_too_long_is_refused_with_the_way_out(lake: FakeGlue) -> None:
    """Glue takes 512,000 bytes in a parameter: thousands of names fit, a beginning always does."""
    lake.replace("changes", [f"{number:05}".ljust(250, "x") for number in range(2_100)])
    forgetting = Forgetting(Catalog("lake", lake))
    with pytest.raises(CommandError, match=f"Glue accepts {LONGEST_RECORD_BYTES:,}") as refused:
        forgetting.forget(forgetting.preview(forgetting.columns), "then", ARN)
    assert "what they begin with" in refused.value.next_step
    assert len(lake.columns()) == 2_100
    assert len(forgetting.forget(forgetting.preview(["0*"]), "then", ARN)) == 2_100


def test_two_who_forget_at_once_are_both_recorded(lake: FakeGlue) -> None:
    """The second one's table is there already; the third reads the record again."""
    first, second, third = (Forgetting(Catalog("lake", lake, pause=lambda _: None)) for _ in range(3))
    previews = [one.preview([name]) for one, name in ((first, "pk"), (second, "total"), (third, "status"))]
    listed, lake.paginate = lake.paginate, lambda **_: iter([])  # type: ignore[method-assign]
    first.forget(previews[0], "then", ARN)
    second.forget(previews[1], "then", ARN)
    lake.paginate = listed  # type: ignore[method-assign]
    third.forget(previews[2], "then", ARN)
    assert [act["names"] for act in record(lake)] == [["pk"], ["total"], ["status"]]


def test_a_family_of_one_is_named_as_it_is(lake: FakeGlue) -> None:
    """No `*` that would stand for more than it."""
    assert Family("fresh", 0, 1) in Forgetting(Catalog("lake", lake)).families()


def test_a_table_that_no_query_reads_is_whole_enough_to_be_listed(
    run: Callable[..., Ran], lake: FakeGlue
) -> None:
    """Athena's catalog wants a type, a place and a column; the place is not that of the rows."""
    assert run("status", "--yes").code == 0
    made = lake.tables[TABLE]
    assert (made["TableType"], made["PartitionKeys"]) == ("EXTERNAL_TABLE", [])
    assert made["StorageDescriptor"]["Location"] == f"s3://bucket/{TABLE}/"
    assert len(made["StorageDescriptor"]["Columns"]) == 1
