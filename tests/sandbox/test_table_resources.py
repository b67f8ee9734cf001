"""A table in a template: its stream, its settings, and when it is retained or rejected."""

import json
from typing import Any

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.stacks import Stacks, Template

pytestmark = pytest.mark.sandbox


def table_resources(name: str, **properties: Any) -> Template:
    table = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        **properties,
    }
    return {
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": name, "ShardCount": 1}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
    }


STREAM_ARN = {"Fn::GetAtt": ["Stream", "Arn"]}


def test_table_starts_changes_and_stops_its_stream(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """KinesisStreamSpecification is created, changed and removed without replacing the table."""
    dynamodb = emulator.session("producer").client("dynamodb")

    def destinations() -> list[tuple[str, str]]:
        found = dynamodb.describe_kinesis_streaming_destination(TableName=unique)
        return [
            (destination["DestinationStatus"], destination["ApproximateCreationDateTimePrecision"])
            for destination in found["KinesisDataStreamDestinations"]
        ]

    micro = {"StreamArn": STREAM_ARN, "ApproximateCreationDateTimePrecision": "MICROSECOND"}
    stacks.create(unique, table_resources(unique, KinesisStreamSpecification=micro))
    dynamodb.put_item(TableName=unique, Item={"pk": {"S": "kept"}})
    assert destinations() == [("ACTIVE", "MICROSECOND")]

    milli = {**micro, "ApproximateCreationDateTimePrecision": "MILLISECOND"}
    stacks.update(unique, table_resources(unique, KinesisStreamSpecification=milli))
    assert destinations() == [("ACTIVE", "MILLISECOND")]

    stacks.update(unique, table_resources(unique))
    assert destinations() == [("DISABLED", "MILLISECOND")]
    assert dynamodb.get_item(TableName=unique, Key={"pk": {"S": "kept"}})["Item"]


def test_table_with_another_key_streams_its_changes_too(
    emulator: Sandbox, stacks: Stacks, unique: str
) -> None:
    """A changed KeySchema creates another table with all settings of the template."""
    session = emulator.session("producer")
    micro = {"StreamArn": STREAM_ARN, "ApproximateCreationDateTimePrecision": "MICROSECOND"}
    resources = table_resources(unique, KinesisStreamSpecification=micro)
    del resources["Table"]["Properties"]["TableName"]
    stacks.create(unique, resources)
    resources["Table"]["Properties"] |= {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    stacks.update(unique, resources)
    described = session.client("cloudformation").describe_stack_resource(
        StackName=unique, LogicalResourceId="Table"
    )
    name = described["StackResourceDetail"]["PhysicalResourceId"]
    dynamodb = session.client("dynamodb")
    assert dynamodb.describe_table(TableName=name)["Table"]["KeySchema"][0]["AttributeName"] == "id"
    [destination] = dynamodb.describe_kinesis_streaming_destination(TableName=name)[
        "KinesisDataStreamDestinations"
    ]
    assert destination["DestinationStatus"] == "ACTIVE"


def test_table_with_another_key_does_not_change_the_previous_one(
    emulator: Sandbox, stacks: Stacks, unique: str
) -> None:
    """A rollback finds it with its items, and UpdateReplacePolicy retains it after the update."""
    dynamodb = emulator.session("producer").client("dynamodb")
    table = {**table_resources(unique)["Table"], "UpdateReplacePolicy": "Retain"}
    del table["Properties"]["TableName"]
    stacks.create(unique, {"Table": table})
    first = stacks.physical_id(unique, "Table")
    dynamodb.put_item(TableName=first, Item={"pk": {"S": "kept"}})
    rekeyed = json.loads(json.dumps(table).replace('"pk"', '"id"'))
    failing = {"Type": "AWS::S3::Bucket", "DependsOn": "Table", "Properties": {"BucketName": "Not-A-Bucket"}}

    rolled_back = stacks.update(unique, {"Table": rekeyed, "Failing": failing})
    assert rolled_back["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.physical_id(unique, "Table") == first
    assert stacks.update(unique, {"Table": rekeyed})["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks.physical_id(unique, "Table") != first
    assert dynamodb.get_item(TableName=first, Key={"pk": {"S": "kept"}})["Item"]


def test_table_has_the_settings_of_the_template(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Encryption, recovery and time to live are on after the launch, and off when the template drops them."""
    dynamodb = emulator.session("producer").client("dynamodb")
    key = "arn:aws:kms:us-east-1:111111111111:key/0"
    settings = {
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"},
    }

    def now() -> tuple[Any, Any, Any]:
        table = dynamodb.describe_table(TableName=unique)["Table"]
        recovery = dynamodb.describe_continuous_backups(TableName=unique)["ContinuousBackupsDescription"]
        ttl = dynamodb.describe_time_to_live(TableName=unique)["TimeToLiveDescription"]
        return (
            table.get("SSEDescription", {}).get("KMSMasterKeyArn"),
            recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
            ttl["TimeToLiveStatus"],
        )

    stacks.create(unique, table_resources(unique, **settings))
    assert now() == (key, "ENABLED", "ENABLED")
    stacks.update(unique, table_resources(unique))
    assert now()[1:] == ("DISABLED", "DISABLED")


def test_existing_table_name_fails_the_stack(stacks: Stacks, unique: str) -> None:
    """AWS rejects it; MiniStack would empty the existing table."""
    stacks.create(unique, table_resources(unique))
    resources = {"Table": table_resources(unique)["Table"]}

    assert stacks.create(f"{unique}-2", resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in stacks.reasons(f"{unique}-2")


def test_protected_table_is_not_deleted(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Deletion protection fails the deletion of the stack and keeps the table."""
    stacks.create(unique, table_resources(unique, DeletionProtectionEnabled=True))

    assert stacks.delete(unique)["StackStatus"] == "DELETE_FAILED"
    assert emulator.session("producer").client("dynamodb").describe_table(TableName=unique)["Table"]


def test_retained_table_does_not_block_the_next_stack(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """A generated name is new with every stack, and stays through an update."""
    table = table_resources(unique)["Table"]
    del table["Properties"]["TableName"]
    resources: Template = {"Table": {**table, "DeletionPolicy": "Retain"}}
    stacks.create(unique, resources)
    first = stacks.physical_id(unique, "Table")
    changed = json.loads(json.dumps(resources))
    changed["Table"]["Properties"]["DeletionProtectionEnabled"] = True
    stacks.update(unique, changed)
    assert stacks.physical_id(unique, "Table") == first

    stacks.delete(unique)
    stacks.create(unique, resources)
    second = stacks.physical_id(unique, "Table")
    assert first != second
    assert first.startswith(f"{unique}-Table-")
    kept = emulator.session("producer").client("dynamodb").list_tables()["TableNames"]
    assert {first, second} <= set(kept)
