"""The order of the steps is the promise: whatever ends a run, a day is the old one or the new one, whole."""

import datetime as dt

import pytest

from glue.jobs.compaction.job import JobError
from tests.unit.compaction.lake import Death, World

DAY, BEFORE = "2026-11-19", "2026-11-18"


@pytest.fixture
def world() -> World:
    """A lake with one closed day of two objects."""
    made = World()
    made.put(DAY, f"{DAY}/1.gz", "a", "b")
    made.put(DAY, f"{DAY}/2.gz", "b")
    return made


def test_a_closed_day_has_its_rows(world: World) -> None:
    """Every raw row once, twice where it was delivered twice."""
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY) == ["a", "b", "b"]


def test_a_second_run_does_nothing(world: World) -> None:
    """It lists, and neither reads nor writes."""
    world.run()
    partitions = dict(world.partitions)
    assert world.run() == 0
    assert not {"read", "write", "switch", "remove"} & set(world.steps)
    assert world.partitions == partitions


def test_a_late_object_compacts_the_day_again(world: World) -> None:
    """The old folder is still there for the queries that read it."""
    world.run()
    old = world.partitions[DAY].location
    world.put(DAY, f"{DAY}/3.gz", "late")
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY)
    assert old in world.written


def steps_of_a_second_version(keep_hours: float) -> list[str]:
    """The steps of a run that replaces a day and removes what an earlier run left."""
    world = replaced(keep_hours)
    world.run(keep_hours=keep_hours)
    return world.steps


def replaced(keep_hours: float) -> World:
    """A day that was compacted twice long ago and has got another object; the day before it has got none."""
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
def test_a_death_at_any_step_leaves_a_whole_day(number: int, when: str) -> None:
    """The old rows before the switch, the new ones after it; the next run ends with the new ones."""
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
    for _ in range(2):  # what was left over goes in time
        world.now += dt.timedelta(hours=25)
        world.run()
    assert set(world.written) == {partition.location for partition in world.partitions.values()}


def test_the_steps_that_are_tried_are_all_there_are() -> None:
    """The list above is that of a run that does everything."""
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


def test_what_is_not_what_was_read_is_not_switched(world: World) -> None:
    """Rows lost or doubled on the way to S3: an error that says what to do, and the day as it was."""
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


def test_objects_that_come_while_a_day_is_read_wait_for_the_next_run(world: World) -> None:
    """The day would not be what its objects say, so it is not switched."""
    world.on_step["read back"] = lambda: world.put(DAY, f"{DAY}/3.gz", "late")
    assert world.run() == 0
    assert f"{DAY}: objects came while it was read, left to the next run" in world.said
    assert world.answered(DAY) is None
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY)


def test_another_run_beside_it_leaves_a_whole_day(world: World) -> None:
    """Whoever switches last wins, and either version is whole; the next run has nothing to do."""
    for step in ("read", "write", "read back", "switch"):
        world.put(DAY, f"{DAY}/{step}.gz", step)
        world.on_step[step] = lambda: World.run(world)
        world.run()
        assert world.answered(DAY) == world.expected(DAY)
    assert world.run() == 0


def test_a_run_that_saw_less_is_put_right_by_the_next(world: World) -> None:
    """It switched last, after a run that had seen a later object: the manifest does not match any more."""

    def overtaken() -> None:
        world.put(DAY, f"{DAY}/late.gz", "late")
        world.run()

    world.on_step["switch"] = overtaken
    world.run()
    assert world.answered(DAY) != world.expected(DAY)
    assert world.run() == 1
    assert world.answered(DAY) == world.expected(DAY)


def test_a_version_under_way_is_not_removed(world: World) -> None:
    """Another run cleans up while this one has written and not switched."""
    world.on_step["read back"] = lambda: World.run(world, checked_days=-1)
    world.run()
    assert world.answered(DAY) == world.expected(DAY)


def test_a_run_that_took_too_long_does_not_switch(world: World) -> None:
    """Its version may be removed under its hands by then."""

    def wait() -> None:
        world.now += dt.timedelta(hours=13)

    world.on_step["read back"] = wait
    with pytest.raises(JobError, match="NumberOfWorkers"):
        world.run()
    assert world.answered(DAY) is None


def test_a_replaced_version_stays_for_its_readers(world: World) -> None:
    """Counted from when it was replaced, however old its objects are."""
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


