"""A day is switched completely or not at all: retries, late objects, kills at every step, concurrent runs."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.spark import assembly
from tests.sandbox.rows import item_lines
from tests.spark.compacted import COMPACTED, CompactedLake
from tests.spark.deployed import DeployedJob, JobEndedError

Days = Callable[[int], list[str]]
_SECONDS = 120.0


def items(*names: str) -> list[bytes]:
    """One row per name."""
    return item_lines(*({"pk": {"S": name}} for name in names))


def test_a_second_run_changes_nothing(lake: CompactedLake, job: DeployedJob, days: Days) -> None:
    """With unchanged sources there is no new version, and the partition is the same."""
    (day,) = days(1)
    lake.put(items("a"), day)
    job.run()
    before, versions = lake.partition(day), lake.versions(day)
    answer = job.run()
    assert "0 days switched" in answer["log"]
    assert (lake.partition(day), lake.versions(day)) == (before, versions)


def test_a_late_object_compacts_its_day_again(lake: CompactedLake, job: DeployedJob, days: Days) -> None:
    """The old version stays for its readers and is removed later. The other day is not changed."""
    day, other = days(2)
    lake.put(items("a"), day)
    lake.put(items("b"), other)
    job.run()
    untouched, old = lake.partition(other), lake.versions(day)
    lake.put(items("late", "late"), day, "ddb-lake-2.gz")
    answer = job.run()
    assert f"{day}: its objects changed; 3 rows of 2 objects" in answer["log"]
    assert lake.rows(COMPACTED, [day]) == lake.rows("changes", [day])
    assert lake.partition(other) == untouched
    assert old < lake.versions(day)
    job.run(keep_hours="0")
    partition = lake.partition(day)
    assert partition
    assert lake.versions(day) == {partition["StorageDescriptor"]["Location"]}


def test_an_open_day_is_not_compacted(lake: CompactedLake, job: DeployedJob, days: Days) -> None:
    """It may still grow."""
    (day,) = days(1)
    lake.put(items("a"), day)
    job.run(close_after_hours="1000000")
    assert lake.partition(day) is None
    job.run()
    assert lake.partition(day)


def test_an_old_day_is_not_checked_again(lake: CompactedLake, job: DeployedJob, days: Days) -> None:
    """A compacted day older than `checked_days` stays. A day that was never compacted is compacted."""
    (day,) = days(1)
    lake.put(items("a"), day)
    job.run(checked_days="400")
    before = lake.partition(day)
    assert before
    lake.put(items("late"), day, "ddb-lake-2.gz")
    job.run(checked_days="400")
    assert lake.partition(day) == before
    job.run()
    assert lake.recorded(day, "objects") == "2"


def test_an_unreadable_object_fails_only_its_day(lake: CompactedLake, job: DeployedJob, days: Days) -> None:
    """The error has the object's name and the next step. Its day is not changed; the other is compacted."""
    broken, good = days(2)
    lake.put(items("before"), broken)
    job.run()
    before = lake.rows(COMPACTED, [broken])
    lake.put_bytes(f"data/dt={broken}/ddb-lake-2.gz", b"\x1f\x8b\x08 half")
    lake.put(items("good"), good)
    answer = job.run(may_fail=True)
    assert f"data/dt={broken}/ddb-lake-2.gz is not a complete gzip file" in answer["error"]
    assert "Next:" in answer["error"]
    assert lake.rows(COMPACTED, [broken]) == before
    assert len(lake.rows(COMPACTED, [good])) == 1
    lake.remove(f"data/dt={broken}/ddb-lake-2.gz")
    job.run()


DEATHS = [
    ("compaction.storage:Storage.objects", "after", "old"),
    ("compaction.engine:_SparkDay.content", "after", "old"),
    ("compaction.engine:_SparkDay.write", "before", "old"),
    ("compaction.engine:_SparkDay.write", "after", "old"),
    ("compaction.engine:SparkEngine.written", "after", "old"),
    ("compaction.catalog:Catalog.switch", "before", "old"),
    ("compaction.catalog:Catalog.switch", "after", "new"),
    ("compaction.storage:Storage.versions", "before", "new"),
]


