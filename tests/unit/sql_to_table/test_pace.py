"""How fast the tasks write: never faster than the rate that they share."""

import pytest

from glue.jobs.sql_to_table import pace
from glue.jobs.sql_to_table.arguments import Rate
from glue.jobs.sql_to_table.pace import Pace


class Clock:
    """A clock that only sleeping moves on."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def paced(rate: Rate, tasks: int) -> tuple[Pace, Clock]:
    """A pace with a clock of its own."""
    clock = Clock()
    return Pace(rate, tasks, clock.now, clock.sleep), clock


@pytest.mark.parametrize(("size", "units"), [(1, 1), (1024, 1), (1025, 2), (409_600, 400)])
def test_a_write_unit_is_one_kilobyte_or_a_part_of_it(size: int, units: int) -> None:
    """DynamoDB developer guide, "Read and write operations"."""
    assert pace.units(size) == units


@pytest.mark.parametrize("tasks", [1, 4])
def test_all_tasks_together_keep_the_rate(tasks: int) -> None:
    """Each has its share: 100 items a second by 4 tasks are 25 a second each."""
    own, clock = paced(Rate(100, counts_units=False), tasks)
    for _ in range(501):
        own.wait(5_000)
    assert clock.time - 100 == pytest.approx(500 * tasks / 100)


def test_a_rate_in_units_counts_the_size() -> None:
    """An item of 5,000 bytes has 5 units."""
    own, clock = paced(Rate(100, counts_units=True), 1)
    for _ in range(101):
        own.wait(5_000)
    assert clock.time - 100 == pytest.approx(100 * 5 / 100)


def test_a_task_that_was_slow_does_not_catch_up_with_a_burst() -> None:
    """After a minute without a write, at most one second's worth goes out at once."""
    own, clock = paced(Rate(10, counts_units=False), 1)
    own.wait(1)
    clock.time += 60
    start = clock.time
    for _ in range(21):
        own.wait(1)
    assert clock.time - start == pytest.approx(1.0)  # 10 at once, then 10 per second


@pytest.mark.parametrize(
    ("amount", "slots", "tasks"), [(1, 16, 1), (250, 16, 1), (251, 16, 2), (1e6, 16, 16), (1e6, 0, 1)]
)
def test_there_are_as_many_tasks_as_the_rate_needs_and_can_run_at_once(
    amount: float, slots: int, tasks: int
) -> None:
    """A task that waits for a place would leave its share unused."""
    assert pace.tasks(Rate(amount, counts_units=False), slots) == tasks
