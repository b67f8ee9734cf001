"""The order of the steps guarantees that a day has its complete old or new version, however a run ends."""

import datetime as dt

import pytest

from glue.jobs.compaction.job import JobError
from tests.unit.compaction.lake import Death, World

DAY, BEFORE = "2026-11-19", "2026-11-18"


@pytest.fixture
def world() -> World:
    """A lake with one closed day of two objects."""
    result = World()
    result.put(DAY, f"{DAY}/1.gz", "a", "b")
    result.put(DAY, f"{DAY}/2.gz", "b")
    return result


def test_a_closed_day_is_compacted_with_all_its_rows(world: World) -> None:
    """Every raw row occurs once, or twice if it was delivered twice."""
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY) == ["a", "b", "b"]


def test_a_second_run_does_nothing(world: World) -> None:
    """It only lists objects; it does not read or write them."""
    world.run()
    partitions = dict(world.partitions)
    assert world.run() == 0
    assert not {"read", "write", "switch", "remove"} & set(world.steps)
    assert world.partitions == partitions


def test_a_late_object_compacts_the_day_again(world: World) -> None:
    """The old folder stays for the queries that still read it."""
    world.run()
    old = world.partitions[DAY].location
    world.put(DAY, f"{DAY}/3.gz", "late")
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY)
    assert old in world.written


def steps_of_a_second_version(keep_hours: float) -> list[str]:
    """The steps of a run that replaces a day and removes an earlier version."""
    world = replaced(keep_hours)
    world.run(keep_hours=keep_hours)
    return world.steps


def replaced(keep_hours: float) -> World:
    """A day with two old versions and a new object, and the day before it without a new object."""
    world = World()
    for number in range(3):
        world.put(DAY, f"{DAY}/{number}.gz", f"a{number}", f"b{number}")
        if number < 2:
            world.put(BEFORE, f"{BEFORE}/{number}.gz", f"c{number}")
            world.run(keep_hours=keep_hours)
            world.now += dt.timedelta(hours=keep_hours + 1)
    return world


STEPS = steps_of_a_second_version(24)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "number", range(1, len(STEPS) + 1), ids=[f"{n}-{name}" for n, name in enumerate(STEPS)]
)
def test_a_run_killed_at_any_step_leaves_a_complete_day(number: int, when: str) -> None:
    """Before the switch the day has its old rows, after it the new ones. The next run completes it."""
    world = replaced(24)
    old, new = world.answered(DAY), world.expected(DAY)
    world.die_at = (number, when)
    with pytest.raises(Death):
        world.run()
    switched = "switch" in world.steps[:-1] or (world.steps[-1], when) == ("switch", "after")
    assert world.answered(DAY) == (new if switched else old)
    assert world.answered(BEFORE) == world.expected(BEFORE)
    world.die_at = None
    world.run()
    assert world.answered(DAY) == new
    for _ in range(2):  # leftovers are removed later
        world.now += dt.timedelta(hours=25)
        world.run()
    assert set(world.written) == {partition.location for partition in world.partitions.values()}


def test_the_kill_test_covers_every_step() -> None:
    """The list above comes from a run with all steps."""
    assert set(STEPS) == {
        "declare",
        "list",
        "read",
        "write",
        "read back",
        "switch",
        "look for old versions",
        "remove",
    }
    assert STEPS.index("declare") < STEPS.index("switch")
    assert STEPS.index("read back") < STEPS.index("switch")


def test_a_day_is_not_switched_if_written_and_read_rows_differ(world: World) -> None:
    """If rows are lost or doubled in S3, the error states the next step and the day is not changed."""
    world.run()
    before = world.answered(DAY)
    world.put(DAY, f"{DAY}/3.gz", "late")

    def spoil() -> None:
        location = next(location for location in world.written if location != world.partitions[DAY].location)
        rows, when = world.written[location]
        world.written[location] = ([*rows[1:], rows[1]], when)

    world.on_step["read back"] = spoil
    with pytest.raises(
        JobError, match=rf"{DAY}: JobError: s3://lake/columnar/dt={DAY}/.* Next: run the job again"
    ):
        world.run()
    assert world.answered(DAY) == before
    assert world.run() == 1


def test_objects_that_arrive_while_a_day_is_read_wait_for_the_next_run(world: World) -> None:
    """The day is not switched, because it would lack the new objects."""
    world.on_step["read back"] = lambda: world.put(DAY, f"{DAY}/3.gz", "late")
    assert world.run() == 0
    assert f"{DAY}: new objects arrived while the day was read; the next run compacts it" in world.log
    assert world.answered(DAY) is None
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY)


def test_two_concurrent_runs_leave_a_complete_day(world: World) -> None:
    """The last switch wins, and both versions are complete. The next run has nothing to do."""
    for step in ("read", "write", "read back", "switch"):
        world.put(DAY, f"{DAY}/{step}.gz", step)
        world.on_step[step] = lambda: World.run(world)
        world.run()
        assert world.answered(DAY) == world.expected(DAY)
    assert world.run() == 0


def test_the_next_run_corrects_a_run_that_saw_fewer_objects(world: World) -> None:
    """It switched last, after a run that saw a later object, so the manifest does not match."""

    def overtaken() -> None:
        world.put(DAY, f"{DAY}/late.gz", "late")
        world.run()

    world.on_step["switch"] = overtaken
    world.run()
    assert world.answered(DAY) != world.expected(DAY)
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY)


def test_a_version_that_is_being_written_is_not_removed(world: World) -> None:
    """Another run removes old versions after this one has written and before it switches."""
    world.on_step["read back"] = lambda: World.run(world, checked_days=-1)
    world.run()
    assert world.answered(DAY) == world.expected(DAY)