def test_open_and_foreign_days_are_left_alone(world: World) -> None:
    """Today, yesterday within its grace, and days before the raw table's first."""
    for day in ("2026-11-21", "2026-11-20", "2025-12-31"):
        world.put(day, f"{day}/1.gz", "a")
    world.now = world.now.replace(hour=1)
    world.run()
    assert set(world.partitions) == {DAY}
    world.now = world.now.replace(hour=2)
    world.run()
    assert set(world.partitions) == {DAY, "2026-11-20"}


def test_a_day_whose_attributes_became_columns_is_compacted_again(world: World) -> None:
    """Only that day: another one cannot hold them."""
    world.put("2026-11-18", "2026-11-18/1.gz", "x")
    world.undeclared[DAY] = {"size", "weight"}
    world.run()
    world.columns += ["colour", "size"]
    assert world.run() == 1
    assert world.said[-2].startswith(f"{DAY}: its attributes became columns")
    assert world.run() == 0


def test_a_day_whose_raw_objects_are_gone_keeps_its_rows(world: World) -> None:
    """The raw lake's lifecycle is no change of the day; and no day is made of nothing."""
    world.put(BEFORE, f"{BEFORE}/1.gz", "x")
    world.run()
    kept = world.answered(DAY)
    for day in (BEFORE, DAY):  # what goes between the two listings
        world.on_step["list"] = world.raw[day].clear
        assert world.run() == 0
    world.put("2026-11-17", "2026-11-17/1.gz", "x")
    world.on_step["list"] = world.raw["2026-11-17"].clear
    assert world.run() == 0
    assert (world.answered(BEFORE), world.answered(DAY)) == (["x"], kept)
    assert set(world.partitions) == {BEFORE, DAY}


def test_old_versions_that_stay_are_told_and_cost_no_day(world: World) -> None:
    """A denied deletion would else fill the bucket unseen."""

    def denied() -> None:
        raise PermissionError("AccessDenied")

    world.on_step["look for old versions"] = denied
    with pytest.raises(JobError, match=r"^old versions: PermissionError: AccessDenied$"):
        world.run()
    assert world.answered(DAY) == world.expected(DAY)


def test_columns_are_declared_before_a_day_is_switched(world: World) -> None:
    """Else a query would not find what the day holds."""
    world.columns.append("size")
    world.run()
    assert world.declared == world.columns


def test_one_days_failure_is_not_the_next_ones(world: World) -> None:
    """The others are compacted, and the run fails with the day's name."""
    world.put("2026-11-18", "2026-11-18/1.gz", "x")

    def fail() -> None:
        raise ValueError("no such thing\nand a stack trace")

    world.on_step["read"] = fail
    with pytest.raises(JobError, match=r"^2026-11-18: ValueError: no such thing$"):
        world.run()
    assert set(world.partitions) == {DAY}


def test_days_that_fail_hide_no_other() -> None:
    """However many fail, and whatever for, those after them are compacted, and the error stays readable."""
    world = World()
    for number in range(1, 20):
        world.put(f"2026-11-{number:02}", f"2026-11-{number:02}/1.gz", "x")
    left = [15]

    def fail() -> None:
        if left[0]:
            left[0] -= 1
            world.on_step["read"] = fail
            raise RuntimeError(
                "An error occurred while calling o1.\nUnreadableObjectError: x.gz is not whole\nat"
            )

    world.on_step["read"] = fail
    with pytest.raises(JobError, match=r"^2026-11-01: x\.gz is not whole; .*; and 5 more$"):
        world.run()
    assert set(world.partitions) == {f"2026-11-{number}" for number in range(16, 20)}


def test_what_is_recorded_says_what_the_day_was_made_of(world: World) -> None:
    """Counts, digests and times; an operator reads them with `aws glue get-partition`."""
    world.undeclared[DAY] = {"size"}
    world.run()
    recorded = world.partitions[DAY].parameters
    assert recorded["ddb_lake.objects"] == "2"
    assert recorded["ddb_lake.rows"] == "3"
    assert recorded["ddb_lake.undeclared"] == "size"
    assert recorded["ddb_lake.switched"] == "2026-11-21T04:30:00+00:00"
    assert recorded["ddb_lake.run"] == "jr_1"
    assert len(recorded["ddb_lake.manifest"]) == 64


def test_an_old_compacted_day_is_not_looked_at_again(world: World) -> None:
    """One that never was compacted is, however old."""
    old = "2026-02-01"
    world.put(old, f"{old}/1.gz", "x")
    world.run(checked_days=30)
    world.put(old, f"{old}/2.gz", "late")
    assert world.run(checked_days=30) == 0
    assert world.run(checked_days=400) == 1
    assert world.answered(old) == ["late", "x"]
