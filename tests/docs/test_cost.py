"""What scripts/core/cost.py computes, and the sums that the pages name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.core import cost
from scripts.core.console import CommandError, Output
from scripts.core.cost import Workload, monthly
from scripts.cost import main
from tests.templates.resolver import shipped_template

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_names_the_same_sums() -> None:
    """Idle, ten changes a second, a hundred, and a hundred with a shard: to the dollar."""
    loads = [(0, 0), (10, 0), (100, 0), (100, 1)]
    sums = [sum(monthly(Workload(changes_per_second=n, stream_shards=s)).values()) for n, s in loads]
    said = re.search(
        r"about (\d+) USD a month, .* ten changes a second about (\d+), a hundred about (\d+), or (\d+) ",
        README.read_text(),
    )
    assert said
    assert [int(usd) for usd in said.groups()] == [round(usd) for usd in sums]


def _alarm_metrics(kind: str, condition: str | None = None) -> int:
    """Metrics that the alarms of a template watch: one, or those an expression reads (a query is one)."""
    return sum(
        max(1, sum("MetricStat" in metric for metric in body["Properties"].get("Metrics", [])))
        for body in shipped_template(kind)["Resources"].values()
        if body["Type"] == "AWS::CloudWatch::Alarm" and body.get("Condition") == condition
    )


def test_alarms_are_counted_as_the_templates_have_them() -> None:
    """CloudWatch bills each metric of an alarm; conditions of alarms are those that the costs know."""
    assert _alarm_metrics("consumer") + _alarm_metrics("producer") == cost.ALARM_METRICS
    assert _alarm_metrics("single-account") == cost.ALARM_METRICS
    assert _alarm_metrics("producer", "PartitionsByEvent") == cost.PARTITION_ALARM_METRICS
    assert _alarm_metrics("columnar") == cost.COMPACTION_ALARM_METRICS
    conditions = {
        body.get("Condition")
        for kind in ("consumer", "producer", "columnar")
        for body in shipped_template(kind)["Resources"].values()
        if body["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert conditions == {None, "PartitionsByEvent"}


def test_an_idle_pipeline_costs_its_standing_parts_only() -> None:
    """With no change the stream's hours, the crawler, keys, alarms and queries remain."""
    costs = monthly(Workload(changes_per_second=0))
    assert {name for name, usd in costs.items() if usd == 0} == {
        "DynamoDB change capture",
        "Firehose",
        "Transform function",
        "S3 requests and a month of rows",
        "Glue compaction job",
    }


def test_small_records_are_billed_as_five_kilobytes() -> None:
    """Firehose rounds every record up to 5 KB (facts of the Firehose pricing page)."""
    small, full = (monthly(Workload(record_kb=size))["Firehose"] for size in (0.5, 5.0))
    assert small == full


def test_a_second_day_of_retention_costs_money() -> None:
    """The first 24 hours are included."""
    day, week = (monthly(Workload(retention_hours=hours))["Kinesis stream"] for hours in (24, 168))
    assert day < week


def test_a_negative_figure_is_refused_by_its_option_name() -> None:
    """The message names the option as it is typed."""
    with pytest.raises(CommandError, match="--item-kb"):
        Workload(item_kb=-1)


def test_partitions_by_event_are_billed_on_top() -> None:
    """By gigabyte and by object delivered (Firehose pricing page, Dynamic Partitioning), and one alarm."""
    loads = [Workload(partition_by=day, buffer_seconds=60) for day in ("delivery", "event")]
    plain, dated = map(monthly, loads)
    gigabytes = plain["Firehose"] / 0.029
    objects = 730 * 60
    assert dated["Firehose"] == pytest.approx(plain["Firehose"] + gigabytes * 0.020 + objects / 1000 * 0.005)
    assert {name for name in plain if dated[name] != plain[name]} == {"Firehose", "CloudWatch alarms"}


def test_compaction_costs_its_minutes_and_an_alarm() -> None:
    """Two DPU by the second (Glue pricing page); five minutes a night are what docs/columnar.md says."""
    plain, compacted = (monthly(Workload(compaction_minutes_a_day=minutes)) for minutes in (0, 5))
    assert compacted["Glue compaction job"] == pytest.approx(2.23, abs=0.01)
    changed = {name for name in plain if compacted[name] != plain[name]}
    assert changed == {"Glue compaction job", "CloudWatch alarms"}


def test_a_month_beyond_all_numbers_is_refused() -> None:
    """Infinity is no JSON."""
    with pytest.raises(CommandError, match="too large to calculate"):
        main(["--changes-per-second", "1e308"], Output("json"))


def test_an_unknown_day_is_refused() -> None:
    """Delivery or event."""
    with pytest.raises(CommandError, match="--partition-by is week"):
        Workload(partition_by="week")
