"""docs/failures.yaml lists every alarm of the templates, with the metrics that the alarm watches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.stacks import KINDS
from tests.templates.resolver import shipped_template

ROOT = Path(__file__).parents[2]
DATA = yaml.safe_load((ROOT / "docs/failures.yaml").read_text(encoding="utf-8"))
HOPS: list[dict[str, Any]] = DATA["hops"]
FAILURES: list[tuple[str, dict[str, Any]]] = [
    (hop["stack"], failure) for hop in HOPS for failure in hop["failures"]
]
DOCUMENTED = {f"{space} {name}" for space, known in DATA["metrics"].items() for name in known["names"]}
STACKS = [kind.name for kind in KINDS if not kind.unites]


def alarms(stack: str) -> dict[str, dict[str, Any]]:
    """The properties of a template's alarms, by logical id."""
    return {
        logical_id: body["Properties"]
        for logical_id, body in shipped_template(stack)["Resources"].items()
        if body["Type"] == "AWS::CloudWatch::Alarm"
    }


def watched(alarm: dict[str, Any]) -> Iterator[str]:
    """The metrics of an alarm, each as `NAMESPACE NAME`."""
    if "MetricName" in alarm:
        name = alarm["MetricName"]
        name = name["Fn::Sub"].removeprefix("${AWS::StackName}-") if isinstance(name, dict) else name
        yield f"{alarm['Namespace']} {name}"
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            yield f"{metric['Namespace']} {metric['MetricName']}"
        elif found := re.search(r'SELECT \w+\((\w+)\).*SCHEMA\("([^"]+)"', str(query["Expression"])):
            yield f"{found[2]} {found[1]}"


@pytest.mark.parametrize("stack", STACKS)
def test_every_alarm_belongs_to_a_listed_failure(stack: str) -> None:
    """The list contains no alarm that the stack does not have."""
    assert {failure["alarm"] for own, failure in FAILURES if own == stack and "alarm" in failure} == set(
        alarms(stack)
    )


def test_every_failure_has_an_alarm_or_a_reason_for_having_none() -> None:
    """Each failure has exactly one of the two."""
    for hop in HOPS:
        assert hop["stack"] in STACKS
        assert hop["failures"], hop["hop"]
        for failure in hop["failures"]:
            assert set(failure) in ({"what", "shows", "alarm"}, {"what", "shows", "none"}), failure["what"]
            assert len(failure.get("none", failure["what"])) > 15


def test_every_hop_of_the_templates_is_listed() -> None:
    """Every resource that carries changes or calls another is a hop; a new one needs its failures listed."""
    hops = " ".join(hop["hop"].lower() for hop in HOPS)
    carriers = {
        "AWS::DynamoDB::Table": "table →",
        "AWS::Kinesis::Stream": "→ kinesis stream",
        "AWS::KinesisFirehose::DeliveryStream": "→ firehose",
        "AWS::Lambda::Function": " function",
        "AWS::S3::Bucket": "→ bucket of the lake",
        "AWS::Glue::Crawler": "crawler",
        "AWS::Glue::Job": "job → queue",
        "AWS::Events::Rule": "crawler → catalog function",
        "AWS::SQS::Queue": "→ queue of failures",
        "AWS::SQS::QueuePolicy": "→ queue of failures",
        "Custom::DeclaredColumns": "custom resource",
    }
    for name in carriers.values():
        assert name in hops
    runs = re.compile(
        r"AWS::(Lambda::(Function|EventSourceMapping)|Events|Scheduler|SQS|Pipes|StepFunctions|Kinesis|"
        r"KinesisFirehose|DynamoDB|Glue::(Crawler|Job))|Custom::"
    )
    used = {body["Type"] for stack in STACKS for body in shipped_template(stack)["Resources"].values()}
    assert {kind for kind in used if runs.match(kind)} <= set(carriers)
    for kind in ("Transform", "Catalog"):  # each function of the templates
        assert f"{kind.lower()} function" in hops
    functions = {
        logical_id
        for stack in STACKS
        for logical_id, body in shipped_template(stack)["Resources"].items()
        if body["Type"] == "AWS::Lambda::Function"
    }
    assert functions == {"TransformFunction", "CatalogFunction"}


@pytest.mark.parametrize(("stack", "failure"), FAILURES, ids=[failure["what"] for _, failure in FAILURES])
def test_an_alarm_watches_the_metrics_that_show_its_failure(stack: str, failure: dict[str, Any]) -> None:
    """A page documents each metric, and the alarm watches exactly the metrics listed with it."""
    if isinstance(failure["shows"], str):
        return
    assert set(failure["shows"]) <= DOCUMENTED
    if "alarm" in failure:
        assert set(watched(alarms(stack)[failure["alarm"]])) == set(failure["shows"])


def test_every_documented_metric_is_used_and_names_its_page() -> None:
    """Entries that nothing uses would become wrong unnoticed."""
    assert {
        metric for _, failure in FAILURES if isinstance(failure["shows"], list) for metric in failure["shows"]
    } == (DOCUMENTED)
    assert all(len(known["page"]) > 20 for known in DATA["metrics"].values())
