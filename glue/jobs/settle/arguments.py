"""The job's arguments."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Arguments:
    """The settings of one run. Times are in hours or minutes as named, sizes in bytes."""

    database: str
    bucket: str
    region: str
    workgroup: str = ""
    catalog_function: str = ""
    tables: tuple[str, ...] = ()
    buckets: int = 16
    checked_days: int = 40
    batch_bytes: int = 10 * 1024**3
    margin_minutes: float = 10
    repeat_minutes: float = 0
    maintain_hours: float = 24
    keep_snapshot_hours: float = 168
    run: str = "by hand"

    @property
    def location(self) -> str:
        """The lake's address, which its settled tables record as their owner."""
        return f"s3://{self.bucket}/"


def options() -> argparse.ArgumentParser:
    """The options. Glue passes more, which are ignored."""
    parser = argparse.ArgumentParser(
        "settle_changes", description="Take raw objects into the settled tables.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--database", required=True, help="the lake's Glue database")
    add("--lake-bucket", required=True, help="the lake's bucket")
    add("--lake-region", required=True, help="the lake's Region")
    add("--workgroup", default="", help="the Athena workgroup that creates the view unsettled_changes")
    add("--catalog-function", default="", help="the function that declares new columns of `changes`")
    add("--source-tables", default="", help="only these DynamoDB tables, separated by commas (default: all)")
    add("--item-buckets", type=int, default=16, help="parts of settled_items_… that are rewritten as a whole")
    add("--checked-days", type=int, default=40, help="days whose objects every run lists; once a day, all")
    add("--batch-bytes", type=int, default=10 * 1024**3, help="raw bytes that are appended in one commit")
    add("--margin-minutes", type=float, default=10, help="minutes after which the view leaves out an object")
    add(
        "--repeat-minutes", type=float, default=0, help="go on with small runs for so long (default: one run)"
    )
    add("--maintain-hours", type=float, default=24, help="hours between two runs that maintain the tables")
    add("--keep-snapshot-hours", type=float, default=168, help="hours that a snapshot can be read")
    add("--JOB_RUN_ID", default="by hand", help="set by Glue")
    return parser


def read(arguments: Sequence[str]) -> Arguments:
    """The arguments of a run."""
    given, _ = options().parse_known_args(arguments)
    return Arguments(
        database=given.database,
        bucket=given.lake_bucket,
        region=given.lake_region,
        workgroup=given.workgroup,
        catalog_function=given.catalog_function,
        tables=tuple(name.strip() for name in given.source_tables.split(",") if name.strip()),
        buckets=given.item_buckets,
        checked_days=given.checked_days,
        batch_bytes=given.batch_bytes,
        margin_minutes=given.margin_minutes,
        repeat_minutes=given.repeat_minutes,
        maintain_hours=given.maintain_hours,
        keep_snapshot_hours=given.keep_snapshot_hours,
        run=given.JOB_RUN_ID,
    )
