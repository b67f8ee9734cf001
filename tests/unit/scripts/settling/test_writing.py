"""A command that writes rows into a lake with settled tables: what it does before and after them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from repair.objects import Part
from scripts.core import glue_runs
from scripts.core.athena import Workgroup
from scripts.core.console import CommandError, Output
from scripts.core.lake_objects import LakeObjects
from scripts.core.settling.option_stack import stack_of
from scripts.core.settling.reopening import Reopening
from scripts.core.settling.unsettled_view import Markers
from scripts.core.settling.writing import Settling
from settled.names import REOPENED
from settled.reopened import Marker
from settled.unsettled import Opening
from tests.unit.scripts.settling.fake_lake import ACCOUNT, BUCKET, POLICY, FakeLake

OLD, OLDER, OPEN = "2026-11-02", "2026-11-01", "2026-11-25"


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> FakeLake:
    """A lake with settled tables, whose view has the days from 2026-11-20 on."""
    fake = FakeLake()
    monkeypatch.setattr(Workgroup, "finish", lambda _self, sql, _database: fake.execute(sql))
    monkeypatch.setattr(glue_runs, "POLL_SECONDS", 0.0)
    return fake


def settling(lake: FakeLake, *, wait: bool = False, stack: str | None = None) -> Settling:
    """As a command creates it."""
    return Settling.of(lake.side(), argparse.Namespace(tables_stack=stack, wait=wait), Output())


def write(
    lake: FakeLake, *days: str, name: str = "redrive", killed: bool = False, **options: Any
) -> Settling:
    """Write a row of each day with a command."""
    one = settling(lake, **options)
    with one.writing(name, "orders", days) as rows:
        objects = LakeObjects(lake.side(), rows.begin)
        for day in days or (OPEN,):
            objects.put(Part(f"data/dt={day}/repair-{name}-x.gz", b"", 1))
        if killed:
            raise KeyboardInterrupt
    return one


def test_lake_without_settled_tables_costs_one_look(lake: FakeLake) -> None:
    """One listing, and nothing else changes."""
    lake.objects.clear()
    one = settling(lake)
    assert (one.active, lake.calls) == (False, ["ListObjectsV2"])
    one.check()
    assert ([*one.lines([OLD])], one.document([OLD]), one.result()) == ([], {}, {})
    write(lake, OLD)
    assert (lake.events, lake.calls.count("ListObjectsV2")) == ([f"row dt={OLD}"], 2)


def test_marker_and_view_come_before_the_first_row_and_the_run_after_the_last(lake: FakeLake) -> None:
    """At every moment, queries have the rows."""
    one = write(lake, OLD, OLDER)
    assert lake.events == [
        f"mark {OLDER},{OLD}",
        f"view {OLDER},{OLD}",
        f"row dt={OLD}",
        f"row dt={OLDER}",
        f"complete {OLDER},{OLD}",
        "run",
    ]
    assert one.result() == {"settle_run": "jr_1"}


def test_view_keeps_its_first_day_and_what_it_leaves_out_of_other_days(lake: FakeLake) -> None:
    """Of the days of the rows nothing is left out: an object may be written again."""
    paths = [f"s3://{BUCKET}/data/dt={day}/repair-x.gz" for day in (OLD, OPEN)]
    lake.view = Opening("2026-11-20", (OLD,), tuple(paths))
    write(lake, OLD)
    assert lake.view == Opening("2026-11-20", (OLD,), (paths[1],))
    write(lake, OPEN)
    assert lake.view == Opening("2026-11-20", (OLD,), ())


def test_view_that_has_the_days_is_not_created_again(lake: FakeLake) -> None:
    """An open day is marked all the same: the view may close it while the command writes."""
    write(lake, OPEN)
    assert lake.events == [f"mark {OPEN}", f"row dt={OPEN}", f"complete {OPEN}", "run"]


def test_before_the_first_run_there_is_no_view(lake: FakeLake) -> None:
    """The first run creates it with the days of all markers."""
    lake.view = None
    write(lake, OLD)
    assert lake.events == [f"mark {OLD}", f"row dt={OLD}", f"complete {OLD}", "run"]


def test_rows_of_now_mark_no_day(lake: FakeLake) -> None:
    """Today and yesterday are always open."""
    one = write(lake)
    assert lake.events == [f"row dt={OPEN}", "run"]
    assert (lake.markers(), one.result()) == ({}, {"settle_run": "jr_1"})


def test_command_that_writes_no_row_marks_no_day_and_starts_no_run(lake: FakeLake) -> None:
    """A repair may find nothing to do. What is not a row, such as a receipt, reopens nothing."""
    one = settling(lake)
    with one.writing("redrive", "orders", [OLD]) as rows:
        LakeObjects(lake.side(), rows.begin).put(Part("errors/unrecoverable/dt=2026-11-02/repair-x", b"", 0))
    assert (lake.events, one.result()) == (["row unrecoverable"], {"settle_run": None})


@pytest.mark.parametrize("when", ["before the command reads the view", "before the command creates it"])
def test_two_commands_at_once_both_have_their_days_in_the_view(lake: FakeLake, when: str) -> None:
    """The one that creates the view last sees the marker of the other."""
    stack = stack_of(lake.side(), None)
    other = Reopening(stack, "heal-x", [OLDER])

    def interrupt() -> None:
        lake.before_view = lambda: None
        if when == "before the command reads the view":
            Markers.of(stack).put(
                Marker("heal-x", (OLDER,))
            )  # its view follows when this statement has ended
        else:
            other.open()

    lake.before_view = interrupt
    write(lake, OLD)
    assert lake.view is not None
    assert lake.view.reopened == (OLDER, OLD)


def test_interrupted_command_leaves_its_marker_and_says_how_to_close_it(
    lake: FakeLake, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until then queries read the day in full. No run starts."""
    with pytest.raises(KeyboardInterrupt):
        write(lake, OLD, killed=True)
    [(marker, content)] = lake.markers().items()
    assert content == {"days": [OLD], "done": False}
    assert "run" not in lake.events
    said = capsys.readouterr().err
    assert f"queries read {OLD} in full until this command has ended well" in said
    assert f"python -m scripts.settle --profile consumer --close {marker}" in said


