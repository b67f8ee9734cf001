"""What proves a difference between table and lake, and what its cause may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from repair.partitions import Partitions
from repair.reconciliation import (
    Cause,
    Circumstances,
    Day,
    Difference,
    Differences,
    LakeState,
    TableState,
    Verdict,
    candidates,
    cause_of,
    days_without_rows,
    kind_of,
    missing_days,
    verdict,
)

READ = "2026-11-20T10:00:05.000000Z"
BEFORE, SAME, AFTER = ("2026-11-20T10:00:04.999999Z", READ, "2026-11-20T10:00:05.000001Z")


@pytest.mark.parametrize(
    ("table", "lake", "expected"),
    [
        ("a", LakeState("a", BEFORE, "INSERT"), Verdict.EQUAL),
        ("a", LakeState("a", AFTER, "MODIFY"), Verdict.EQUAL),
        (None, LakeState(None, BEFORE, "REMOVE"), Verdict.EQUAL),
        (None, LakeState(None, BEFORE, "SNAPSHOT"), Verdict.EQUAL),
        (None, None, Verdict.EQUAL),
        ("a", None, Verdict.DIFFERENT),
        ("a", LakeState("b", BEFORE, "MODIFY"), Verdict.DIFFERENT),
        ("a", LakeState(None, BEFORE, "REMOVE"), Verdict.DIFFERENT),
        (None, LakeState("b", BEFORE, "MODIFY"), Verdict.DIFFERENT),
        # a change in the second of the read may be from after it: DynamoDB Streams has whole seconds
        ("a", LakeState("b", SAME, "MODIFY"), Verdict.CHANGED),
        ("a", LakeState("b", AFTER, "MODIFY"), Verdict.CHANGED),
        (None, LakeState("b", AFTER, "INSERT"), Verdict.CHANGED),
    ],
)
def test_only_an_older_change_proves_a_difference(
    table: str | None, lake: LakeState | None, expected: Verdict
) -> None:
    """A newer change than the read proves nothing about the read."""
    assert verdict(TableState(table, READ), lake) is expected


def test_kinds() -> None:
    """Named from the side of the lake."""
    assert (kind_of("a", None), kind_of("a", "b"), kind_of(None, "b")) == ("missing", "stale", "extra")


def test_candidates_are_the_keys_whose_digests_differ(tmp_path: Path) -> None:
    """A key that only the lake has was absent at some time after the start."""
    table, lake, found = (Partitions(tmp_path / name) for name in ("table", "lake", "found"))
    for key, digest in (("same", "1"), ("stale", "2"), ("missing", "3")):
        table.add(key, digest, READ)
    for key, digest in (("same", "1"), ("stale", "1"), ("extra", "4")):
        lake.add(key, digest)
    candidates(table, lake, BEFORE, found)
    assert dict(found) == {"stale": ("2", READ), "missing": ("3", READ), "extra": (None, BEFORE)}


def differences(folder: Path, *found: Difference) -> Differences:
    """These differences, stored."""
    stored = Differences(Partitions(folder / "differences"))
    for each in found:
        stored.add(each)
    return stored


def stale(key: str, day: str) -> Difference:
    """A key whose newest change in the lake is of a day."""
    return Difference(key, "stale", READ, f"{day}T12:00:00.000000Z", "MODIFY")


MISSING = Difference("m", "missing", READ)
DAYS = {f"2026-11-{day}": Day(9, 9) for day in ("15", "16", "18", "20")}


def test_differences_are_stored_as_they_are(tmp_path: Path) -> None:
    """With their counts."""
    covered = Difference("c", "extra", READ, BEFORE, "REMOVE", covered=True)
    found = differences(tmp_path, MISSING, stale("s", "2026-11-16"), covered)
    assert {each.key: each for each in found} == {
        "m": MISSING,
        "s": stale("s", "2026-11-16"),
        "c": covered,
    }
    assert found.counts == {"missing": 1, "stale": 1, "extra": 1}
    assert (len(found), found.covered) == (3, 1)


def test_days_without_rows() -> None:
    """Between the first day with rows and the day of the comparison."""
    assert days_without_rows(DAYS, "2026-11-21") == ["2026-11-17", "2026-11-19", "2026-11-21"]
    assert days_without_rows([], "2026-11-21") == []
    assert days_without_rows(["2026-12-31"], "2027-01-01") == ["2027-01-01"]


def test_a_missing_day_explains_losses_that_fit_it(tmp_path: Path) -> None:
    """Every loss is after a change before the day."""
    circumstances = Circumstances(DAYS)
    fitting = differences(tmp_path, stale("a", "2026-11-15"), stale("b", "2026-11-16"), MISSING)
    assert missing_days(fitting, circumstances) == ["2026-11-17", "2026-11-19"]
    assert {cause_of(each, ["2026-11-17"], circumstances) for each in fitting} == {Cause.DAY}


def test_a_change_may_be_in_the_folder_of_the_next_day(tmp_path: Path) -> None:
    """By its delivery, so the folder of its own day may be the missing one."""
    assert missing_days(differences(tmp_path, stale("a", "2026-11-19")), Circumstances(DAYS)) == [
        "2026-11-19"
    ]


def test_a_day_at_rest_explains_no_loss_after_it(tmp_path: Path) -> None:
    """A key whose newest change is younger lost a change on another day."""
    found = differences(tmp_path, stale("a", "2026-11-15"), stale("b", "2026-11-20"))
    assert missing_days(found, Circumstances(DAYS)) == []


def test_a_day_with_rows_of_repairs_only_is_missing(tmp_path: Path) -> None:
    """A repair may have written into the folder since."""
    days = DAYS | {"2026-11-17": Day(3, 0), "2026-11-19": Day(1, 1)}
    assert missing_days(differences(tmp_path, stale("a", "2026-11-16")), Circumstances(days)) == [
        "2026-11-17"
    ]


def test_missing_items_may_be_of_any_day_or_older(tmp_path: Path) -> None:
    """A table that is older than its stream has older items; another table has none."""
    found = differences(tmp_path, MISSING)
    adopted = Circumstances(DAYS, has_older_items=True)
    assert missing_days(found, adopted) == []
    assert cause_of(MISSING, [], adopted) is Cause.OLDER
    assert missing_days(found, Circumstances(DAYS)) == ["2026-11-17", "2026-11-19"]


def test_failed_records_come_before_a_lost_change() -> None:
    """A loss that nothing explains is a lost change."""
    assert cause_of(stale("a", "2026-11-20"), [], Circumstances(failures=1)) is Cause.FAILED
    assert cause_of(stale("a", "2026-11-20"), [], Circumstances(failures=0)) is Cause.LOST
    assert cause_of(stale("a", "2026-11-20"), [], Circumstances(failures=None)) is Cause.LOST
    older = Circumstances(has_older_items=True, failures=1)
    assert cause_of(stale("a", "2026-11-20"), [], older) is Cause.FAILED