def test_a_run_that_took_too_long_does_not_switch(world: World) -> None:
    """Another run could have removed its version by then."""

    def wait() -> None:
        world.now += dt.timedelta(hours=13)

    world.on_step["read back"] = wait
    with pytest.raises(JobError, match="NumberOfWorkers"):
        world.run()
    assert world.answered(DAY) is None


def test_a_replaced_version_stays_for_its_readers(world: World) -> None:
    """The time counts from the replacement; the age of its objects does not matter."""
    world.run()
    old = world.partitions[DAY].location
    world.now += dt.timedelta(days=30)
    world.put(DAY, f"{DAY}/3.gz", "late")
    world.run()
    world.now += dt.timedelta(hours=23)
    world.run()
    assert old in world.written
    world.now += dt.timedelta(hours=2)
    world.run()
    assert old not in world.written


def test_open_days_and_days_before_the_table_are_not_compacted(world: World) -> None:
    """Today, yesterday before it is closed, and days before the raw table's first day."""
    for day in ("2026-11-21", "2026-11-20", "2025-12-31"):
        world.put(day, f"{day}/1.gz", "a")
    world.now = world.now.replace(hour=1)
    world.run()
    assert set(world.partitions) == {DAY}
    world.now = world.now.replace(hour=2)
    world.run()
    assert set(world.partitions) == {DAY, "2026-11-20"}


def test_a_day_whose_attributes_became_columns_is_compacted_again(world: World) -> None:
    """Only that day: other days do not have these attributes."""
    world.put("2026-11-18", "2026-11-18/1.gz", "x")
    world.undeclared[DAY] = {"size", "weight"}
    world.run()
    world.columns += ["colour", "size"]
    assert world.run() == 1
    assert world.log[-2].startswith(f"{DAY}: its attributes became columns")
    assert world.run() == 0


def test_a_day_whose_raw_objects_are_gone_keeps_its_rows(world: World) -> None:
    """A lifecycle rule may delete raw objects. A day that never had objects is not created."""
    world.put(BEFORE, f"{BEFORE}/1.gz", "x")
    world.run()
    kept = world.answered(DAY)
    for day in (BEFORE, DAY):  # deleted between the two listings
        world.on_step["list"] = world.raw[day].clear
        assert world.run() == 0
    world.put("2026-11-17", "2026-11-17/1.gz", "x")
    world.on_step["list"] = world.raw["2026-11-17"].clear
    assert world.run() == 0
    assert (world.answered(BEFORE), world.answered(DAY)) == (["x"], kept)
    assert set(world.partitions) == {BEFORE, DAY}


def test_a_failed_removal_is_reported_and_does_not_fail_a_day(world: World) -> None:
    """Otherwise a denied deletion would fill the bucket unnoticed."""

    def denied() -> None:
        raise PermissionError("AccessDenied")

    world.on_step["look for old versions"] = denied
    with pytest.raises(JobError, match=r"^old versions: PermissionError: AccessDenied$"):
        world.run()
    assert world.answered(DAY) == world.expected(DAY)


def test_columns_are_declared_before_a_day_is_switched(world: World) -> None:
    """Otherwise a query would not find all attributes of the day."""
    world.columns.append("size")
    world.run()
    assert world.declared == world.columns


def test_a_day_that_fails_does_not_stop_the_others(world: World) -> None:
    """The other days are compacted, and the run fails with the day's name."""
    world.put("2026-11-18", "2026-11-18/1.gz", "x")

    def fail() -> None:
        raise ValueError("no such thing\nand a stack trace")

    world.on_step["read"] = fail
    with pytest.raises(JobError, match=r"^2026-11-18: ValueError: no such thing$"):
        world.run()
    assert set(world.partitions) == {DAY}


def test_many_failed_days_do_not_stop_the_others() -> None:
    """After any number of failures the later days are compacted, and the error stays readable."""
    world = World()
    for number in range(1, 20):
        world.put(f"2026-11-{number:02}", f"2026-11-{number:02}/1.gz", "x")
    left = [15]

    def fail() -> None:
        if left[0]:
            left[0] -= 1
            world.on_step["read"] = fail
            raise RuntimeError(
                "An error occurred while calling o1.\nUnreadableObjectError: x.gz is cut off\nat"
            )

    world.on_step["read"] = fail
    with pytest.raises(JobError, match=r"^2026-11-01: x\.gz is cut off; .*; and 5 more$"):
        world.run()
    assert set(world.partitions) == {f"2026-11-{number}" for number in range(16, 20)}


def test_the_partition_records_the_sources_of_the_day(world: World) -> None:
    """It has counts, digests and times. An operator reads them with `aws glue get-partition`."""
    world.undeclared[DAY] = {"size"}
    world.run()
    recorded = world.partitions[DAY].parameters
    assert recorded["ddb_lake.objects"] == "2"
    assert recorded["ddb_lake.rows"] == "3"
    assert recorded["ddb_lake.undeclared"] == "size"
    assert recorded["ddb_lake.switched"] == "2026-11-21T04:30:00+00:00"
    assert recorded["ddb_lake.run"] == "jr_1"
    assert len(recorded["ddb_lake.manifest"]) == 64


def test_an_old_compacted_day_is_not_checked_again(world: World) -> None:
    """A day that was never compacted is checked at any age."""
    old = "2026-02-01"
    world.put(old, f"{old}/1.gz", "x")
    world.run(checked_days=30)
    world.put(old, f"{old}/2.gz", "late")
    assert world.run(checked_days=30) == 0
    assert world.run(checked_days=400) == 1
    assert world.answered(old) == ["late", "x"]
