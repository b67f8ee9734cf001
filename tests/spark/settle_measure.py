"""`python -m tests.spark.settle_measure [CHANGES]`: seconds and memory of a first load and of increments.

The changes are those of tests/soak; more than half a million are the same histories again, of other items.
The increments are nothing, one line, and 20,000 late lines of any item and time. The session has 3 GB and two
threads; a Glue worker G.1X has 16 GB and four.
"""

import gzip
import sys
import tempfile
import time
from pathlib import Path

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from tests.soak.delivery import deliver, row
from tests.soak.histories import histories
from tests.spark.settling import SettledLake, SettleJob

_LATE = 20_000
_OBJECT_LINES = 8_000
_MOST_MADE = 500_000  # changes that are made, and then repeated for other items
_KEY = b"item-"  # the beginning of every key of tests/soak


def measure(lake: SettledLake, name: str) -> None:
    """Run the job once, and print its seconds and the most memory that its process has had."""
    started, used = time.monotonic(), lake.job.processor_seconds()
    log = lake.job.run()["log"]
    seconds = time.monotonic() - started
    processor, peak = lake.job.processor_seconds() - used, lake.job.peak_memory() / 2**20
    print(
        f"{name}: {seconds:.1f} s, {processor:.1f} s of the processors (without ended Python workers), "
        f"{peak:,.0f} MiB\n{log}",
        flush=True,
    )


def repeated(lines: list[bytes], copy: int) -> bytes:
    """An object with the same lines for other items."""
    return gzip.compress(b"".join(lines).replace(_KEY, b"it%02d-" % copy), 1, mtime=0)


def main(changes: int) -> None:
    """Measure on this many changes."""
    copies = -(-changes // _MOST_MADE)
    made = list(histories(changes // copies, 7))
    lines = [row(made, line) for one in deliver(made, 7) for line in one.lines]
    late, base = lines[:_LATE], lines[_LATE:]
    spark = assembly.require()
    with Sandbox(speed=20) as sandbox, tempfile.TemporaryDirectory() as folder:
        sandbox.launch(plan_launches("consumer", "tables"))
        with SettleJob(sandbox, spark, Path(folder), long=True) as job:
            lake = SettledLake(sandbox, job)
            size = number = 0
            for start in range(0, len(base), _OBJECT_LINES):
                for copy in range(copies):
                    content = repeated(base[start : start + _OBJECT_LINES], copy)
                    lake.lake.put_bytes(f"data/dt={lake.day(number % 5)}/base-{number:06}.gz", content)
                    size, number = size + len(content), number + 1
            print(
                f"{changes:,} changes of {copies * len(made):,} items, {copies * len(base):,} lines "
                f"in {number} objects, {size / 1e6:.1f} MB",
                flush=True,
            )
            measure(lake, "first load")
            measure(lake, "nothing new")
            for one in range(3):
                lake.put_bytes(repeated(late[one : one + 1], 0), f"one-{one}.gz")
                measure(lake, "one line")
            share = _LATE // copies
            for copy in range(copies):
                part = late[copy * share + 3 : (copy + 1) * share]
                lake.put_bytes(repeated(part, copy), f"late-{copy}.gz")
            measure(lake, f"{(share - 3) * copies:,} late lines")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
