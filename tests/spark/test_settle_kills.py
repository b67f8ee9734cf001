"""A killed process is continued by a new one. Every kill needs a new session, so a share of them runs here.

SETTLE_KILLS is the number of kills (`make soak-settle`: 60), SETTLE_SEED repeats a run.
"""

import os
import random
from pathlib import Path

from sandbox.spark import assembly
from tests.soak.histories import TABLE
from tests.spark.deployed import JobEndedError
from tests.spark.settle_points import Deliveries, faults, reopen
from tests.spark.settling import SettledLake, SettleJob

NUMBER = int(os.environ.get("SETTLE_KILLS", "2"))
SEED = int(os.environ.get("SETTLE_SEED", "7"))


def test_a_killed_process_is_continued(own_lake: SettledLake, tmp_path: Path) -> None:
    """Java, its workers and the script end at once: at a call, or some time after it began."""
    deliveries = Deliveries("kills", 60 * (NUMBER + 1), NUMBER + 1, SEED + 1)
    random_ = random.Random(SEED)  # noqa: S311  the same seed gives the same result
    killed = 0
    for number, fault in enumerate(faults(NUMBER, SEED + 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        deliveries.put(own_lake)
        reopen(own_lake, number)
        seconds = random_.choice((0, 0.05, 0.3, 1, 3)) if fault.when == "before" else 0
        with SettleJob(own_lake.sandbox, assembly.require(), folder) as dying:
            try:
                dying.run(
                    fault=fault.request(then="kill", seconds=seconds), may_fail=True, maintain_hours="0"
                )
            except JobEndedError:
                killed += 1
        own_lake.compare(TABLE, ended=False)
        own_lake.job.run()
        own_lake.compare(TABLE)
    assert killed >= NUMBER * 0.8
