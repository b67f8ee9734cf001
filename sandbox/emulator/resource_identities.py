"""How to find a resource by the name in a template, for every type that the templates deploy.

AWS facts
- Names of roles and policies "are not distinguished by case" (IAM API reference, CreateRole, CreatePolicy);
  those of databases and tables are converted to lower case (Glue API reference, DatabaseInput, TableInput).
- Metric and composite alarms share their names (CloudWatch API reference, PutCompositeAlarm).
- A bucket has one policy: "The bucket policy already exists on bucket" (cloudformation-coverage-roadmap,
  issue 1068). A subnet is associated with one route table (EC2 API reference, error code
  Resource.AlreadyAssociated).
- PutMetricAlarm, PutRule and PutMetricFilter overwrite, but CloudFormation checks first: users report it for
  rules (serverless/serverless, issue 10104), and AWS's published handler of metric filters reads before it
  puts. For alarms, and for a database renamed through its DatabaseInput, this is [unverified].
- A queue's policy and an inline policy of a role replace the previous one, in CloudFormation too
  (serverless-application-model, issue 1776; template reference, "AWS::IAM::Policy": "Adds or updates").
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sandbox.emulator import principal_permissions_resource
from sandbox.emulator.resource_types import Properties

ALREADY_EXISTS = "Resource of type '{kind}' with identifier '{name}' already exists."


@dataclass(frozen=True)
class Identity:
    """How to find an existing resource of one type.

    `name` reads the name from a template's properties: None where CloudFormation generates one, which is
    always new (resource_names.py). `find` returns the physical id of the resource with the name, or None.
    """

    name: Callable[[Properties], str | None]
    find: Callable[[str], str | None]
    message: str = ALREADY_EXISTS


def _store(service: str, name: str) -> Any:
    """The records of a MiniStack service, for the caller's account and Region."""
    return getattr(import_module(f"ministack.services.{service}"), name)  # only the emulator loads MiniStack


def _property(name: str) -> Callable[[Properties], str | None]:
    return lambda properties: properties.get(name)


def _of(parent: str, name: str) -> Callable[[Properties], str | None]:
    """A name that is unique within the resource in `parent`: `PARENT|NAME`."""
    return lambda properties: f"{properties.get(parent)}|{properties[name]}" if properties.get(name) else None


def _key(service: str, *stores: str) -> Callable[[str], str | None]:
    """A resource whose name is its physical id and the key of its record."""
    return lambda name: name if any(name in _store(service, store) for store in stores) else None


def _folded_key(service: str, store: str) -> Callable[[str], str | None]:
    """The same, for names without a difference between upper and lower case."""
    return lambda name: next(
        (str(key) for key in _store(service, store) if key.casefold() == name.casefold()), None
    )


def _bucket(name: str) -> str | None:
    return name if import_module("ministack.services.s3")._bucket_owner_account(name) else None


def _bucket_policy(bucket: str) -> str | None:
    return f"{bucket}-policy" if bucket in _store("s3", "_bucket_policies") else None


def _managed_policy(name: str) -> str | None:
    policies = _store("iam", "_policies").items()
    named = (str(arn) for arn, policy in policies if policy["PolicyName"].casefold() == name.casefold())
    return next(named, None)


def _alias(name: str) -> str | None:
    arn = import_module("ministack.services.kms")._alias_arn(name)
    return name if arn in _store("kms", "_aliases") else None


def _database_name(properties: Properties) -> str | None:
    name: str | None = properties.get("DatabaseName") or properties.get("DatabaseInput", {}).get("Name")
    return name


def _table_name(properties: Properties) -> str | None:
    name = properties.get("TableInput", {}).get("Name") or properties.get("Name")
    return f"{properties.get('DatabaseName')}|{name}" if name else None


def _glue_table(name: str) -> str | None:
    found = _folded_key("glue", "_tables")(name.replace("|", "/", 1))
    return found.partition("/")[2] if found else None


def _rule_name(properties: Properties) -> str | None:
    bus = str(properties.get("EventBusName") or "default").rpartition("/")[2]  # a name or an ARN
    return f"{bus}|{properties['Name']}" if properties.get("Name") else None


def _rule(name: str) -> str | None:
    return name.partition("|")[2] if name in _store("eventbridge", "_rules") else None


def _log_stream(name: str) -> str | None:
    group, _, stream = name.partition("|")
    record = _store("cloudwatch_logs", "_log_groups").get(group)
    return stream if record and stream in record["streams"] else None


