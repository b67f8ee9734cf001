"""The stacks in every partition that docs/limits.md claims."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.stacks import KINDS
from tests.templates import launches
from tests.templates.resolver import Stack, shipped_template

ROOT = Path(__file__).resolve().parents[2]

# A Region of each claimed partition.
CLAIMED = {"aws": "eu-central-1", "aws-us-gov": "us-gov-west-1"}


def launched(region: str) -> list[Stack]:
    """Every stack in one Region, with endpoints, each with the outputs of the stacks before it."""
    partition = next(name for name, claimed in CLAIMED.items() if claimed == region)
    required = {
        name: value.replace("arn:aws:", f"arn:{partition}:") for name, value in launches.REQUIRED.items()
    }
    outputs: dict[str, str] = {"ProducerAccountId": launches.PRODUCER, "CreateInterfaceEndpoints": "true"}
    stacks = []
    for kind in KINDS:
        template = shipped_template(kind.name)
        parameters = {
            name: value for name, value in {**outputs, **required}.items() if name in template["Parameters"]
        }
        account = launches.PRODUCER if kind.account == "producer" else launches.CONSUMER
        stack = Stack(template, name=kind.stack_name, account=account, region=region, parameters=parameters)
        outputs |= stack.outputs
        stacks.append(stack)
    return stacks


def texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a resolved value, with the nearest key above it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, key)
    elif isinstance(value, str):
        yield key, value


def test_limits_page_claims_the_tested_partitions() -> None:
    """The tests cover exactly the claimed partitions."""
    (row,) = re.findall(r"^\| partitions \| (.+?) \|", (ROOT / "docs/limits.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`(aws[a-z-]*)`", row.partition(";")[0])) == set(CLAIMED)


@pytest.mark.parametrize("partition", CLAIMED)
def test_arns_are_of_the_stacks_own_partition(partition: str) -> None:
    """IAM refuses the ARN of another one ("Partition "aws" is not valid for resource")."""
    partitions = [
        arn
        for stack in launched(CLAIMED[partition])
        for resource in stack.resources.values()
        for _, text in texts(resource.properties)
        for arn in re.findall(r"\barn:([a-z-]+):", text)
    ]
    assert set(partitions) == {partition}


@pytest.mark.parametrize("partition", CLAIMED)
def test_keys_are_used_through_the_regions_own_services(partition: str) -> None:
    """kms:ViaService is SERVICE.REGION.amazonaws.com (KMS guide, "kms:ViaService")."""
    region = CLAIMED[partition]
    for stack in launched(region):
        via = {
            text
            for resource in stack.resources.values()
            for key, text in texts(resource.properties)
            if key == "kms:ViaService"
        }
        assert via <= {f"{service}.{region}.amazonaws.com" for service in ("s3", "kinesis", "dynamodb")}
        assert via


@pytest.mark.parametrize("partition", CLAIMED)
def test_services_are_named_as_principals(partition: str) -> None:
    """SERVICE.amazonaws.com, Logs with its Region (Logs guide, "Encrypt log data using AWS KMS")."""
    region = CLAIMED[partition]
    principals = {
        text
        for stack in launched(region)
        for resource in stack.resources.values()
        for key, text in texts(resource.properties)
        if key == "Service" or (key == "Principal" and "." in text)
    }
    assert principals == {
        "events.amazonaws.com",
        "firehose.amazonaws.com",
        "glue.amazonaws.com",
        "lambda.amazonaws.com",
        f"logs.{region}.amazonaws.com",
    }


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_no_name_follows_the_suffix_of_endpoints(kind: str) -> None:
    """On no AWS page do kms:ViaService or principals end in another partition's suffix; all examples agree.

    AWS's own CDK writes `SERVICE.REGION.amazonaws.com` into key policies of every partition.
    """
    assert [text for _, text in texts(shipped_template(kind)) if "AWS::URLSuffix" in text] == []
