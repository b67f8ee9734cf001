"""Seeded bugs: one wrong edit each of the deployed job, and the test that must fail with it.

Every bug needs a session of its own. SETTLE_BUGS is how many run (`make soak-settle`: all).
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.spark import assembly
from tests.spark import test_settle_faults as faults
from tests.spark import test_settle_inputs, test_settle_overlap
from tests.spark.deployed import RunFailedError
from tests.spark.settle_points import Fault
from tests.spark.settling import Edit, SettledLake, SettleJob

NUMBER = int(os.environ.get("SETTLE_BUGS", "2"))
Scenario = Callable[[SettledLake, Path], None]


def rewritten(lake: SettledLake, _: Path) -> None:
    """Objects with other content, and with the first one again."""
    test_settle_inputs.test_an_object_that_is_rewritten_is_settled_as_it_is_now(lake)


def removed(lake: SettledLake, _: Path) -> None:
    """Tables that somebody removed."""
    test_settle_inputs.test_a_removed_table_is_created_again(lake)


def unreadable(lake: SettledLake, _: Path) -> None:
    """An object that is not gzip in an early day."""
    test_settle_inputs.test_an_object_that_cannot_be_read_does_not_stop_the_others(lake)


def margin(lake: SettledLake, _: Path) -> None:
    """Objects that have just been settled."""
    test_settle_inputs.test_the_margin_keeps_objects_in_the_view(lake)


def markers(lake: SettledLake, _: Path) -> None:
    """Days that verbs reopen."""
    test_settle_inputs.test_reopened_days(lake)
    test_settle_inputs.test_a_day_that_is_reopened_while_the_view_is_created(lake)


def more_tables(lake: SettledLake, _: Path) -> None:
    """Some source tables, and later all."""
    test_settle_inputs.test_only_some_source_tables_and_later_more(lake)


def unmerged(lake: SettledLake, _: Path) -> None:
    """A table of items that the job cannot merge into."""
    test_settle_inputs.test_rows_that_cannot_be_merged_stay_in_the_view(lake)


def slow_merge(lake: SettledLake, folder: Path) -> None:
    """A run between the two reads of another one's merge."""
    _start(lake)
    at, dies_after = "settle.items:SettledItems.open", "settle.tables:Table.replace_all"
    test_settle_overlap.test_a_slow_merge_does_not_put_an_older_state_back(lake, folder, at, dies_after)


def slow_append(lake: SettledLake, folder: Path) -> None:
    """A run between another one's plan and its append."""
    _start(lake)
    test_settle_overlap.test_a_run_before_any_step_of_another(lake, folder, "the rows are appended")


def slow_replacement(lake: SettledLake, folder: Path) -> None:
    """A run between another one's merge and its commit."""
    _start(lake)
    at = "settle.tables:Table.replace_partitions"
    test_settle_overlap.test_a_slow_merge_does_not_put_an_older_state_back(lake, folder, at, at)


def rewriting(lake: SettledLake, folder: Path) -> None:
    """An object that is rewritten while a run has read it."""
    _start(lake)
    test_settle_overlap.test_an_object_that_is_rewritten_between_two_runs_is_settled_as_it_is_now(
        lake, folder
    )


def death(lake: SettledLake, _: Path) -> None:
    """A run that ends after its append, or before the index is written."""
    for fault in (Fault("merge", "before"), Fault("index", "before")):
        faults.injected(lake, [fault], 5)
        lake.empty()


def _start(lake: SettledLake) -> None:
    test_settle_overlap.put(lake)
    lake.job.run()


