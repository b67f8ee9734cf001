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
from scripts.core.cost import GIB, Workload, backfill, break_even, monthly, per_merge, settle_minutes

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
    "settle_runs_a_day": "runs of the settle job; 0 without the option stack tables",
    "settle_minutes": "run time of one run of the settle job; 0 estimates it from the items",
    "items_gb": "size of the current items in the settled tables",
    "snapshot_hours": "retention of snapshots of the settled tables",
    "sql_runs_a_day": "runs of the Spark SQL job; 0 without the option stack spark-sql",
    "sql_minutes": "run time of one run of the Spark SQL job",
    "sql_workers": "G.1X workers of the Spark SQL job, the driver included; count a G.2X as two",
}


def main(arguments: Sequence[str], out: Output) -> int:
    """Print the month as a table, or as `{"workload", "usd_a_month", "total", "usd_once", …}`."""
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
    options.add_argument(
        "--history-gb",
        type=float,
        default=0.0,
        metavar="N",
        help="size of all rows in S3: also show from how many queries a day settled tables pay",
    )
    args = options.parse_args(arguments)
    if not 0 <= args.history_gb < math.inf:
        raise CommandError(
            f"--history-gb is {args.history_gb}", "Give 0 or a larger number.", exit_code=EXIT_USAGE
        )
    if args.history_gb and not args.settle_runs_a_day:
        raise CommandError(
            "--history-gb compares settled tables with raw queries, and no run settles them",
            "Give --settle-runs-a-day too, such as 24.",
            exit_code=EXIT_USAGE,
        )
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
    merge = per_merge(load) if load.settle_runs_a_day else {}
    queries = break_even(load, args.history_gb) if args.history_gb else None
    finite = math.isfinite(queries or 0.0)
    if out.form == "text":
        rows = [(name, f"{usd:,.2f}") for name, usd in costs.items()]
        title = f"USD a month at {load.changes_per_second:,g} changes a second, us-east-1 list prices"
        out.answer_table(title, ("service", "USD"), [*rows, ("total", f"{total:,.2f}")])
        if once:
            rows = [(name, f"{usd:,.2f}") for name, usd in once.items()]
            title = f"USD once, for the backfill of {args.backfill_gb:,g} GB"
            out.answer_table(title, ("service", "USD"), [*rows, ("total", f"{sum(once.values()):,.2f}")])
        if merge:
            rows = [(name, f"{usd:,.4f}") for name, usd in merge.items()]
            title = f"USD of it per run of the settle job, of {settle_minutes(load):,.1f} minutes"
            out.answer_table(title, ("service", "USD"), [*rows, ("total", f"{sum(merge.values()):,.4f}")])
        if queries is not None:
            out.say(_comparison(queries, args.history_gb, load))
    out.answer(
        {
            "workload": asdict(load),
            "usd_a_month": {k: round(v, 2) for k, v in costs.items()},
            "total": round(total, 2),
            "usd_once": {k: round(v, 2) for k, v in once.items()},
            **({"usd_a_settle_run": {k: round(v, 4) for k, v in merge.items()}} if merge else {}),
            **({"settle_minutes": round(settle_minutes(load), 1)} if merge else {}),
            **({"break_even_queries_a_day": round(queries, 2)} if queries is not None and finite else {}),
        }
    )
    return 0


def _comparison(queries: float, history_gb: float, load: Workload) -> str:
    """Whether settled tables pay, for the text form."""
    if math.isinf(queries):
        return (
            f"settled tables never pay: {history_gb:,g} GB of rows are not more than "
            f"{load.items_gb:,g} GB of items"
        )
    return (
        f"settled tables pay from {queries:,.1f} queries of all items a day on, "
        f"with {history_gb:,g} GB of rows and {load.items_gb:,g} GB of items"
    )


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