def _metric_filter(name: str) -> str | None:
    group, _, metric_filter = name.partition("|")
    return metric_filter if (group, metric_filter) in _store("cloudwatch_logs", "_metric_filters") else None


def _security_group(name: str) -> str | None:
    groups = _store("ec2", "_security_groups").values()
    return next(
        (group["GroupId"] for group in groups if f"{group['VpcId']}|{group['GroupName']}" == name), None
    )


def _association(subnet: str) -> str | None:
    tables = _store("ec2", "_route_tables").values()
    associations = (association for table in tables for association in table["Associations"])
    return next(
        (
            association["RouteTableAssociationId"]
            for association in associations
            if association.get("SubnetId") == subnet
        ),
        None,
    )


def _queue(name: str) -> str | None:
    url: str | None = _store("sqs", "_queue_name_to_url").get(name)
    return url


IDENTITIES: dict[str, Identity] = {
    "AWS::Athena::WorkGroup": Identity(_property("Name"), _key("athena", "_workgroups")),
    "AWS::CloudWatch::Alarm": Identity(
        _property("AlarmName"), _key("cloudwatch", "_alarms", "_composite_alarms")
    ),
    "AWS::DynamoDB::Table": Identity(_property("TableName"), _key("dynamodb", "_tables")),
    "AWS::EC2::SecurityGroup": Identity(_of("VpcId", "GroupName"), _security_group),
    "AWS::EC2::SubnetRouteTableAssociation": Identity(_property("SubnetId"), _association),
    "AWS::Events::Rule": Identity(_rule_name, _rule),
    "AWS::Glue::Crawler": Identity(_property("Name"), _key("glue", "_crawlers")),
    "AWS::Glue::Database": Identity(_database_name, _folded_key("glue", "_databases")),
    "AWS::Glue::Job": Identity(_property("Name"), _key("glue", "_jobs")),
    "AWS::Glue::SecurityConfiguration": Identity(_property("Name"), _key("glue", "_security_configs")),
    "AWS::Glue::Table": Identity(_table_name, _glue_table),
    "AWS::Glue::Trigger": Identity(_property("Name"), _key("glue", "_triggers")),
    "AWS::IAM::ManagedPolicy": Identity(_property("ManagedPolicyName"), _managed_policy),
    "AWS::IAM::Role": Identity(_property("RoleName"), _folded_key("iam", "_roles")),
    "AWS::KMS::Alias": Identity(_property("AliasName"), _alias),
    "AWS::Kinesis::Stream": Identity(_property("Name"), _key("kinesis", "_streams")),
    "AWS::KinesisFirehose::DeliveryStream": Identity(
        _property("DeliveryStreamName"), _key("firehose", "_streams")
    ),
    "AWS::LakeFormation::PrincipalPermissions": Identity(
        principal_permissions_resource.permission_id, principal_permissions_resource.granted
    ),
    "AWS::Lambda::Function": Identity(_property("FunctionName"), _key("lambda_svc", "_functions")),
    "AWS::Logs::LogGroup": Identity(_property("LogGroupName"), _key("cloudwatch_logs", "_log_groups")),
    "AWS::Logs::LogStream": Identity(_of("LogGroupName", "LogStreamName"), _log_stream),
    "AWS::Logs::MetricFilter": Identity(_of("LogGroupName", "FilterName"), _metric_filter),
    "AWS::S3::Bucket": Identity(_property("BucketName"), _bucket),
    "AWS::S3::BucketPolicy": Identity(
        _property("Bucket"), _bucket_policy, "The bucket policy already exists on bucket {name}."
    ),
    "AWS::SQS::Queue": Identity(_property("QueueName"), _queue),
}

# The other types, and why no existing resource can conflict with them.
WITHOUT_IDENTITY: dict[str, str] = {
    "AWS::Athena::NamedQuery": "known by an id that Athena makes up; several queries may have one name",
    "AWS::EC2::RouteTable": "known by an id that EC2 makes up",
    "AWS::EC2::Subnet": "known by an id that EC2 makes up",
    "AWS::EC2::VPC": "known by an id that EC2 makes up",
    "AWS::EC2::VPCEndpoint": "known by an id that EC2 makes up",
    "AWS::IAM::Policy": "takes the place of an inline policy of that name, on AWS too",
    "AWS::KMS::Key": "known by an id that KMS makes up",
    "AWS::Lambda::Permission": "known by a statement id that CloudFormation makes up",
    "AWS::SQS::QueuePolicy": "takes the place of the queue's policy, on AWS too",
    "Custom::DeclaredColumns": "the function behind it adds columns and takes none over",
}