def test_second_run_takes_over_the_marker_with_its_days(lake: FakeLake) -> None:
    """The rows of the first one are not settled either, even if the second has other days."""
    with pytest.raises(KeyboardInterrupt):
        write(lake, OLDER, killed=True)
    write(lake, OLD)
    assert [*lake.markers().values()] == [{"days": [OLDER, OLD], "done": True}]


def test_completed_marker_is_left_to_the_run_that_removes_it(lake: FakeLake) -> None:
    """A run that began before may remove the object at any moment: a further command has its own."""
    write(lake, OLD)
    with pytest.raises(KeyboardInterrupt):
        write(lake, OLDER, killed=True)
    first, second = sorted(lake.markers().items())
    assert (first[1], second[1]) == ({"days": [OLD], "done": True}, {"days": [OLDER], "done": False})
    assert second[0] == f"{first[0]}-2"


def test_markers_differ_by_command_and_identity(lake: FakeLake) -> None:
    """Two different commands do not complete each other's markers."""
    for name in ("heal", "redrive"):
        with pytest.raises(KeyboardInterrupt):
            write(lake, OLD, name=name, killed=True)
    assert len(lake.markers()) == 2


@pytest.mark.parametrize("denied", ["ListObjectsV2", "GetTable", "GetJobRuns"])
def test_missing_permission_is_found_before_anything_is_written(lake: FakeLake, denied: str) -> None:
    """The error names the policy, its output and its stack."""
    one = settling(lake)
    lake.denied = {denied}
    with pytest.raises(CommandError, match=f"{denied} was refused") as error:
        one.check()
    assert f"Attach the policy {POLICY} to your role (output SettlerPolicyArn of stack ddb-lake-tables)" in (
        error.value.next_step
    )
    assert lake.events == []


@pytest.mark.parametrize("denied", ["PutObject", "StartQueryExecution"])
def test_refused_marker_or_view_stops_the_command_before_its_first_row(lake: FakeLake, denied: str) -> None:
    """These cannot be tried out without doing them."""
    lake.denied = {denied}
    with pytest.raises(CommandError, match="may not reopen days that were settled") as error:
        write(lake, OLD)
    assert POLICY in error.value.next_step
    assert not [event for event in lake.events if event.startswith("row")]


