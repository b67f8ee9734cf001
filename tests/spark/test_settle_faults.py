"""A run that ends at any point is continued by the next one: every row once, and the views right in between.

SETTLE_FAULTS is the number of faults (a share by default; `make soak-settle` injects 120). SETTLE_SEED
repeats a run.
"""

import os

from tests.soak.histories import TABLE
from tests.spark.settle_points import POINTS, Deliveries, faults, reopen
from tests.spark.settling import SettledLake

NUMBER = int(os.environ.get("SETTLE_FAULTS", "24"))
SEED = int(os.environ.get("SETTLE_SEED", "7"))
_BETWEEN = 3  # faults between two runs that end well


def test_a_run_that_ends_anywhere_is_continued(own_lake: SettledLake) -> None:
    """Faults at every point, before and after its call, with new objects before each run."""
    deliveries = Deliveries("faults", 40 * NUMBER, NUMBER, SEED)
    ended = set[str]()
    assert deliveries.put(own_lake)
    own_lake.job.run()
    for number, fault in enumerate(faults(NUMBER, SEED)):
        deliveries.put(own_lake)
        reopen(own_lake, number)
        answer = own_lake.job.run(fault=fault.request(), may_fail=True, maintain_hours="0")
        assert "error" not in answer, answer
        if "died" in answer:
            ended.add(fault.point)
        own_lake.compare(TABLE, ended=False)
        if number % _BETWEEN == _BETWEEN - 1:
            own_lake.job.run()
            own_lake.compare(TABLE)
    while deliveries.put(own_lake):
        pass
    own_lake.job.run()
    own_lake.compare(TABLE)
    deliveries.check(own_lake)
    assert ended == {*POINTS}
