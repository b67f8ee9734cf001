"""A resource of each type with a name, for the emulator's tests.

`NAMED` makes the properties of one type: for a name, and for a mark that a reader of sandbox/readback shows.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.lifecycle import Sandbox
from sandbox.readback.readers import READERS
from tests.sandbox.pipelines import zipped
from tests.sandbox.roles import trust_policy
from tests.sandbox.stacks import Template

ACCOUNT = "111111111111"
LAMBDA = trust_policy({"Service": "lambda.amazonaws.com"})
Properties = dict[str, Any]
# Members of answers that an update moves on, there and back.
UPDATES = {
    "AlarmConfigurationUpdatedTimestamp",
    "LastModified",
    "LastModifiedOn",
    "LastUpdated",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
    "RevisionId",
    "State",
    "StateReason",
    "StateReasonCode",
    "UpdateTime",
    "Version",
    "VersionId",
}


def allow(sid: str, **more: Any) -> Properties:
    """A policy of one statement."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": sid, "Effect": "Allow", "Action": "s3:GetObject", **more}],
    }


class Surroundings:
    """Other resources of the producer account that they need, created once for all types."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.session: Any = sandbox.session("producer")
        self.name = f"t{uuid.uuid4().hex[:12]}"
        self.role = self._client("iam").create_role(RoleName=self.name, AssumeRolePolicyDocument=LAMBDA)[
            "Role"
        ]["Arn"]
        self.bucket(self.name)
        self._client("s3").put_object(Bucket=self.name, Key="code", Body=zipped("", "index"))
        self._client("glue").create_database(DatabaseInput={"Name": self.name})
        self._client("logs").create_log_group(logGroupName=self.name)
        self.keys = [self._client("kms").create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
        ec2 = self._client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        self.route_tables = [
            ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"] for _ in range(2)
        ]
        self._subnets = 0

    def _client(self, service: str) -> Any:
        return self.session.client(service)

    def bucket(self, name: str) -> str:
        """A new bucket; its name."""
        self._client("s3").create_bucket(Bucket=name)
        return name

    def free_name(self, kind: str) -> str:
        """A name that no resource of the type has; a type with a parent gets a new parent."""
        name = f"t{uuid.uuid4().hex[:12]}"
        if kind == "AWS::KMS::Alias":
            return f"alias/{name}"
        if kind == "AWS::S3::BucketPolicy":
            return self.bucket(name)
        if kind == "AWS::EC2::SubnetRouteTableAssociation":
            self._subnets += 1
            block = f"10.1.{self._subnets}.0/24"
            subnet = self._client("ec2").create_subnet(VpcId=self.vpc, CidrBlock=block)["Subnet"]
            return str(subnet["SubnetId"])
        return name

    def resource(self, kind: str, name: str, mark: str) -> Template:
        """A resource of a template."""
        return {"Type": kind, "Properties": NAMED[kind](self, name, mark)}

    def read(self, kind: str, physical_id: str, name: str, mark: str) -> Properties:
        """The service's answer for the resource, without fields of its last update."""
        return without_updates(READERS[kind](self.session, physical_id, NAMED[kind](self, name, mark)))


def without_updates(found: Properties) -> Properties:
    """An answer without the fields that every update changes."""
    return {
        name: without_updates(value) if isinstance(value, dict) else value
        for name, value in found.items()
        if name not in UPDATES
    }


def _index(mark: str) -> int:
    return {"first": 0, "second": 1}[mark]


