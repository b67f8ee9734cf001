"""Estimate the monthly cost of the pipeline for a workload.

The estimate uses list prices and makes no call to AWS. The table's own storage, reads and writes are not
included, because they cost the same without the lake.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict

from scripts.core.console import CommandError, Output, parser, run
from scripts.core.cost import Workload, monthly

MEANINGS = {  # help of the options, which are the fields of Workload
    "changes_per_second": "average writes to the table per second",
    "item_kb": "size of an item in KB",
    "record_kb": "size of a change record in KB: both images and the envelope",
    "row_compressed_kb": "size of a compressed row in S3 in KB",
    "stream_shards": "shards of the stream; 0 means on-demand",
    "retention_hours": "hours that the stream keeps records, counted up to 168",
    "buffer_seconds": "Firehose's buffer interval in seconds",
    "crawls_a_month": "crawler runs per month",
    "gb_queried": "GB that Athena scans per month",
    "partition_by": "delivery or event",
    "compaction_minutes_a_day": "minutes per day of the option stack's job; 0 without it",
}


def main(arguments: Sequence[str], out: Output) -> int:
    """Show the costs of a month as a table, or as `{"workload", "usd_a_month", "total"}`."""
    options = parser("cost", __doc__ or "")
    for name, default in asdict(Workload()).items():
        options.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            metavar="DAY" if name == "partition_by" else "N",
            help=f"{MEANINGS[name]} (default: %(default)s)",
        )
    args = options.parse_args(arguments)
    load = Workload(**{name: getattr(args, name) for name in asdict(Workload())})
    costs = monthly(load)
    total = sum(costs.values())
    if not math.isfinite(total):
        raise CommandError("the cost is too large to calculate", "Give smaller numbers.")
    if out.form == "text":
        rows = [(name, f"{usd:,.2f}") for name, usd in costs.items()]
        out.table(
            "USD a month, us-east-1 list prices", ("service", "USD"), [*rows, ("total", f"{total:,.2f}")]
        )
    out.answer(
        {
            "workload": asdict(load),
            "usd_a_month": {k: round(v, 2) for k, v in costs.items()},
            "total": round(total, 2),
        },
        f"{total:,.2f}",
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
