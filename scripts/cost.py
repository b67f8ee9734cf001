"""Estimate what a month of the pipeline costs, from the workload.

The command computes with list prices and calls no AWS API. It leaves out the storage, reads and writes of the
table itself: you pay them without the lake too.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict

from scripts.core.console import CommandError, Output, parser, run
from scripts.core.cost import Workload, monthly

MEANINGS = {  # help of the options; their names are the fields of Workload
    "changes_per_second": "writes to the table, on average",
    "item_kb": "size of an item",
    "record_kb": "size of a change record: both item images and the envelope",
    "row_compressed_kb": "size of a row in S3",
    "stream_shards": "shards of the stream; 0 is on-demand",
    "retention_hours": "retention of the stream; 168 hours are counted at most",
    "buffer_seconds": "buffer interval of Firehose",
    "crawls_a_month": "crawler runs a month",
    "gb_queried": "data that Athena scans in a month",
    "partition_by": "the day under which rows are stored",
    "compaction_minutes_a_day": "run time of the compaction job; 0 without that stack",
}


def main(arguments: Sequence[str], out: Output) -> int:
    """Print the month as a table, or as `{"workload", "usd_a_month", "total"}`."""
    options = parser("cost", __doc__ or "", calls_aws=False)
    for name, default in asdict(Workload()).items():
        options.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            choices=("delivery", "event") if name == "partition_by" else None,
            metavar=None if name == "partition_by" else "N",
            help=f"{MEANINGS[name]} (default: %(default)s)",
        )
    args = options.parse_args(arguments)
    load = Workload(**{name: getattr(args, name) for name in asdict(Workload())})
    costs = monthly(load)
    total = sum(costs.values())
    if not math.isfinite(total):
        raise CommandError("the sum is too large for a number", "Give smaller numbers.")
    if out.form == "text":
        rows = [(name, f"{usd:,.2f}") for name, usd in costs.items()]
        title = "USD a month, us-east-1 list prices"
        out.answer_table(title, ("service", "USD"), [*rows, ("total", f"{total:,.2f}")])
    out.answer(
        {
            "workload": asdict(load),
            "usd_a_month": {k: round(v, 2) for k, v in costs.items()},
            "total": round(total, 2),
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