_GUARD = '    writer = writer.option("isolation-level", "serializable")\n'
BUGS: list[tuple[str, Edit, Scenario]] = [
    ("the commits are not guarded", ("settle/tables.py", _GUARD, "    return writer\n"), slow_append),
    (
        "the append is not guarded",
        (
            "settle/tables.py",
            "_guarded(rows.writeTo(self.path), base).overwrite(lit(False))",
            "rows.writeTo(self.path).append()",
        ),
        slow_append,
    ),
    (
        "the merge is not guarded",
        (
            "settle/tables.py",
            "_guarded(rows.writeTo(self.path), base).overwritePartitions()",
            "rows.writeTo(self.path).overwritePartitions()",
        ),
        slow_replacement,
    ),
    (
        "the changes are read before the items",
        (
            "settle/items.py",
            "        items = self.open(metadata)\n        changes = self._changes.table.load()\n",
            "        changes = self._changes.table.load()\n        items = self.open(metadata)\n",
        ),
        slow_merge,
    ),
    (
        "an object is taken in again after a run that ended early",
        (
            "settle/job.py",
            "inside = {(path, tag) for path, tag in inside if tags.get(path) == tag}",
            "inside = set()",
        ),
        death,
    ),
    (
        "the index is written before the merge",
        (
            "settle/job.py",
            "        self._merge_all(names)\n        done",
            "        self._index.add(pending, ports.now())\n        self._merge_all(names)\n        done",
        ),
        unmerged,
    ),
    (
        "the margin is ignored",
        ("settle/job.py", "limit = now - timedelta(minutes=self._given.margin_minutes)", "limit = now"),
        margin,
    ),
    (
        "the first entry of an object counts",
        (
            "settle/index.py",
            "if entry.path not in last or entry.at > last[entry.path].at:",
            "if entry.path not in last or entry.at < last[entry.path].at:",
        ),
        rewritten,
    ),
    (
        "only the tables in which a rewritten object has rows are cleaned",
        ("settle/job.py", "(names if rewritten else set())", "set()"),
        rewritten,
    ),
    (
        "the rows of a rewritten object stay",
        ("settle/job.py", "        changes.remove(old)\n", ""),
        rewritten,
    ),
    (
        "after a deletion the merge takes what was appended",
        ("settle/items.py", "if found is None or found.operation not in _GROWING:", "if found is None:"),
        rewritten,
    ),
    (
        "a rewritten object is not looked at again",
        (
            "settle/job.py",
            "if not all(self._ports.storage.is_current(one) for one in rewritten):",
            "if False:",
        ),
        rewriting,
    ),
    (
        "a removed table is not noticed",
        ("settle/job.py", "        if lost:\n", "        if False:\n"),
        removed,
    ),
    (
        "days with unsettled objects are closed",
        (
            "settle/job.py",
            "opening(now.date(), shown, unsettled_days | reopened)",
            "opening(now.date(), shown, reopened)",
        ),
        unreadable,
    ),
    (
        "markers are not looked at again",
        ("settle/job.py", "while reopened != before:", "while before is None:"),
        markers,
    ),
    (
        "a marker is removed before its verb has ended",
        ("settle/job.py", "else [marker for marker in markers if marker.done]", "else markers"),
        markers,
    ),
    (
        "an index counts for tables that were not settled",
        ("settle/index.py", "if before and not covers(before, now):", "if False:"),
        more_tables,
    ),
    (
        "the merged snapshot is not looked for",
        ("settle/items.py", "return rows if at == start else None", "return rows"),
        removed,
    ),
]


@pytest.mark.parametrize(
    ("edit", "scenario"), [(bug[1], bug[2]) for bug in BUGS[:NUMBER]], ids=[bug[0] for bug in BUGS[:NUMBER]]
)
def test_a_seeded_bug_is_detected(
    own_lake: SettledLake, tmp_path: Path, edit: Edit, scenario: Scenario
) -> None:
    """The test that is named for it fails."""
    own_lake.empty()
    with SettleJob(own_lake.sandbox, assembly.require(), tmp_path, edit=edit) as job:
        lake = SettledLake(own_lake.sandbox, job)
        try:
            with pytest.raises((AssertionError, RunFailedError)):
                scenario(lake, tmp_path)
        finally:
            lake.empty()
            for name in ("settled_objects", "unsettled_changes"):
                lake.remove_table(name)
