"""Two and three runs at once: at any moment, every row is settled once, and nothing settled is lost.

A run goes on while another one is between two of its steps, at every step. Then runs are started together,
in one process and in two.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sandbox.spark import assembly
from tests.sandbox.waiting import wait_until
from tests.settled.histories import Row
from tests.spark.settling import SettledLake, SettleJob

_numbers = count(1)
TABLE = "overlap"

# The calls of a run before which another run happens, in their order.
STEPS = {
    "the index is opened": "settle.index:SettledObjects.open",
    "the objects are listed": "settle.storage:Storage.objects",
    "the index is read": "settle.index:SettledObjects.entries",
    "the objects are read": "settle.reading:Portion.taken",
    "the table of changes is opened": "settle.changes:SettledChanges.open",
    "the changes are asked which objects are in": "settle.changes:SettledChanges.already",
    "the rows are appended": "settle.tables:Table.append",
    "the table of items is opened": "settle.items:SettledItems.open",
    "the buckets are replaced": "settle.tables:Table.replace_partitions",
    "the merge is recorded": "settle.tables:Table.set_properties",
    "the index is written": "settle.index:SettledObjects.add",
    "the view is created": "settle.lake_catalog:LakeCatalog.create_view",
}


def rows(number: int, table: str) -> list[str]:
    """The next change of one item, a new item, and one of many changes of one time that lead back."""
    before, after = "ab" if number % 2 else "ba"
    time = "2026-11-20T10:00:00.000000Z"
    found = (
        Row(
            "same",
            f"2026-11-20T10:{number // 60:02}:{number % 60:02}.000000Z",
            "MODIFY",
            before,
            after,
            f"s-{number}",
        ),
        Row(f"new-{number}", time, "INSERT", "", "c", f"n-{number}"),
        Row("tied", time, "MODIFY", before, after, f"t-{number}", f"{number:0129}"),
    )
    return [row.line(change_table=table) for row in found]


def put(lake: SettledLake, table: str = TABLE) -> str:
    """Write the next object."""
    number = next(_numbers)
    return lake.put(rows(number, table), f"{table}-{number}.gz")


@pytest.fixture(scope="module")
def started(settled_lake: SettledLake) -> Iterator[SettledLake]:
    """A lake whose table has been settled once."""
    settled_lake.empty()
    put(settled_lake)
    settled_lake.job.run()
    settled_lake.compare(TABLE)
    yield settled_lake
    settled_lake.empty()


@contextmanager
def paused(
    lake: SettledLake, folder: Path, at: str, dies_after: str = "", **changed: str
) -> Iterator[dict[str, Any]]:
    """A run that waits before a call. After the block, another run happens there. Yields the first's answer.

    The first run may end after a later call.
    """
    fault: dict[str, Any] = {
        "at": at,
        "when": "before",
        "then": "run",
        "arguments": lake.job.words(**changed),
        "folder": str(folder),
    }
    if dies_after:
        fault["and"] = {"at": dies_after, "when": "after"}
    answer: dict[str, Any] = {}
    run = threading.Thread(target=lambda: answer.update(lake.job.run(fault, may_fail=True, **changed)))
    run.start()
    try:
        wait_until((folder / "reached").exists, f"the call of {at}", 300, pause=0.02)
        yield answer
    finally:
        (folder / "go").touch()
        run.join()


def assert_ended(answer: dict[str, Any]) -> None:
    """Both runs have ended well."""
    assert answer.get("error") is None, answer["log"]
    assert "the other run ended" in answer["log"]


@pytest.mark.parametrize("step", STEPS)
def test_a_run_before_any_step_of_another(started: SettledLake, tmp_path: Path, step: str) -> None:
    """The inner run also takes an object that the outer one has not seen."""
    put(started)
    with paused(started, tmp_path, STEPS[step]) as answer:
        put(started)
    assert_ended(answer)
    started.compare(TABLE, ended=False)
    started.job.run()
    started.compare(TABLE)


@pytest.mark.parametrize(
    ("at", "dies_after"),
    [
        ("settle.items:SettledItems.open", "settle.tables:Table.replace_all"),
        ("settle.tables:Table.replace_partitions", "settle.tables:Table.replace_partitions"),
    ],
    ids=["before it reads the items", "before it commits"],
)
def test_a_slow_merge_does_not_put_an_older_state_back(
    started: SettledLake, tmp_path: Path, at: str, dies_after: str
) -> None:
    """The inner run merges a later change. If the outer one put an older state back, it ends after that."""
    put(started)
    with paused(started, tmp_path, at, dies_after) as answer:
        put(started)
    assert answer.get("error") is None, answer["log"]
    started.compare(TABLE, ended=False)
    started.job.run()
    started.compare(TABLE)


def test_a_slow_merge_of_everything_does_not_put_an_older_state_back(
    started: SettledLake, tmp_path: Path
) -> None:
    """The same if both rank all changes, because the buckets are others."""
    put(started)
    at = "settle.tables:Table.replace_all"
    with paused(started, tmp_path, at, dies_after=at, item_buckets="3") as answer:
        put(started)
    assert answer.get("error") is None, answer["log"]
    started.compare(TABLE, ended=False)
    started.job.run(item_buckets="3")
    started.compare(TABLE)
    started.job.run()
    started.compare(TABLE)


def test_an_object_that_is_rewritten_between_two_runs_is_settled_as_it_is_now(
    started: SettledLake, tmp_path: Path
) -> None:
    """The outer run has read the old content, and appends after the inner run has replaced it."""
    path = put(started)
    with paused(started, tmp_path, "settle.changes:SettledChanges.open") as answer:
        started.put(rows(next(_numbers), TABLE), path.rsplit("/", 1)[1])
    assert answer.get("error") is None, answer["log"]
    started.compare(TABLE, ended=False)
    started.job.run()
    started.compare(TABLE)


@pytest.mark.parametrize("first", ["settle.tables:Table.create", "settle.tables:Table.append"])
def test_the_first_load_under_overlap(settled_lake: SettledLake, tmp_path: Path, first: str) -> None:
    """The tables do not exist when both runs begin, and one creates them first."""
    table = f"first-{first.rsplit('.', maxsplit=1)[-1]}"
    put(settled_lake, table)
    with paused(settled_lake, tmp_path, first) as answer:
        put(settled_lake, table)
    assert_ended(answer)
    settled_lake.job.run()
    settled_lake.compare(table)


def test_runs_that_start_together_in_one_process(settled_lake: SettledLake) -> None:
    """Three runs at once, the first load included, then two with objects to take in."""
    table = "together"
    for number, runs in enumerate((3, 2)):
        put(settled_lake, table)
        put(settled_lake, table)
        answer = settled_lake.job.parallel(runs)
        assert all("attempts found another run first" in error for error in answer["errors"]), answer
        assert len(answer["errors"]) < runs, number
        settled_lake.job.run()
        settled_lake.compare(table)


def test_runs_that_start_together_in_two_processes(settled_lake: SettledLake, tmp_path: Path) -> None:
    """Two sessions with nothing in common but the tables."""
    table = "apart"
    put(settled_lake, table)
    with SettleJob(settled_lake.sandbox, assembly.require(), tmp_path) as other:
        run = threading.Thread(target=lambda: other.run(may_fail=True))
        run.start()
        settled_lake.job.run(may_fail=True)
        run.join()
        put(settled_lake, table)
        answers = _both(lambda: other.run(may_fail=True), lambda: settled_lake.job.run(may_fail=True))
    assert any("error" not in answer for answer in answers)
    settled_lake.job.run()
    settled_lake.compare(table)


def _both(*runs: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda run=run: answers.append(run())) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("call", ["overwrite", "overwritePartitions"])
def test_a_conflict_that_glue_reports_makes_the_run_plan_again(started: SettledLake, call: str) -> None:
    """Iceberg's exception for Glue's optimistic lock, in the append and in the merge."""
    put(started)
    error = "CommitFailedException: Cannot commit: Glue detected concurrent update"
    at = f"pyspark.sql.readwriter:DataFrameWriterV2.{call}"
    answer = started.job.run(fault={"at": at, "when": "before", "then": "fail", "error": error})
    assert "another run was first" in answer["log"]
    assert '"conflicts": 1' in answer["log"]
    started.compare(TABLE)
