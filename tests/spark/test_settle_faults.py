"""A run that ends at any point is continued by the next one: every row once, and the views right in between.

SETTLE_FAULTS is the number of faults (a share by default; `make soak-settle` injects 120). SETTLE_SEED
repeats a run.
"""

import os
from collections.abc import Sequence

from tests.soak.histories import TABLE
from tests.spark.settle_points import POINTS, Deliveries, Fault, faults, reopen
from tests.spark.settling import SettledLake

NUMBER = int(os.environ.get("SETTLE_FAULTS", "12"))
SEED = int(os.environ.get("SETTLE_SEED", "7"))
_BETWEEN = 3  # faults between two runs that end well


def test_a_run_that_ends_anywhere_is_continued(own_lake: SettledLake) -> None:
    """Faults at every point, before and after its call, with new objects before each run."""
    assert injected(own_lake, faults(NUMBER, SEED), SEED) == {*POINTS}


def injected(lake: SettledLake, every: Sequence[Fault], seed: int) -> set[str]:
    """Inject faults and compare after each. Returns the points at which a run ended."""
    deliveries = Deliveries("faults", 40 * len(every), len(every) + 1, seed)
    ended = set[str]()
    deliveries.put(lake)
    lake.job.run()
    for number, fault in enumerate(every):
        deliveries.put(lake)
        reopen(lake, number)
        answer = lake.job.run(fault=fault.request(), may_fail=True, maintain_hours="0")
        assert "error" not in answer, answer
        if "died" in answer:
            ended.add(fault.point)
        lake.compare(TABLE, ended=False)
        if number % _BETWEEN == _BETWEEN - 1:
            lake.job.run()
            lake.compare(TABLE)
    lake.job.run()
    lake.compare(TABLE)
    deliveries.check(lake)
    return ended
