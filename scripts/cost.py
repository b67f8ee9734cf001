"""What a month of the pipeline costs, from the shape of the workload.

Arithmetic over list prices, no call to AWS. Storage of the table itself and its reads and writes are
left out: they are there without the lake.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict

from scripts.core.console import CommandError, Output, parser, run
from scripts.core.cost import Workload, monthly

MEANINGS = {  # of the options, which are the fields of Workload
    "changes_per_second": "writes to the table, on average",
    "item_kb": "size of an item",
    "record_kb": "size of a change record: both images and the envelope",
    "row_compressed_kb": "what a row takes in S3",
    "stream_shards": "shards of the stream; 0 is on-demand",
    "retention_hours": "how long the stream keeps records, counted up to 168",
    "buffer_seconds": "Firehose's buffer interval",
    "crawls_a_month": "runs of the crawler",
    "gb_queried": "what Athena scans",
    "partition_by": "delivery or event",
    "compaction_minutes_a_day": "of the option stack's job; 0 without it",
}


def main(arguments: Sequence[str], out: Output) -> int:
    """Show the month as a table, or as `{"workload", "usd_a_month", "total"}`."""
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
        raise CommandError("the month costs more than a number can say", "Give smaller numbers.")
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
