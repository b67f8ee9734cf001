"""The costs that scripts/core/cost.py computes, and those that the pages state."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scripts.core import cost
from scripts.core.console import CommandError, Output
from scripts.core.cost import Workload, monthly
from scripts.cost import main
from settled.names import FOLDER
from tests.templates.resolver import shipped_template

HOURS_A_MONTH = 730.0
README = Path(__file__).parents[2] / "README.md"


def test_the_readme_shows_the_computed_costs() -> None:
    """Idle, ten changes a second, a hundred, and a hundred with a shard: to the dollar."""
    loads = [(0, 0), (10, 0), (100, 0), (100, 1)]
    sums = [sum(monthly(Workload(changes_per_second=n, stream_shards=s)).values()) for n, s in loads]
    shown = re.findall(r"^\| (\w+) .*\| about (\d+) \|$", README.read_text(), re.MULTILINE)
    assert shown == [
        (load, str(round(usd))) for load, usd in zip(("idle", "10", "100", "100"), sums, strict=True)
    ]


def _alarm_metrics(kind: str, condition: str | None = None) -> int:
    """The number of metrics that the alarms of a template watch; a Metrics Insights query counts as one."""
    return sum(
        max(1, sum("MetricStat" in metric for metric in body["Properties"].get("Metrics", [])))
        for body in shipped_template(kind)["Resources"].values()
        if body["Type"] == "AWS::CloudWatch::Alarm" and body.get("Condition") == condition
    )


def test_the_counted_alarms_are_those_of_the_templates() -> None:
    """CloudWatch bills each metric of an alarm. No alarm has a condition that the costs leave out."""
    assert _alarm_metrics("consumer") + _alarm_metrics("producer") == cost.ALARM_METRICS
    assert _alarm_metrics("single-account") == cost.ALARM_METRICS
    assert _alarm_metrics("producer", "PartitionsByEvent") == cost.PARTITION_ALARM_METRICS
    settle = _alarm_metrics("tables") + _alarm_metrics("tables", "RunsOnSchedule")
    assert settle == cost.SETTLE_ALARM_METRICS
    assert _alarm_metrics("spark-sql") == cost.SQL_ALARM_METRICS
    conditions = {
        body.get("Condition")
        for kind in ("consumer", "producer", "tables", "spark-sql", "backfill")
        for body in shipped_template(kind)["Resources"].values()
        if body["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert conditions == {None, "PartitionsByEvent", "RunsOnSchedule"}


def test_an_idle_pipeline_costs_only_its_fixed_parts() -> None:
    """Without changes, the stream's hours, the crawler, keys, alarms and queries remain."""
    costs = monthly(Workload(changes_per_second=0))
    assert {name for name, usd in costs.items() if usd == 0} == {
        "DynamoDB change capture",
        "Firehose",
        "Transform function",
        "S3 requests and a month of rows",
        "Glue settle job",
        "Glue Spark SQL job",
        "S3, settled tables",
    }


def test_small_records_are_billed_as_five_kilobytes() -> None:
    """Firehose rounds every record up to 5 KB (Firehose pricing page)."""
    small, full = (monthly(Workload(record_kb=size))["Firehose"] for size in (0.5, 5.0))
    assert small == full


def test_a_second_day_of_retention_costs_money() -> None:
    """The first 24 hours are included."""
    day, week = (monthly(Workload(retention_hours=hours))["Kinesis stream"] for hours in (24, 168))
    assert day < week


def test_a_negative_value_is_rejected_with_the_name_of_its_option() -> None:
    """The message contains the option as the user types it."""
    with pytest.raises(CommandError, match="--item-kb"):
        Workload(item_kb=-1)


def test_partitioning_by_event_adds_to_the_bill() -> None:
    """Per gigabyte and per delivered object (Firehose pricing page, Dynamic Partitioning), and one alarm."""
    loads = [Workload(partition_by=day, buffer_seconds=60) for day in ("delivery", "event")]
    plain, dated = map(monthly, loads)
    gigabytes = plain["Firehose"] / 0.029
    objects = 730 * 60
    assert dated["Firehose"] == pytest.approx(plain["Firehose"] + gigabytes * 0.020 + objects / 1000 * 0.005)
    assert {name for name in plain if dated[name] != plain[name]} == {"Firehose", "CloudWatch alarms"}


def test_settled_tables_add_their_job_storage_and_alarms() -> None:
    """Two DPU, billed per second and at least a minute (Glue pricing page), at hourly runs of two minutes."""
    plain, settled = (monthly(Workload(settle_runs_a_day=runs, settle_minutes=2)) for runs in (0, 24))
    assert settled["Glue settle job"] == pytest.approx(24 * HOURS_A_MONTH / 24 * 2 / 60 * 2 * 0.44)
    changed = {name for name in plain if settled[name] != plain[name]}
    assert changed == {"Glue settle job", "S3, settled tables", "CloudWatch alarms"}
    short = monthly(Workload(settle_runs_a_day=24, settle_minutes=0.2))["Glue settle job"]
    assert short == pytest.approx(settled["Glue settle job"] / 2)


