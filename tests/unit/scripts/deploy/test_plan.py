"""deploy: the plan as people read it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import Account


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no row is wrapped."""
    monkeypatch.setenv("COLUMNS", "200")


def detail(name: str, recreation: str, source: str, entity: str = "") -> dict[str, Any]:
    """One entry of a change's Details, as the API has it."""
    return {
        "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation},
        "Evaluation": "Dynamic",
        "ChangeSource": source,
        "CausingEntity": entity,
    }


def change(
    name: str, kind: str, replacement: str, *details: dict[str, Any], policy: str = ""
) -> dict[str, Any]:
    """A Modify of a change set."""
    made = {"Action": "Modify", "LogicalResourceId": name, "ResourceType": kind, "Replacement": replacement}
    return {**made, "Details": list(details), "Scope": ["Properties"], "PolicyAction": policy}


# The stream is changed by a parameter, and the delivery stream by an attribute of the stream.
STREAM = change(
    "Stream",
    "AWS::Kinesis::Stream",
    "Conditional",
    detail("Name", "Always", "ParameterReference", "Retention"),
    detail("ShardCount", "Never", "DirectModification"),
)
DELIVERY = change(
    "DeliveryStream",
    "AWS::KinesisFirehose::DeliveryStream",
    "Conditional",
    detail("KinesisStreamSourceConfiguration", "Always", "ResourceAttribute", "Stream.Arn"),
)
REMOVED = {"Action": "Remove", "LogicalResourceId": "SourceTable", "ResourceType": "AWS::DynamoDB::Table"}


def rows(text: str) -> list[list[str]]:
    """The cells of the table's rows."""
    return [line.split() for line in text.splitlines() if "AWS::" in line]


def test_a_launch_is_summarized_by_type(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """Forty rows without a value in half of their columns would hide what follows."""
    added = {"Action": "Add", "ResourceType": "AWS::S3::Bucket"}
    aws["consumer"].changes = [
        {**added, "LogicalResourceId": "A"},
        {**added, "LogicalResourceId": "B"},
        {**added, "LogicalResourceId": "C", "ResourceType": "AWS::KMS::Key"},
    ]
    done = consumer()
    assert rows(done.err) == [["AWS::KMS::Key", "1"], ["AWS::S3::Bucket", "2"]]
    assert "3 to create" in done.err
    assert "stack ddb-lake-consumer is CREATE_COMPLETE: 3 created in 0 s\n" in done.err


@pytest.mark.parametrize("option", ["--dry-run", "--verbose"])
def test_each_resource_is_listed_on_request(consumer: Callable[..., Ran], option: str) -> None:
    """Without the columns that only an update needs."""
    done = consumer(option)
    assert rows(done.err)[0] == ["create", "Bucket", "AWS::S3::Bucket"]
    assert "replaced" not in done.err


def test_an_update_names_properties_and_the_parameters_that_cause_the_change(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Directly, or through an attribute of another resource; one sentence explains `perhaps`."""
    aws["consumer"].changes = [STREAM, DELIVERY]
    done = consumer("--dry-run")
    assert rows(done.err) == [
        [
            "update",
            "Stream",
            "AWS::Kinesis::Stream",
            "Name,",
            "ShardCount",
            "Retention",
            "perhaps",
            "replaced",
        ],
        [
            "update",
            "DeliveryStream",
            "AWS::KinesisFirehose::DeliveryStream",
            "KinesisStreamSourceConfiguration",
            "Retention",
            "perhaps",
            "replaced",
        ],
    ]
    assert "perhaps replaced: CloudFormation decides this only while it applies the change" in done.err
    assert "dry run: nothing was changed. To apply this, run it without --dry-run\n" in done.err


def test_resources_that_refer_to_each_other_end_the_search_for_causes(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """A change set may contain a cycle of references."""
    other = change(
        "Stream", "AWS::Kinesis::Stream", "True", detail("A", "Always", "ResourceReference", "DeliveryStream")
    )
    aws["consumer"].changes = [DELIVERY, other]
    assert consumer("--dry-run").code == 0


def test_a_refused_plan_names_what_may_be_replaced_and_why(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal nobody reads the table, so the message has it all."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    replaced = change(
        "Key", "AWS::KMS::Key", "True", detail("KeySpec", "Always", "ParameterReference", "Spec")
    )
    aws["consumer"].changes = [STREAM, DELIVERY, replaced, REMOVED | {"PolicyAction": "Delete"}]
    done = consumer("--output", "json", yes=False)
    assert done.code == 1
    assert json.loads(done.out)["error"]["message"] == (
        "not confirmed, because there is no terminal to ask on: 1 removed: SourceTable; "
        "1 replaced: Key (KeySpec) because of Spec; "
        "2 perhaps replaced: Stream (Name), DeliveryStream (KinesisStreamSourceConfiguration) "
        "because of Retention. The stack was not changed"
    )


def test_a_resource_that_is_retained_is_said_to_stay_in_the_account(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever adopts a table on a running stack has to know that the old table is not deleted."""
    aws["consumer"].changes = [REMOVED | {"PolicyAction": "Retain"}]
    done = consumer("--dry-run")
    assert "SourceTable   AWS::DynamoDB::Table   leaves the stack, stays in the account" in done.err
    monkeypatch.setattr("sys.stdin", io.StringIO())
    refused = consumer(yes=False)
    assert "1 removed from the stack but kept in the account: SourceTable" in refused.err
    applied = consumer()
    assert "1 left the stack and stayed in the account in 0 s" in applied.err


def test_a_replaced_resource_that_is_retained_is_said_to_stay(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """UpdateReplacePolicy: Retain."""
    reason = detail("Name", "Always", "ParameterReference", "Name")
    aws["consumer"].changes = [
        change("Table", "AWS::DynamoDB::Table", "True", reason, policy="ReplaceAndRetain")
    ]
    assert "replaced; the old one stays in the account" in consumer("--dry-run").err


@pytest.mark.parametrize(
    ("width", "type_shown", "table"), [(200, True, True), (120, False, True), (80, False, False)]
)
def test_no_name_is_broken_in_a_narrow_terminal(
    *,
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    type_shown: bool,
    table: bool,
) -> None:
    """The column with the types goes first; then the plan is a list of lines."""
    monkeypatch.setenv("COLUMNS", str(width))
    aws["consumer"].changes = [STREAM, DELIVERY]
    said = consumer("--dry-run").err
    assert ("AWS::KinesisFirehose::DeliveryStream" in said) == type_shown
    assert ("properties that change" in said) == table
    assert "KinesisStreamSourceConfiguration" in said
    line = (
        "  update DeliveryStream: KinesisStreamSourceConfiguration because of Retention (perhaps replaced)\n"
    )
    assert (line in said) != table