# fmt: off
NAMED: dict[str, Callable[[Surroundings, str, str], Properties]] = {
    "AWS::Athena::WorkGroup": lambda _, name, mark: {"Name": name, "Description": mark},
    "AWS::CloudWatch::Alarm": lambda _, name, mark: {
        "AlarmName": name, "AlarmDescription": mark, "Namespace": "n", "MetricName": "m", "Statistic": "Sum",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold",
    },
    "AWS::DynamoDB::Table": lambda _, name, mark: {
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": mark},
    },
    "AWS::EC2::SecurityGroup": lambda beside, name, mark: {
        "GroupName": name, "GroupDescription": "d", "VpcId": beside.vpc,
        "Tags": [{"Key": "mark", "Value": mark}],
    },
    "AWS::EC2::SubnetRouteTableAssociation": lambda beside, name, mark: {
        "SubnetId": name, "RouteTableId": beside.route_tables[_index(mark)],
    },
    "AWS::Events::Rule": lambda _, name, mark: {
        "Name": name, "Description": mark, "ScheduleExpression": "rate(1 day)",
        "Targets": [{"Id": mark, "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{mark}"}],
    },
    "AWS::Glue::Crawler": lambda beside, name, mark: {
        "Name": name, "Role": beside.role, "DatabaseName": beside.name, "Description": mark,
        "Targets": {"S3Targets": [{"Path": f"s3://{beside.name}/"}]},
    },
    "AWS::Glue::Database": lambda _, name, mark: {
        "CatalogId": ACCOUNT, "DatabaseInput": {"Name": name, "Description": mark},
    },
    "AWS::Glue::Job": lambda beside, name, mark: {
        "Name": name, "Role": beside.role, "Description": mark,
        "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{beside.name}/job.py"},
    },
    "AWS::Glue::SecurityConfiguration": lambda beside, name, mark: {
        "Name": name,
        "EncryptionConfiguration": {
            "S3Encryptions": [{"S3EncryptionMode": "SSE-KMS", "KmsKeyArn": beside.keys[_index(mark)]}]
        },
    },
    "AWS::Glue::Table": lambda beside, name, mark: {
        "CatalogId": ACCOUNT, "DatabaseName": beside.name,
        "TableInput": {"Name": name, "Description": mark, "TableType": "EXTERNAL_TABLE"},
    },
    "AWS::Glue::Trigger": lambda _, name, mark: {
        "Name": name, "Type": "ON_DEMAND", "Description": mark, "Actions": [{"JobName": "j"}],
    },
    "AWS::IAM::ManagedPolicy": lambda _, name, mark: {
        "ManagedPolicyName": name, "PolicyDocument": allow(mark, Resource="*"),
    },
    "AWS::IAM::Role": lambda _, name, mark: {
        "RoleName": name, "AssumeRolePolicyDocument": json.loads(LAMBDA), "Description": mark,
        "Policies": [{"PolicyName": mark, "PolicyDocument": allow(mark, Resource="*")}],
    },
    "AWS::KMS::Alias": lambda beside, name, mark: {
        "AliasName": name, "TargetKeyId": beside.keys[_index(mark)],
    },
    "AWS::Kinesis::Stream": lambda _, name, mark: {
        "Name": name, "ShardCount": 1, "Tags": [{"Key": "mark", "Value": mark}],
    },
    "AWS::KinesisFirehose::DeliveryStream": lambda beside, name, mark: {
        "DeliveryStreamName": name, "DeliveryStreamType": "DirectPut",
        "ExtendedS3DestinationConfiguration": {
            "BucketARN": f"arn:aws:s3:::{beside.name}", "RoleARN": beside.role, "Prefix": mark,
        },
    },
    "AWS::LakeFormation::PrincipalPermissions": lambda beside, name, mark: {
        "Principal": {"DataLakePrincipalIdentifier": f"arn:aws:iam::{ACCOUNT}:role/{name}"},
        "Resource": {"Database": {"CatalogId": ACCOUNT, "Name": beside.name}},
        "Permissions": ["DESCRIBE"],
        "PermissionsWithGrantOption": ["DESCRIBE"] if mark == "second" else [],
    },
    "AWS::Lambda::Function": lambda beside, name, mark: {
        "FunctionName": name, "Role": beside.role, "Description": mark, "Runtime": "python3.13",
        "Handler": "index.handler", "Code": {"S3Bucket": beside.name, "S3Key": "code"},
    },
    "AWS::Logs::LogGroup": lambda _, name, mark: {
        "LogGroupName": name, "RetentionInDays": (7, 14)[_index(mark)],
    },
    "AWS::Logs::LogStream": lambda beside, name, _: {"LogGroupName": beside.name, "LogStreamName": name},
    "AWS::Logs::MetricFilter": lambda beside, name, mark: {
        "LogGroupName": beside.name, "FilterName": name, "FilterPattern": mark,
        "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
    },
    "AWS::S3::Bucket": lambda _, name, mark: {
        "BucketName": name, "Tags": [{"Key": "mark", "Value": mark}],
    },
    "AWS::S3::BucketPolicy": lambda _, name, mark: {
        "Bucket": name,
        "PolicyDocument": allow(
            mark, Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Resource=f"arn:aws:s3:::{name}/*"
        ),
    },
    "AWS::SQS::Queue": lambda _, name, mark: {
        "QueueName": name, "VisibilityTimeout": (10, 20)[_index(mark)],
    },
}
# fmt: on