def test_statements_cost_their_workers_minutes_and_an_alarm() -> None:
    """A G.1X worker is one DPU, billed per second and at least a minute (Glue pricing page)."""
    plain, daily = (monthly(Workload(sql_runs_a_day=runs, sql_minutes=30)) for runs in (0, 1))
    assert daily["Glue Spark SQL job"] == pytest.approx(HOURS_A_MONTH / 24 * 0.5 * 2 * 0.44)
    assert {name for name in plain if daily[name] != plain[name]} == {
        "Glue Spark SQL job",
        "CloudWatch alarms",
    }
    assert daily["CloudWatch alarms"] - plain["CloudWatch alarms"] == pytest.approx(0.10)
    many = monthly(Workload(sql_runs_a_day=1, sql_minutes=30, sql_workers=10))["Glue Spark SQL job"]
    assert many == pytest.approx(5 * daily["Glue Spark SQL job"])
    short, minute = (monthly(Workload(sql_runs_a_day=1, sql_minutes=minutes)) for minutes in (0.2, 1))
    assert short == minute


def test_the_page_shows_the_computed_cost_of_statements(capsys: pytest.CaptureFixture[str]) -> None:
    """The figure of docs/cost.md is that of its command."""
    page = (README.parent / "docs" / "cost.md").read_text()
    [(command, usd)] = re.findall(r"`python -m scripts\.cost (--sql-[^`]+)` computes ([\d.]+) USD", page)
    words = command.split()
    assert main([*words, "--output", "json"], Output("json")) == 0
    assert usd == f"{json.loads(capsys.readouterr().out)['usd_a_month']['Glue Spark SQL job']:.2f}"


def test_the_run_time_is_estimated_from_the_items() -> None:
    """A run has a start and reads and writes all items; minutes that are given replace the estimate."""
    minutes = [cost.settle_minutes(Workload(items_gb=size)) for size in (0, 10, 20)]
    assert minutes[0] == cost.SETTLE_START_MINUTES
    assert minutes[2] - minutes[1] == pytest.approx(minutes[1] - minutes[0])
    assert minutes[1] > minutes[0]
    assert cost.settle_minutes(Workload(items_gb=20, settle_minutes=3)) == 3


def test_a_run_costs_its_share_of_the_month() -> None:
    """A day's runs, thirty times: the job, the requests, and the replaced files as long as they are kept."""
    load = Workload(settle_runs_a_day=24, items_gb=1000, changes_per_second=0)
    month, once = monthly(load), cost.per_merge(load)
    runs = 24 * HOURS_A_MONTH / 24
    assert once["Glue settle job"] * runs == pytest.approx(month["Glue settle job"])
    stored = (once["S3 requests"] + once["S3, the replaced files"]) * runs + 1000 * 0.023
    assert stored == pytest.approx(month["S3, settled tables"])


def test_replaced_files_are_stored_until_their_snapshot_expires() -> None:
    """Hourly runs keep 24 copies a day: for as long as snapshots, and a day as older versions."""
    kept = [
        monthly(Workload(settle_runs_a_day=24, items_gb=10, snapshot_hours=hours))["S3, settled tables"]
        for hours in (24, 168)
    ]
    assert kept[1] - kept[0] == pytest.approx(24 * 6 * 10 * 0.023)


def test_the_lifecycle_that_the_costs_assume_is_the_lakes() -> None:
    """A deleted file of a settled table is gone after a day: its rows are in the raw objects."""
    rules = shipped_template("consumer")["Resources"]["LakeBucket"]["Properties"]["LifecycleConfiguration"][
        "Rules"
    ]
    (rule,) = [rule for rule in rules if rule.get("Prefix")]
    assert rule["Prefix"] == FOLDER
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == cost.SETTLED_VERSION_DAYS


def test_more_history_needs_fewer_queries_to_pay() -> None:
    """A raw query reads the history, a settled one the items. With less history than items, it never pays."""
    load = Workload(settle_runs_a_day=24)
    queries = [cost.break_even(load, gigabytes) for gigabytes in (10, 100, 1000)]
    assert queries == sorted(queries, reverse=True)
    assert cost.break_even(load, 0.5) == float("inf")
    # At the break-even, both cost the same.
    scanned = queries[1] * HOURS_A_MONTH / 24
    raw = sum(monthly(Workload(gb_queried=scanned * 100)).values())
    settled = sum(monthly(Workload(settle_runs_a_day=24, gb_queried=scanned * 1)).values())
    assert settled + 100 * cost.SETTLED_SHARE * 0.023 == pytest.approx(raw)


