"""The shipped templates as launched: with default values, the second stack with the outputs of the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.stacks import ARTIFACTS, STACKS
from tests.templates.resolver import Stack, shipped_template

PRODUCER, CONSUMER = "111111111111", "222222222222"

# Parameters that every launch must set, because no default could be right.
REQUIRED = {
    "ArtifactBucketName": "artifacts",
    "TargetTableArns": "arn:aws:dynamodb:us-east-1:222222222222:table/orders-per-day",
    **{
        name: f"{artifact.folder}/{artifact.name}{'.gluewheels.zip' if name.endswith('WheelsKey') else ''}"
        for name, artifact in ARTIFACTS.items()
    },
}


def consumer(**parameters: Any) -> Stack:
    """The consumer stack, launched with its defaults except `parameters`."""
    return _launched("consumer", "ddb-lake-consumer", CONSUMER, {"ProducerAccountId": PRODUCER, **parameters})


def producer(lake: Stack | None = None, /, **parameters: Any) -> Stack:
    """The producer stack, with a consumer stack's outputs, as `scripts.deploy --outputs-of` sets them."""
    outputs = (lake or consumer()).outputs
    filled = {name: outputs[name] for name in STACKS["producer"].takes if name in outputs}
    return _launched("producer", "ddb-lake-producer", PRODUCER, {**filled, **parameters})


def single_account(**parameters: Any) -> Stack:
    """Both in one account."""
    return _launched("single-account", "ddb-lake", PRODUCER, parameters)


def tables(lake: Stack | None = None, **parameters: Any) -> Stack:
    """The option stack for settled tables, with the outputs of a lake, in the account of the lake."""
    lake = lake or consumer()
    filled = {name: lake.outputs[name] for name in STACKS["tables"].takes if name in lake.outputs}
    return _launched("tables", "ddb-lake-tables", lake.account, {**filled, **parameters})


def backfill(lake: Stack | None = None, **parameters: Any) -> Stack:
    """The option stack for exports, with the outputs of a lake, in the account of the lake."""
    lake = lake or consumer()
    filled = {name: lake.outputs[name] for name in STACKS["backfill"].takes if name in lake.outputs}
    return _launched("backfill", "ddb-lake-backfill", lake.account, {**filled, **parameters})


def spark_sql(lake: Stack | None = None, **parameters: Any) -> Stack:
    """The option stack for statements, with the outputs of a lake, in the account of the lake."""
    lake = lake or consumer()
    filled = {name: lake.outputs[name] for name in STACKS["spark-sql"].takes if name in lake.outputs}
    return _launched("spark-sql", "ddb-lake-spark-sql", lake.account, {**filled, **parameters})


def export(landing: Stack | None = None, table: Stack | None = None, **parameters: Any) -> Stack:
    """The option stack with the export role, with the outputs of both stacks that it takes."""
    landing, table = landing or backfill(), table or producer()
    filled = {name: landing.outputs[name] for name in STACKS["export"].takes if name in landing.outputs}
    filled |= {name: table.outputs[name] for name in STACKS["export"].takes_beside}
    return _launched("export", "ddb-lake-export", table.account, {**filled, **parameters})


def _launched(kind: str, name: str, account: str, parameters: Mapping[str, Any]) -> Stack:
    template = shipped_template(kind)
    required = {key: value for key, value in REQUIRED.items() if key in template["Parameters"]}
    return Stack(template, name=name, account=account, parameters={**required, **parameters})


def broken_rules(stack: Stack) -> list[str]:
    """The Rules of the template that its parameters break: CloudFormation refuses such a launch."""
    broken = []
    for name, rule in stack.template.get("Rules", {}).items():
        if "RuleCondition" in rule and not stack.value(rule["RuleCondition"]):
            continue
        if not all(stack.value(assertion["Assert"]) for assertion in rule["Assertions"]):
            broken.append(name)
    return broken
