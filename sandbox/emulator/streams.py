"""Kinesis Data Streams at the speed of a stream: MiniStack copies every record at every put and every read.

AWS fact: a record is kept for the stream's retention period, counted from its arrival (Kinesis developer
guide, "Changing the data retention period"). Records are stored in order of arrival: a look at the first is
enough.
"""

import time
from typing import Any

from sandbox.emulator.seam import Seam

EXPIRE_RECORDS = Seam("services.kinesis", "_expire_records", "9f3968926430b696")
EXPIRE_ITERATORS = Seam("services.kinesis", "_expire_iterators", "283783a2fb44a733")
SEAMS = (EXPIRE_RECORDS, EXPIRE_ITERATORS)
_ITERATOR_SWEEP_SECONDS = 10.0


def install() -> None:
    """Drop expired records only where there are some, and expired iterators a few times a minute."""
    expire_iterators = EXPIRE_ITERATORS.check()
    swept = 0.0

    def expire_records(stream: dict[str, Any]) -> None:
        cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
        for shard in stream["shards"].values():
            records = shard["records"]
            if records and records[0]["ApproximateArrivalTimestamp"] < cutoff:
                shard["records"] = [kept for kept in records if kept["ApproximateArrivalTimestamp"] >= cutoff]

    def sweep_iterators() -> None:
        nonlocal swept
        if time.monotonic() - swept > _ITERATOR_SWEEP_SECONDS:
            swept = time.monotonic()
            expire_iterators()

    EXPIRE_RECORDS.replace(expire_records)
    EXPIRE_ITERATORS.replace(sweep_iterators)
