"""The deployed resources equal the templates, according to each service's API."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import SandboxError
from sandbox.lifecycle import Sandbox
from sandbox.readback import report
from sandbox.readback.__main__ import launch_everything, read_back
from sandbox.readback.compare import Dropped, differences, dropped
from scripts.build.proofs import emulator_page

PAGE = Path(__file__).parents[2] / "docs" / "generated" / "emulator-gaps.md"


def change_one_property_each(sandbox: Sandbox) -> None:
    """Change eight resources behind CloudFormation's back, each through its own service."""
    outputs, producer, consumer = sandbox.outputs, sandbox.session("producer"), sandbox.session("consumer")
    s3, bucket = consumer.client("s3"), outputs["LakeBucketName"]
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    several = next(statement for statement in policy["Statement"] if isinstance(statement["Action"], list))
    several["Action"][0] = "s3:DeleteObject"
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    consumer.client("kms").disable_key_rotation(KeyId=outputs["LakeKeyArn"])
    consumer.client("glue").update_crawler(Name=outputs["CrawlerName"], TablePrefix="other_")
    producer.client("kinesis").increase_stream_retention_period(
        StreamName=outputs["SourceStreamName"], RetentionPeriodHours=200
    )
    producer.client("lambda").update_function_configuration(
        FunctionName=outputs["TransformFunctionName"], MemorySize=128
    )
    producer.client("dynamodb").update_continuous_backups(
        TableName=outputs["SourceTableName"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )
    producer.client("iam").delete_role_policy(RoleName=outputs["DeliveryRoleName"], PolicyName="deliver")


CHANGED = {
    "VersioningConfiguration.Status",
    "EnableKeyRotation",
    "TablePrefix",
    "RetentionPeriodHours",
    "MemorySize",
    "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled",
    "PolicyDocument.Statement[].Action[]",
    "Policies",
}


@pytest.mark.sandbox
def test_lost_properties_are_listed_and_changed_resources_are_found() -> None:
    """With every option, the templates' resources have the gaps of docs/generated/emulator-gaps.md.

    In the same sandbox the readback then finds eight changed properties, and no others.
    """
    with Sandbox() as sandbox:
        launch_everything(sandbox)
        lost = read_back(sandbox)
        endpoint = sandbox.outputs["KinesisEndpointDnsName"]
        change_one_property_each(sandbox)
        found = {lost_property.path for lost_property in read_back(sandbox)} - {
            lost_property.path for lost_property in lost
        }

    written = PAGE.read_text(encoding="utf-8")
    assert written == emulator_page(report.render(lost) + "\n"), f"{PAGE.name} is stale: run `make generate`"
    assert found == CHANGED
    assert endpoint.startswith("vpce-")
    assert endpoint.endswith(".kinesis-streams.us-east-1.vpce.amazonaws.com")


@pytest.mark.parametrize(
    ("wanted", "found", "paths"),
    [
        ({"a": 1}, {"a": "1", "b": 2}, []),
        ({"a": True}, {"a": "true"}, []),
        ({"a": 60}, {"a": 60.0}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b"]),
        ({"a": {"b": 1}}, {}, ["a"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"a": "x"}, {"a": ["x"]}, []),
        ({"a": ["x"]}, {"a": "x"}, []),
        ({"a": ["x"]}, {"a": "y"}, ["a"]),
        ([{"Key": "k", "Value": "v"}], [{"Key": "o", "Value": "w"}, {"Key": "k", "Value": "v"}], []),
        ([{"Key": "k", "Value": "v"}], [{"Key": "k", "Value": "w"}], ["[0].Value"]),
        ([{"Sid": "s", "Effect": "Deny"}], [{"Sid": "s", "Effect": "Allow"}], ["[0].Effect"]),
    ],
)
def test_difference_is_a_property_of_the_template_that_the_service_lacks(
    wanted: Any, found: Any, paths: list[str]
) -> None:
    """Numbers equal their text, the service may add properties, lists of named members have no order."""
    assert [difference.path for difference in differences(wanted, found)] == paths


def test_loss_without_a_consequence_is_rejected() -> None:
    """A loss is listed only with an explanation of its consequence."""
    lost = dropped("AWS::S3::Bucket", "Bucket", {"Rules": [{"A": 1}]}, {"Rules": [{"A": None}]})

    assert lost == [Dropped("AWS::S3::Bucket", "Bucket", "Rules[].A", "nothing")]
    with pytest.raises(SandboxError, match="Rules"):
        report.render(lost)
