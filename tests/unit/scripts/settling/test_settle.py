"""settle: the state of the tables, a run and its end, and markers of commands that will not be run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts import settle
from scripts.core import glue_runs, sides
from scripts.core.athena import Workgroup
from scripts.core.connection import Connection
from scripts.core.settling import backlog
from settled.names import REOPENED
from settled.reopened import Marker
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.settling.fake_lake import BUCKET, POLICY, FakeLake

TODAY = datetime.now(UTC).date().isoformat()
Verb = Callable[..., Ran]


@pytest.fixture
def lake() -> FakeLake:
    """A lake whose raw objects were all settled but one."""
    fake = FakeLake()
    for name in ("a.gz", "b.gz", "_hidden", ".hidden"):
        fake.objects[f"data/dt={TODAY}/{name}"] = b"12345"
    fake.objects[f"data/dt={TODAY}/empty.gz"] = b""
    return fake


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, run_verb: Callable[..., Ran], lake: FakeLake) -> Verb:
    """Run `settle` on the lake."""
    folder = f"s3://{BUCKET}/data/dt={TODAY}"
    settled = [[f"{folder}/a.gz", "e"], [f"{folder}/b.gz", "before"]]

    def rows(_: Workgroup, sql: str, database: str) -> list[list[str]]:
        assert (database, "settled_objects" in sql) == ("ddb_lake", True)
        lake._call("StartQueryExecution")
        return settled

    monkeypatch.setattr(Workgroup, "stream", rows)
    monkeypatch.setattr(sides, "lake_of", lambda *_, **__: lake.side())
    monkeypatch.setattr(Connection, "of", lambda _: None)
    monkeypatch.setattr(glue_runs, "POLL_SECONDS", 0.0)
    return lambda *arguments: run_verb(settle.main, *arguments)


def answer(ran: Ran) -> dict[str, Any]:
    """The JSON answer of a run that succeeded."""
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_dry_run_counts_what_athena_reads_and_the_tables_lack(verb: Verb, lake: FakeLake) -> None:
    """An object that was rewritten since counts; empty and hidden ones do not."""
    lake.delivered = datetime.now(UTC) - timedelta(hours=3)
    ran = verb("--dry-run", "--output", "json")
    found = answer(ran)
    assert (found["status"], found["behind"]["objects"], found["behind"]["bytes"]) == ("dry run", 1, 5)
    assert 2.99 < found["behind"]["hours"] < 3.1
    assert "not settled: 1 raw object of the days from" in ran.err
    assert lake.events == []


def test_before_the_first_run_nothing_is_settled(verb: Verb, lake: FakeLake) -> None:
    """There is no table to ask."""
    lake.tables.clear()
    found = answer(verb("--dry-run", "--output", "json"))
    assert found["behind"]["objects"] == 2
    assert "StartQueryExecution" not in lake.calls


def test_run_is_started_and_waited_for(verb: Verb, lake: FakeLake) -> None:
    """The answer has the run and what was delivered since."""
    found = answer(verb("--output", "json"))
    assert (found["status"], found["run"]) == ("settled", "jr_1")
    assert (found["seconds"], found["objects_left"]) == (61, 1)
    assert lake.events == ["run"]


def test_no_wait_leaves_the_run_alone(verb: Verb, lake: FakeLake) -> None:
    """The command ends when the run has begun."""
    assert answer(verb("--no-wait", "--output", "json"))["status"] == "started"
    assert "GetJobRun" not in lake.calls


def test_failed_run_has_exit_code_1(verb: Verb, lake: FakeLake) -> None:
    """With Glue's reason."""
    lake.run_states = ["TIMEOUT"]
    ran = verb()
    assert ran.code == 1
    assert "run jr_1 of Glue job settle-job is TIMEOUT: why" in ran.err


def test_run_that_cannot_wait_for_another_has_exit_code_1(verb: Verb, lake: FakeLake) -> None:
    """What it would have settled is left to a later one."""
    lake.busy = True
    ran = verb()
    assert ran.code == 1
    assert "has begun already, and no other can wait for its end" in ran.err


def test_profile_that_may_not_query_still_starts_a_run(verb: Verb, lake: FakeLake) -> None:
    """The message names the policy that shows the rest."""
    lake.denied = {"StartQueryExecution"}
    ran = verb("--output", "json")
    found = answer(ran)
    assert (found["status"], found["behind"], found["objects_left"]) == ("settled", None, None)
    assert "AnalystPolicyArn of stack ddb-lake-consumer permits it" in ran.err


def test_profile_that_may_not_start_the_job_is_told_the_policy(verb: Verb, lake: FakeLake) -> None:
    """Exit code 1."""
    lake.denied = {"StartJobRun"}
    ran = verb()
    assert ran.code == 1
    assert f"Attach the policy {POLICY}" in ran.err


def test_open_marker_is_shown_and_closed(verb: Verb, lake: FakeLake) -> None:
    """Its command will not be run again; the run that follows settles its rows."""
    lake.objects[f"{REOPENED}redrive-x.json"] = Marker("redrive-x", ("2026-11-02",)).body()
    ran = verb("--dry-run", "--close", "redrive-x", "--output", "json")
    assert answer(ran)["markers"] == [{"id": "redrive-x", "days": ["2026-11-02"], "done": False}]
    assert "add --close MARKER" in ran.err
    assert answer(verb("--close", "redrive-x", "--output", "json"))["markers"][0]["done"] is True
    assert lake.events == ["complete 2026-11-02", "run"]


@pytest.mark.parametrize("name", ["redrive-y", "../data/x", "a/b", ""])
def test_marker_that_is_not_there_is_a_usage_error(verb: Verb, lake: FakeLake, name: str) -> None:
    """Nothing is started."""
    ran = verb("--close", name)
    assert (ran.code, lake.events) == (2, [])
    assert "`--dry-run` lists them" in ran.err


def test_lake_without_the_option_is_told_how_to_deploy_it(verb: Verb, lake: FakeLake) -> None:
    """Or how to name another stack."""
    lake.stacks.clear()
    ran = verb()
    assert ran.code == 2
    assert "python -m scripts.deploy tables --profile consumer --outputs-of ddb-lake-consumer" in ran.err


def test_as_many_days_are_looked_at_as_the_job_checks() -> None:
    """The default of the stack's parameter CheckedDays."""
    from scripts.core.template import ROOT  # noqa: PLC0415

    text = (ROOT / "templates" / "options" / "tables.yaml").read_text(encoding="utf-8")
    assert f"  CheckedDays:\n    Type: Number\n    Default: {backlog.DAYS}\n" in text
