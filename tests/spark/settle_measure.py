"""`python -m tests.spark.settle_measure [CHANGES]`: seconds and memory of a first load and of increments.

The changes are those of tests/soak. The increments are nothing, one line, and 20,000 late lines. The session
has 3 GB and two threads; a Glue worker G.1X has 16 GB and four.
"""

import sys
import tempfile
import time
from pathlib import Path

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from tests.soak.delivery import body, deliver
from tests.soak.histories import histories
from tests.spark.settling import SettledLake, SettleJob

_LATE = 20_000
_OBJECT_LINES = 8_000


def measure(lake: SettledLake, name: str) -> None:
    """Run the job once, and print its seconds and the most memory that its process has had."""
    started = time.monotonic()
    log = lake.job.run()["log"]
    seconds = time.monotonic() - started
    print(f"{name}: {seconds:.1f} s, {lake.job.peak_memory() / 2**20:,.0f} MiB\n{log}", flush=True)


def main(changes: int) -> None:
    """Measure on this many changes."""
    made = list(histories(changes, 7))
    lines = [line for one in deliver(made, 7) for line in one.lines]
    late, base = lines[:_LATE], lines[_LATE:]
    spark = assembly.require()
    with Sandbox(speed=20) as sandbox, tempfile.TemporaryDirectory() as folder:
        sandbox.launch(plan_launches("consumer", "tables"))
        with SettleJob(sandbox, spark, Path(folder), long=True) as job:
            lake = SettledLake(sandbox, job)
            for start in range(0, len(base), _OBJECT_LINES):
                part = base[start : start + _OBJECT_LINES]
                lake.put_bytes(body(made, part), f"base-{start:09}.gz", lake.day(start // _OBJECT_LINES % 5))
            size = sum(map(len, lake.objects.values()))
            print(f"{len(base):,} lines in {len(lake.objects)} objects, {size / 1e6:.1f} MB", flush=True)
            measure(lake, "first load")
            measure(lake, "nothing new")
            for number in range(3):
                lake.put_bytes(body(made, late[number : number + 1]), f"one-{number}.gz")
                measure(lake, "one line")
            lake.put_bytes(body(made, late[3:]), "late.gz")
            measure(lake, f"{len(late) - 3:,} late lines")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
