"""The cost of a month of the pipeline, computed from the workload and list prices.

Storage, reads and writes of the table itself are left out: they cost the same without the lake.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

from scripts.core.console import CommandError

HOURS = 730.0  # a month on the AWS pricing pages
_DAYS = HOURS / 24
GIB = 2.0**30
MILLION = 1e6
READ_UNIT_BYTES = 4096
LEAST_EXPORT_BYTES = 10_000_000  # billed for an incremental export

# USD, us-east-1, list prices of autumn 2026. Each name contains its unit; the first line of a service has its
# pricing page.
PRICES = {
    "dynamodb_per_million_change_units": 0.10,  # Amazon DynamoDB pricing: a unit is 1 KB of the larger image
    "dynamodb_export_gb": 0.10,  # the same page, data export to Amazon S3
    "dynamodb_million_read_units": 0.125,  # on demand; a unit is a consistent read of 4 KB
    "dynamodb_million_write_units": 0.625,  # on demand; a unit is a write of 1 KB
    "kinesis_on_demand_stream_hour": 0.04,  # Amazon Kinesis Data Streams pricing, On-demand Standard
    "kinesis_on_demand_gb_in": 0.08,  # each record rounded up to 1 KB
    "kinesis_on_demand_gb_out": 0.04,
    "kinesis_on_demand_retention_gb_month": 0.10,  # from 24 hours to 7 days
    "kinesis_shard_hour": 0.015,  # provisioned
    "kinesis_shard_million_put_units": 0.014,  # a unit is 25 KB
    "kinesis_shard_retention_hour": 0.020,  # from 24 hours to 7 days
    "firehose_gb": 0.029,  # Amazon Data Firehose pricing, first 500 TB; each record rounded up to 5 KB
    "firehose_partitioned_gb": 0.020,  # the same page, Dynamic Partitioning: by GB and object delivered
    "firehose_thousand_partitioned_objects": 0.005,
    "lambda_million_requests": 0.20,  # AWS Lambda pricing
    "lambda_arm_gb_second": 0.0000133334,
    "s3_gb_month": 0.023,  # Amazon S3 pricing, Standard
    "s3_thousand_puts": 0.005,
    "kms_key_month": 1.00,  # AWS KMS pricing
    "kms_ten_thousand_requests": 0.03,
    "alarm_month": 0.10,  # Amazon CloudWatch pricing, standard resolution, for each metric of an alarm
    "glue_dpu_hour": 0.44,  # AWS Glue pricing; a crawler run is billed for at least 10 minutes
    "athena_tb_scanned": 5.00,  # Amazon Athena pricing
}

CRAWLER_DPUS = 2  # [unverified] no AWS page states how many a crawler uses
CRAWLER_HOURS = 10 / 60
# Spark jobs are billed per second and at least a minute (AWS Glue pricing). A G.1X worker is one DPU.
LEAST_JOB_MINUTES = 1.0
# The option stack `tables`. Its default is two G.1X workers.
SETTLE_DPUS = 2
# 93.0 MB of gzip became 59.1 MB of Parquet: 1,137,390 rows of the soak's generators, zstd.
SETTLED_SHARE = 0.64
# The fixed time of a run, and the time per GB to read the items and write them again: measured on two cores
# and few items (benchmarks/README.md), so this is an extrapolation. [unverified] on Glue.
SETTLE_START_MINUTES = 1.0
SETTLE_CORE_SECONDS_A_GB = 100.0
SETTLE_CORES = 4  # of the worker that computes; the other one is the driver
# Files of a run: the parts of the items, at least 16, of 128 MB; the days' changes, metadata of three tables.
SETTLED_PARTS, SETTLED_PARTS_A_GB = 16, 8
SETTLED_OTHER_FILES_A_RUN = 44  # [unverified] on AWS
SETTLED_VERSION_DAYS = 1  # a deleted file stays so long as an older version: the lake bucket's lifecycle
KEYS = 2
# CloudWatch bills each metric that an alarm watches; a test counts them in the templates.
ALARM_METRICS = 15
PARTITION_ALARM_METRICS = 1
SETTLE_ALARM_METRICS = 3
SQL_ALARM_METRICS = 1
FUNCTION_GB_SECONDS_PER_MILLION = (
    60.0  # 30,000 changes a second with 1,769 MB: benchmarks/, not measured on Lambda
)


@dataclass(frozen=True, slots=True)
class Workload:
    """The workload of a month: averages; sizes in KB of 1,024 bytes; one stream and one delivery stream."""

    changes_per_second: float = 10.0
    item_kb: float = 1.0
    record_kb: float = 2.5  # both images and the envelope
    row_compressed_kb: float = 0.3
    stream_shards: int = 0  # 0 is on-demand
    retention_hours: int = 168
    buffer_seconds: int = 60
    crawls_a_month: float = 30.0
    gb_queried: float = 10.0
    partition_by: str = "delivery"  # or "event": Firehose bills it as dynamic partitioning
    settle_runs_a_day: float = 0.0  # of the option stack `tables`; 0 without that stack
    settle_minutes: float = 0.0  # run time of one run; 0: estimated from the items (`settle_minutes`)
    items_gb: float = 1.0  # the current items as Parquet
    snapshot_hours: float = 168.0  # how long replaced files of the items are kept
    sql_runs_a_day: float = 0.0  # of the option stack `spark-sql`; 0 without that stack
    sql_minutes: float = 5.0  # run time of one run
    sql_workers: float = 2.0  # G.1X workers, the default of the stack

    def __post_init__(self) -> None:
        if self.partition_by not in ("delivery", "event"):
            raise CommandError(f"--partition-by is {self.partition_by}", "Use delivery or event.")
        for name, value in asdict(self).items():
            if name != "partition_by" and (value < 0 or not math.isfinite(value)):
                raise CommandError(f"--{name.replace('_', '-')} is {value}", "Give 0 or a larger number.")

    @property
    def changes(self) -> float:
        """Changes per month."""
        return self.changes_per_second * HOURS * 3600


def monthly(load: Workload) -> dict[str, float]:
    """USD a month for `load`, by service; the sum of the values is the total."""
    return {
        "DynamoDB change capture": load.changes
        * math.ceil(load.item_kb)
        / MILLION
        * PRICES["dynamodb_per_million_change_units"],
        "Kinesis stream": _stream(load),
        "Firehose": _firehose(load),
        "Transform function": _function(load),
        "S3 requests and a month of rows": _objects(load) / 1000 * PRICES["s3_thousand_puts"]
        + load.changes * load.row_compressed_kb * 1024 / GIB * PRICES["s3_gb_month"],
        "Glue crawler": load.crawls_a_month * CRAWLER_DPUS * CRAWLER_HOURS * PRICES["glue_dpu_hour"],
        "Glue settle job": load.settle_runs_a_day * _DAYS * _settle_run(load),
        "Glue Spark SQL job": load.sql_runs_a_day * _DAYS * _job(load.sql_minutes, load.sql_workers),
        "S3, settled tables": _settled(load),
        "Athena": load.gb_queried / 1024 * PRICES["athena_tb_scanned"],
        "KMS keys and requests": KEYS * PRICES["kms_key_month"]
        + _objects(load) / 10_000 * PRICES["kms_ten_thousand_requests"],
        "CloudWatch alarms": _alarm_metrics(load) * PRICES["alarm_month"],
    }


def settle_minutes(load: Workload) -> float:
    """Run time of one run with two G.1X workers that writes all items again: as given, else estimated."""
    core_seconds = load.items_gb * SETTLE_CORE_SECONDS_A_GB
    return load.settle_minutes or SETTLE_START_MINUTES + core_seconds / SETTLE_CORES / 60


def per_merge(load: Workload) -> dict[str, float]:
    """USD for one run that writes all items again, by service: the job, the requests, the replaced files."""
    days = load.snapshot_hours / 24 + SETTLED_VERSION_DAYS
    return {
        "Glue settle job": _settle_run(load),
        "S3 requests": _settled_files(load) / 1000 * PRICES["s3_thousand_puts"],
        "S3, the replaced files": load.items_gb * days / _DAYS * PRICES["s3_gb_month"],
    }


def break_even(load: Workload, history_gb: float) -> float:
    """Queries of all items a day from which settled tables cost less than raw queries; infinite if never.

    A raw query reads the rows of the whole history, a settled one the items and the rows of the last run's
    hour, which are left out here.

    :param load: a workload with runs of the settle job
    :param history_gb: compressed rows of the whole history
    """
    costs = monthly(load)
    plain = monthly(replace(load, settle_runs_a_day=0.0))
    more = sum(costs.values()) - sum(plain.values()) + history_gb * SETTLED_SHARE * PRICES["s3_gb_month"]
    saved = (history_gb - load.items_gb) / 1024 * PRICES["athena_tb_scanned"]
    return more / saved / _DAYS if saved > 0 else math.inf


def backfill(
    table_bytes: float, *, scanned: bool, dpu_hours: float = 0.0, items: float = 0.0, row_kb: float = 0.0
) -> dict[str, float]:
    """USD once for the backfill of a table of this size, by service: the export or the scan, and the job.

    With the number of items and the size of a compressed row, also a month of the rows in S3.
    """
    costs = (
        {"DynamoDB scan": table_bytes / READ_UNIT_BYTES / MILLION * PRICES["dynamodb_million_read_units"]}
        if scanned
        else {"DynamoDB export": table_bytes / GIB * PRICES["dynamodb_export_gb"]}
    )
    if dpu_hours:
        costs["Glue backfill job"] = dpu_hours * PRICES["glue_dpu_hour"]
    if items:
        costs["S3, a month of its rows"] = items * row_kb * 1024 / GIB * PRICES["s3_gb_month"]
    return costs


def heal(exports: int) -> float:
    """USD once for this many incremental exports, at least: each is billed for its changes, at least 10 MB.

    Source: DynamoDB Developer Guide, "DynamoDB data export to Amazon S3: how it works".
    """
    return exports * LEAST_EXPORT_BYTES / GIB * PRICES["dynamodb_export_gb"]


def _stream(load: Workload) -> float:
    """Hours, bytes in and out, and the retention after the first day."""
    extended_hours = max(0, min(load.retention_hours, 168) - 24)
    if load.stream_shards:
        hours = load.stream_shards * HOURS
        units = load.changes * math.ceil(load.record_kb / 25) / MILLION
        return (
            hours * PRICES["kinesis_shard_hour"]
            + units * PRICES["kinesis_shard_million_put_units"]
            + (hours * PRICES["kinesis_shard_retention_hour"] if extended_hours else 0.0)
        )
    gigabytes = _gigabytes(load, rounded_to_kb=1)
    kept = gigabytes / HOURS * extended_hours
    return (
        HOURS * PRICES["kinesis_on_demand_stream_hour"]
        + gigabytes * (PRICES["kinesis_on_demand_gb_in"] + PRICES["kinesis_on_demand_gb_out"])
        + kept * PRICES["kinesis_on_demand_retention_gb_month"]
    )


def _firehose(load: Workload) -> float:
    """Bytes in; with partitions, bytes and objects out too.

    The pricing page does not say whether delivered bytes count before or after compression. This counts the
    bytes that came in, which is more than both.
    """
    gigabytes = _gigabytes(load, rounded_to_kb=5)
    if load.partition_by == "delivery":
        return gigabytes * PRICES["firehose_gb"]
    return (
        gigabytes * (PRICES["firehose_gb"] + PRICES["firehose_partitioned_gb"])
        + _objects(load) / 1000 * PRICES["firehose_thousand_partitioned_objects"]
    )


def _function(load: Workload) -> float:
    """Requests of one MiB of records each; at least one every ten seconds while there is traffic."""
    requests = max(load.changes * load.record_kb / 1024, min(load.changes, HOURS * 3600 / 10))
    return (
        requests / MILLION * PRICES["lambda_million_requests"]
        + load.changes / MILLION * FUNCTION_GB_SECONDS_PER_MILLION * PRICES["lambda_arm_gb_second"]
    )


def _job(minutes: float, dpus: float) -> float:
    """USD for a run of a Glue Spark job, which uses so many DPU."""
    return max(minutes, LEAST_JOB_MINUTES) / 60 * dpus * PRICES["glue_dpu_hour"]


def _settle_run(load: Workload) -> float:
    """USD for the workers of one run of the settle job."""
    return _job(settle_minutes(load), SETTLE_DPUS)


def _settled_files(load: Workload) -> float:
    """Files that a run writes."""
    return SETTLED_OTHER_FILES_A_RUN + max(SETTLED_PARTS, load.items_gb * SETTLED_PARTS_A_GB)


def _settled(load: Workload) -> float:
    """A month of changes, the items with the copies that snapshots keep, and the requests that write them.

    Each run writes every part again in which an item has changed: here, all of them.
    """
    if not load.settle_runs_a_day:
        return 0.0
    copies = 1 + load.settle_runs_a_day * (load.snapshot_hours / 24 + SETTLED_VERSION_DAYS)
    changes = load.changes * load.row_compressed_kb * 1024 / GIB * SETTLED_SHARE
    files = load.settle_runs_a_day * _DAYS * _settled_files(load)
    stored = (changes + load.items_gb * copies) * PRICES["s3_gb_month"]
    return stored + files / 1000 * PRICES["s3_thousand_puts"]


def _alarm_metrics(load: Workload) -> int:
    """The number of metrics that the alarms of the workload's stacks watch."""
    return (
        ALARM_METRICS
        + PARTITION_ALARM_METRICS * (load.partition_by == "event")
        + SETTLE_ALARM_METRICS * (load.settle_runs_a_day > 0)
        + SQL_ALARM_METRICS * (load.sql_runs_a_day > 0)
    )


def _objects(load: Workload) -> float:
    """Objects a month: one per buffer interval while there is traffic."""
    return min(load.changes, HOURS * 3600 / max(load.buffer_seconds, 1))


def _gigabytes(load: Workload, *, rounded_to_kb: int) -> float:
    """GiB a month, with each record rounded up as the services bill it."""
    return load.changes * math.ceil(load.record_kb / rounded_to_kb) * rounded_to_kb * 1024 / GIB