def test_the_page_shows_the_computed_break_even() -> None:
    """The table of docs/cost.md: queries of all items a day, by items and history, at hourly runs."""
    page = (README.parent / "docs" / "cost.md").read_text()
    shown = re.findall(
        r"^\| (\d+) GB \| ([\d.]+) \| ([\d.]+) USD \| (\S+) \| (\S+) \| (\S+) \|$", page, re.MULTILINE
    )
    assert len(shown) == 3
    for gigabytes, minutes, usd, *queries in shown:
        load = Workload(settle_runs_a_day=24, items_gb=float(gigabytes))
        assert minutes == f"{cost.settle_minutes(load):.0f}"
        plain = Workload(items_gb=float(gigabytes))
        more = sum(monthly(load).values()) - sum(monthly(plain).values())
        assert usd == f"{more:.0f}"
        found = [cost.break_even(load, history) for history in (100, 1_000, 10_000)]
        assert queries == ["never" if q == float("inf") else f"{q:.1f}" for q in found]


def test_the_page_shows_the_computed_cost_of_a_run() -> None:
    """The table of docs/cost.md: one run that writes all items again."""
    page = (README.parent / "docs" / "cost.md").read_text()
    shown = re.findall(
        r"^\| ([\d,]+) GB \| ([\d.]+) \| ([\d.]+) USD \| ([\d.]+) USD \| ([\d.]+) USD \|$", page, re.MULTILINE
    )
    assert [size for size, *_ in shown] == ["10", "1,000"]
    for size, hours, *usd in shown:
        load = Workload(items_gb=float(size.replace(",", "")))
        assert hours == f"{load.items_gb * cost.SETTLE_CORE_SECONDS_A_GB / 3600:.1f}"
        assert usd == [f"{one:.2f}" for one in cost.per_merge(load).values()]


def test_history_is_compared_only_with_settled_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Without runs there is nothing to compare; with them, the answer is a number of queries."""
    with pytest.raises(CommandError, match="no run settles them"):
        main(["--history-gb", "100"], Output())
    with pytest.raises(CommandError, match="--history-gb is -1"):
        main(["--history-gb", "-1"], Output())
    given = ["--history-gb", "100", "--settle-runs-a-day", "24"]
    assert main([*given, "--output", "json"], Output("json")) == 0
    answer = json.loads(capsys.readouterr().out)
    load = Workload(settle_runs_a_day=24)
    assert answer["break_even_queries_a_day"] == round(cost.break_even(load, 100), 2)
    assert answer["settle_minutes"] == round(cost.settle_minutes(load), 1)
    assert answer["usd_a_settle_run"] == {k: round(v, 4) for k, v in cost.per_merge(load).items()}
    assert main(given, Output()) == 0
    assert "queries of all items a day on, with 100 GB of rows" in capsys.readouterr().err


def test_costs_that_overflow_a_number_are_rejected() -> None:
    """JSON has no infinity."""
    with pytest.raises(CommandError, match="too large for a number"):
        main(["--changes-per-second", "1e308"], Output("json"))


def test_an_unknown_partitioning_is_rejected() -> None:
    """Only `delivery` and `event` exist."""
    with pytest.raises(CommandError, match="--partition-by is week"):
        Workload(partition_by="week")


def test_the_total_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The table on stdout ends with it, and nothing follows."""
    assert main([], Output()) == 0
    said = capsys.readouterr()
    total = f"{sum(monthly(Workload()).values()):,.2f}"
    assert (said.out.count(total), said.err) == (1, "")
    assert said.out.rstrip().splitlines()[-1].split() == ["total", total]


def test_a_backfill_costs_its_export_and_job_once() -> None:
    """500 GB of 1 KB items: the export by the GB, the job by its hours, the rows by their compressed size."""
    items = 500 * cost.GIB / 1024
    costs = cost.backfill(500 * cost.GIB, scanned=False, dpu_hours=2, items=items, row_kb=0.3)
    assert costs == pytest.approx(
        {"DynamoDB export": 50.0, "Glue backfill job": 0.88, "S3, a month of its rows": 500 * 0.3 * 0.023}
    )


def test_the_guide_shows_the_computed_cost_of_a_backfill(capsys: pytest.CaptureFixture[str]) -> None:
    """The figures of docs/existing-table.md are those of `scripts.cost --backfill-gb 500`."""
    assert main(["--backfill-gb", "500", "--output", "json"], Output("json")) == 0
    once = json.loads(capsys.readouterr().out)["usd_once"]
    page = (README.parent / "docs" / "existing-table.md").read_text()
    shown = dict(
        re.findall(r"^\| (DynamoDB export|Glue backfill job|S3, .*?) \| ([0-9.]+) \|$", page, re.MULTILINE)
    )
    assert {name: float(usd) for name, usd in shown.items()} == once


def test_a_negative_size_of_a_backfill_is_refused() -> None:
    """No table has less than nothing."""
    with pytest.raises(CommandError, match="--backfill-gb"):
        main(["--backfill-gb", "-1"], Output())