@pytest.fixture(scope="module")
def compacted_days(lake: CompactedLake, job: DeployedJob) -> list[str]:
    """A day for each kill, compacted in one run."""
    own = [f"2020-12-{number:02}" for number in range(1, 1 + len(DEATHS))]
    for day in own:
        lake.put(items("a", "b"), day)
    job.run()
    return own


@pytest.mark.parametrize("number", range(len(DEATHS)), ids=[f"{when} {method}" for method, when, _ in DEATHS])
def test_a_killed_run_leaves_the_old_day_or_the_new_one(
    lake: CompactedLake, job: DeployedJob, compacted_days: list[str], number: int
) -> None:
    """Both are complete. The next run switches to the new one, and leftovers are removed later."""
    day, (method, when, left) = compacted_days[number], DEATHS[number]
    old = lake.rows("changes", [day])
    lake.put(items("late"), day, "ddb-lake-2.gz")
    new = lake.rows("changes", [day])
    answer = job.run(fault={"at": method, "when": when, "call": due(lake, method, day)})
    assert answer.get("died") == method
    assert lake.rows(COMPACTED, [day]) == {"old": old, "new": new}[left]
    job.run()
    assert lake.rows(COMPACTED, [day]) == new
    job.run(keep_hours="0")
    assert len(lake.versions(day)) == 1
    assert lake.rows(COMPACTED, [day]) == new


def due(lake: CompactedLake, method: str, day: str) -> int:
    """The number of the call for this day: every earlier day is listed too."""
    if not method.endswith("Storage.objects"):
        return 1
    answer = lake.glue.get_partitions(DatabaseName=lake.database, TableName=COMPACTED)
    return 1 + sum(partition["Values"][0] < day for partition in answer["Partitions"])


def test_a_killed_process_leaves_the_old_day(
    lake: CompactedLake, job: DeployedJob, days: Days, tmp_path: Any
) -> None:
    """SIGKILL while the new version is being written. A later run does the work."""
    (day,) = days(1)
    lake.put(items("a"), day)
    job.run()
    old, versions = lake.rows(COMPACTED, [day]), lake.versions(day)
    lake.put([line for number in range(2_000) for line in items(str(number))], day, "ddb-lake-2.gz")
    with DeployedJob(lake.sandbox, assembly.require(), tmp_path) as victim:
        thread = threading.Thread(target=_run_until_killed, args=(victim,))
        thread.start()
        deadline = time.monotonic() + _SECONDS
        while lake.versions(day) == versions and time.monotonic() < deadline:
            time.sleep(0.02)
        victim.kill()
        thread.join()
    assert lake.versions(day) > versions
    if lake.recorded(day, "objects") == "1":  # the kill came before the switch
        assert lake.rows(COMPACTED, [day]) == old
    job.run()
    assert lake.rows(COMPACTED, [day]) == lake.rows("changes", [day])


def _run_until_killed(victim: DeployedJob) -> None:
    with pytest.raises((JobEndedError, BrokenPipeError)):
        victim.run()


def test_two_concurrent_runs_leave_one_complete_day(
    lake: CompactedLake, job: DeployedJob, days: Days, tmp_path: Any
) -> None:
    """Both compact the same days in separate folders. The last switch wins, and no row is doubled."""
    own = days(3)
    for day in own:
        lake.put(items("a", "b", day), day)
    with DeployedJob(lake.sandbox, assembly.require(), tmp_path) as other:
        answers: list[dict[str, Any]] = []
        runs = [lambda run=run: answers.append(run(may_fail=True)) for run in (job.run, other.run)]
        threads = [threading.Thread(target=run) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [answer.get("error") for answer in answers] == [None, None]
    assert lake.rows(COMPACTED, own) == lake.rows("changes", own)
    assert "0 days switched" in job.run(keep_hours="0")["log"]
    assert all(len(lake.versions(day)) == 1 for day in own)
    assert lake.rows(COMPACTED, own) == lake.rows("changes", own)
