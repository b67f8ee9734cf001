"""Estimate what a month of the pipeline costs, from the workload, and what a backfill costs once.

The command computes with list prices and calls no AWS API. It leaves out the storage, reads and writes of the
table itself: you pay them without the lake too.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict

from scripts.core.backfilling.rates import glue_dpu_hours
from scripts.core.console import EXIT_USAGE, CommandError, Output, parser, run
from scripts.core.cost import GIB, Workload, backfill, monthly

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
}


def main(arguments: Sequence[str], out: Output) -> int:
    """Print the month as a table, or as `{"workload", "usd_a_month", "total", "usd_once"}`."""
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
    options.add_argument(
        "--backfill-gb",
        type=float,
        default=0.0,
        metavar="N",
        help="size of a table whose items a backfill brings into the lake once (default: no backfill)",
    )
    args = options.parse_args(arguments)
    if not 0 <= args.backfill_gb < math.inf:
        raise CommandError(
            f"--backfill-gb is {args.backfill_gb}", "Give 0 or a larger number.", exit_code=EXIT_USAGE
        )
    load = Workload(**{name: getattr(args, name) for name in asdict(Workload())})
    costs = monthly(load)
    total = sum(costs.values())
    if not math.isfinite(total):
        raise CommandError("the sum is too large for a number", "Give smaller numbers.")
    once = _once(args.backfill_gb, load)
    if out.form == "text":
        rows = [(name, f"{usd:,.2f}") for name, usd in costs.items()]
        title = "USD a month, us-east-1 list prices"
        out.answer_table(title, ("service", "USD"), [*rows, ("total", f"{total:,.2f}")])
        if once:
            rows = [(name, f"{usd:,.2f}") for name, usd in once.items()]
            title = f"USD once, for the backfill of {args.backfill_gb:,g} GB"
            out.answer_table(title, ("service", "USD"), [*rows, ("total", f"{sum(once.values()):,.2f}")])
    out.answer(
        {
            "workload": asdict(load),
            "usd_a_month": {k: round(v, 2) for k, v in costs.items()},
            "total": round(total, 2),
            "usd_once": {k: round(v, 2) for k, v in once.items()},
        }
    )
    return 0


def _once(gigabytes: float, load: Workload) -> dict[str, float]:
    """USD for the backfill of a table of this size, whose items have the workload's size."""
    if not gigabytes:
        return {}
    items = gigabytes * GIB / (max(load.item_kb, 0.1) * 1024)
    return backfill(
        gigabytes * GIB,
        scanned=False,
        items=items,
        row_kb=load.row_compressed_kb,
        dpu_hours=glue_dpu_hours(items),
    )


if __name__ == "__main__":
    sys.exit(run(main))