def test_tables_without_their_stack_are_an_error(lake: FakeLake) -> None:
    """Rows that no run settles would be missing in queries."""
    lake.stacks["ddb-lake-tables"] = "another-lake"
    with pytest.raises(
        CommandError, match="has settled tables, and stack ddb-lake-tables is not theirs"
    ) as error:
        settling(lake)
    assert "--tables-stack" in error.value.next_step
    lake.stacks = {"mine": BUCKET}
    with pytest.raises(CommandError, match="is not theirs"):
        settling(lake)
    assert settling(lake, stack="mine").active


def test_stack_that_may_not_be_seen_is_an_error(lake: FakeLake) -> None:
    """Without the policy nobody knows the job."""
    lake.denied = {"DescribeStacks"}
    with pytest.raises(CommandError, match="may not look for their stack") as error:
        settling(lake)
    assert "SettlerPolicyArn" in error.value.next_step


def test_files_of_tables_that_were_dropped_do_not_matter(lake: FakeLake) -> None:
    """The stack and its tables were removed, and the files stayed."""
    lake.stacks.clear()
    lake.tables.clear()
    assert not settling(lake).active


def test_named_stack_of_another_lake_is_refused(lake: FakeLake) -> None:
    """Its job would settle other rows."""
    lake.stacks["other"] = "another-lake"
    with pytest.raises(CommandError, match="other in account 222222222222 is not a complete stack"):
        settling(lake, stack="other")


def test_job_that_cannot_wait_is_no_failure(lake: FakeLake, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows are in queries, and a later run settles them."""
    lake.busy = True
    one = write(lake, OLD)
    assert one.result() == {"settle_run": None}
    assert [*lake.markers().values()] == [{"days": [OLD], "done": True}]
    said = capsys.readouterr().err
    assert "has begun already, and may not have seen the rows" in said
    assert "to start one after this one: python -m scripts.settle --profile consumer" in said


def test_wait_ends_with_the_run(lake: FakeLake, capsys: pytest.CaptureFixture[str]) -> None:
    """Only if it is asked for."""
    write(lake, OLD)
    assert "GetJobRun" not in lake.calls
    write(lake, OLD, wait=True)
    assert lake.calls.count("GetJobRun") == 2
    assert "the rows are settled" in capsys.readouterr().err


def test_failed_run_fails_a_command_that_waits(lake: FakeLake) -> None:
    """The message has Glue's reason and the log."""
    lake.run_states = ["FAILED"]
    with pytest.raises(CommandError, match="run jr_1 of Glue job settle-job is FAILED: why") as error:
        write(lake, OLD, wait=True)
    assert "/ddb-lake/x/output" in error.value.next_step


def test_object_that_is_no_marker_is_named(lake: FakeLake) -> None:
    """Somebody put it there."""
    lake.objects[f"{REOPENED}note.txt"] = b"hello"
    with pytest.raises(CommandError, match=r"note\.txt is not a marker"):
        settling(lake).check()


def test_marker_that_a_run_removes_during_the_look_is_none(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was listed, and is gone when it is read."""
    lake.put_object(BUCKET, f"{REOPENED}x.json", Marker("x", (OLD,), done=True).body(), ACCOUNT)
    listed: Callable[..., Any] = lake._listed

    def gone(**request: Any) -> Any:
        found = listed(**request)
        lake.objects.pop(f"{REOPENED}x.json", None)
        return found

    monkeypatch.setattr(lake, "_listed", gone)
    assert Markers.of(stack_of(lake.side(), None)).all() == []


def test_plan_names_the_days_and_the_job(lake: FakeLake) -> None:
    """Of many days, their number."""
    one = settling(lake)
    assert [*one.lines([OLD])] == [
        ("settled", f"reopens {OLD} for queries, then starts a run of Glue job settle-job")
    ]
    assert [*one.lines()] == [("settled", "starts a run of Glue job settle-job")]
    [(_, text)] = one.lines([f"2026-10-{day:02}" for day in range(1, 31)])
    assert "30 days from 2026-10-01 to 2026-10-30" in text
    assert one.document([OLD]) == {"settle_job": "settle-job", "reopened_days": [OLD]}
