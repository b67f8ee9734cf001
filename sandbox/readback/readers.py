"""One reader per resource type: the answer of the service's API, as CloudFormation properties.

A reader gets a boto3 session of the account, the physical id and the resolved properties, and returns the
properties it finds. Where the API and CloudFormation use the same names, it returns the answer unchanged.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

Properties = dict[str, Any]
Reader = Callable[[boto3.Session, str, Properties], Properties]


def _tags(found: Any) -> list[dict[str, str]]:
    pairs = (
        found.items() if isinstance(found, dict) else ((tag_key(tag), tag_value(tag)) for tag in found or [])
    )
    return [{"Key": key, "Value": value} for key, value in pairs]


def tag_key(tag: dict[str, str]) -> str:
    """KMS names it `TagKey`."""
    return tag.get("Key") or tag.get("TagKey") or ""


def tag_value(tag: dict[str, str]) -> str:
    """KMS names it `TagValue`."""
    return tag.get("Value", tag.get("TagValue", ""))


def _or_nothing(call: Callable[[], Any], *absent: str) -> Any:
    """The answer of `call`, or an empty dict when the service reports that there is no such setting."""
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in absent:
            return {}
        raise


def kms_key(session: boto3.Session, key: str, _: Properties) -> Properties:
    """AWS::KMS::Key"""
    kms = session.client("kms")
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    return {
        "Description": described["Description"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"],
        "KeyPolicy": json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]),
        "Tags": _tags(kms.list_resource_tags(KeyId=key)["Tags"]),
    }


def kms_alias(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::KMS::Alias"""
    aliases = session.client("kms").get_paginator("list_aliases").paginate()
    found: Any = next(
        (alias for page in aliases for alias in page["Aliases"] if alias["AliasName"] == name), {}
    )
    return {"AliasName": found.get("AliasName"), "TargetKeyId": found.get("TargetKeyId")}


def bucket(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::S3::Bucket"""
    s3 = session.client("s3")
    encryption = _or_nothing(
        lambda: s3.get_bucket_encryption(Bucket=name), "ServerSideEncryptionConfigurationNotFoundError"
    )
    rules = [
        {
            "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
            "ServerSideEncryptionByDefault": rule.get("ApplyServerSideEncryptionByDefault", {}),
        }
        for rule in encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    ]
    lifecycle = _or_nothing(
        lambda: s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration"
    )
    logging = s3.get_bucket_logging(Bucket=name).get("LoggingEnabled", {})
    tagging = _or_nothing(lambda: s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet")
    ownership = _or_nothing(
        lambda: s3.get_bucket_ownership_controls(Bucket=name), "OwnershipControlsNotFoundError"
    )
    public = _or_nothing(
        lambda: s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration"
    )
    return {
        "BucketName": name,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": rules},
        "LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in lifecycle.get("Rules", [])]},
        "LoggingConfiguration": {
            "DestinationBucketName": logging.get("TargetBucket"),
            "LogFilePrefix": logging.get("TargetPrefix"),
        },
        "OwnershipControls": ownership.get("OwnershipControls", {}),
        "PublicAccessBlockConfiguration": public.get("PublicAccessBlockConfiguration", {}),
        "VersioningConfiguration": {"Status": s3.get_bucket_versioning(Bucket=name).get("Status")},
        "Tags": tagging.get("TagSet", []),
    }


def _lifecycle_rule(rule: dict[str, Any]) -> Properties:
    expiration = rule.get("Expiration", {})
    return {
        "Id": rule.get("ID"),
        "Status": rule.get("Status"),
        "Prefix": rule.get("Filter", {}).get("Prefix") or rule.get("Prefix"),
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration", {}),
        "ExpirationInDays": expiration.get("Days"),
        "ExpiredObjectDeleteMarker": expiration.get("ExpiredObjectDeleteMarker"),
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload", {}),
    }


def bucket_policy(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::S3::BucketPolicy"""
    name = properties["Bucket"]
    policy = session.client("s3").get_bucket_policy(Bucket=name)["Policy"]
    return {"Bucket": name, "PolicyDocument": json.loads(policy)}


def glue_database(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::Glue::Database"""
    found = session.client("glue").get_database(Name=name)["Database"]
    return {"CatalogId": found.get("CatalogId"), "DatabaseInput": found, "DatabaseName": found["Name"]}


def glue_table(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::Glue::Table"""
    name = properties["TableInput"]["Name"]
    found = session.client("glue").get_table(DatabaseName=properties["DatabaseName"], Name=name)["Table"]
    return {"CatalogId": found.get("CatalogId"), "DatabaseName": found["DatabaseName"], "TableInput": found}


def glue_crawler(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::Glue::Crawler"""
    glue = session.client("glue")
    found: Properties = dict(glue.get_crawler(Name=name)["Crawler"])
    arn = f"arn:aws:glue:{session.region_name}:{_account(session)}:crawler/{name}"
    return {
        **found,
        "Role": found.get("Role"),
        "Schedule": {"ScheduleExpression": (found.get("Schedule") or {}).get("ScheduleExpression")},
        "Tags": glue.get_tags(ResourceArn=arn)["Tags"],
    }


def glue_job(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::Glue::Job"""
    glue = session.client("glue")
    arn = f"arn:aws:glue:{session.region_name}:{_account(session)}:job/{name}"
    return {**glue.get_job(JobName=name)["Job"], "Tags": glue.get_tags(ResourceArn=arn)["Tags"]}


def glue_trigger(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::Glue::Trigger"""
    glue = session.client("glue")
    found: Properties = dict(glue.get_trigger(Name=name)["Trigger"])
    arn = f"arn:aws:glue:{session.region_name}:{_account(session)}:trigger/{name}"
    started = found["State"] in {"ACTIVATED", "ACTIVATING"}
    return {**found, "StartOnCreation": started, "Tags": glue.get_tags(ResourceArn=arn)["Tags"]}


def _account(session: boto3.Session) -> str:
    return str(session.client("sts").get_caller_identity()["Account"])


def iam_role(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::IAM::Role"""
    iam = session.client("iam")
    found = iam.get_role(RoleName=name)["Role"]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return {
        "RoleName": found["RoleName"],
        "Path": found["Path"],
        "PermissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "Description": found.get("Description"),
        "AssumeRolePolicyDocument": found["AssumeRolePolicyDocument"],
        "ManagedPolicyArns": [policy["PolicyArn"] for policy in attached],
        "MaxSessionDuration": found.get("MaxSessionDuration"),
        "Policies": [
            {
                "PolicyName": policy,
                "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"],
            }
            for policy in inline
        ],
        "Tags": _tags(iam.list_role_tags(RoleName=name)["Tags"]),
    }


def iam_policy(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::IAM::Policy"""
    iam, name = session.client("iam"), properties["PolicyName"]
    holders = [
        role
        for role in properties.get("Roles", [])
        if name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    document = (
        iam.get_role_policy(RoleName=holders[0], PolicyName=name)["PolicyDocument"] if holders else None
    )
    return {"PolicyName": name, "Roles": holders, "PolicyDocument": document}


def iam_managed_policy(session: boto3.Session, arn: str, _: Properties) -> Properties:
    """AWS::IAM::ManagedPolicy"""
    iam = session.client("iam")
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    return {
        "ManagedPolicyName": found["PolicyName"],
        "Path": found["Path"],
        "Description": found.get("Description"),
        "Roles": [role["RoleName"] for role in iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]],
        "PolicyDocument": version["Document"],
        "Tags": _tags(found.get("Tags")),
    }


def lambda_function(session: boto3.Session, name: str, properties: Properties) -> Properties:
    """AWS::Lambda::Function; the API returns a digest of the code, not where it came from."""
    client = session.client("lambda")
    answer = client.get_function(FunctionName=name)
    found: Properties = dict(answer["Configuration"])
    code = properties["Code"]
    where = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
    if "S3ObjectVersion" in code:
        where["VersionId"] = code["S3ObjectVersion"]
    packed = session.client("s3").get_object(**where)["Body"].read()
    same_code = base64.b64encode(hashlib.sha256(packed).digest()).decode() == found["CodeSha256"]
    return {
        **found,
        "FunctionName": found["FunctionName"],
        "KmsKeyArn": found.get("KMSKeyArn"),
        "ReservedConcurrentExecutions": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "Code": code if same_code else None,
        "Tags": _tags(answer.get("Tags")),
    }


def lambda_permission(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::Lambda::Permission"""
    name = properties["FunctionName"]
    policy = json.loads(session.client("lambda").get_policy(FunctionName=name)["Policy"])
    for statement in policy["Statement"]:
        principal = statement["Principal"]
        principal = (
            principal.get("Service") or principal.get("AWS") if isinstance(principal, dict) else principal
        )
        if principal == properties["Principal"] and statement["Action"] == properties["Action"]:
            conditions = statement.get("Condition", {})
            return {
                "Action": statement["Action"],
                "FunctionName": statement["Resource"],
                "Principal": principal,
                "SourceArn": conditions.get("ArnLike", {}).get("AWS:SourceArn"),
                "SourceAccount": conditions.get("StringEquals", {}).get("AWS:SourceAccount"),
            }
    return {}


def log_group(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::Logs::LogGroup"""
    logs = session.client("logs")
    found = next(
        group
        for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if group["logGroupName"] == name
    )
    return {
        "LogGroupName": name,
        "KmsKeyId": found.get("kmsKeyId"),
        "RetentionInDays": found.get("retentionInDays"),
        "Tags": _tags(logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"]),
    }


def log_stream(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::Logs::LogStream"""
    streams = session.client("logs").describe_log_streams(logGroupName=properties["LogGroupName"])[
        "logStreams"
    ]
    names = [stream["logStreamName"] for stream in streams]
    name = properties.get("LogStreamName")
    return {"LogGroupName": properties["LogGroupName"], "LogStreamName": name if name in names else None}


def events_rule(session: boto3.Session, rule: str, _: Properties) -> Properties:
    """AWS::Events::Rule"""
    events = session.client("events")
    name = rule.rsplit("/", 1)[-1].rsplit("|", 1)[-1]
    found = events.describe_rule(Name=name)
    return {
        "Name": name,
        "Description": found.get("Description"),
        "EventPattern": json.loads(found["EventPattern"]) if found.get("EventPattern") else None,
        "ScheduleExpression": found.get("ScheduleExpression"),
        "State": found.get("State"),
        "Targets": events.list_targets_by_rule(Rule=name)["Targets"],
        "Tags": events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"],
    }


def athena_workgroup(session: boto3.Session, name: str, properties: Properties) -> Properties:
    """AWS::Athena::WorkGroup"""
    athena = session.client("athena")
    found = athena.get_work_group(WorkGroup=name)["WorkGroup"]
    arn = f"arn:aws:athena:{session.region_name}:{_account(session)}:workgroup/{name}"
    return {
        "Name": found["Name"],
        "Description": found.get("Description"),
        "State": found.get("State"),
        "WorkGroupConfiguration": found.get("Configuration"),
        "RecursiveDeleteOption": properties.get("RecursiveDeleteOption"),  # has an effect on deletion only
        "Tags": _tags(athena.list_tags_for_resource(ResourceARN=arn)["Tags"]),
    }


def athena_named_query(session: boto3.Session, query: str, _: Properties) -> Properties:
    """AWS::Athena::NamedQuery"""
    return dict(session.client("athena").get_named_query(NamedQueryId=query)["NamedQuery"])


def dynamodb_table(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::DynamoDB::Table"""
    dynamodb = session.client("dynamodb")
    found = dynamodb.describe_table(TableName=name)["Table"]
    encryption = found.get("SSEDescription", {})
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    destinations = dynamodb.describe_kinesis_streaming_destination(TableName=name)[
        "KinesisDataStreamDestinations"
    ]
    active = next(
        (destination for destination in destinations if destination["DestinationStatus"] == "ACTIVE"), None
    )
    return {
        "TableName": found["TableName"],
        "BillingMode": found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "AttributeDefinitions": found["AttributeDefinitions"],
        "KeySchema": found["KeySchema"],
        "DeletionProtectionEnabled": found.get("DeletionProtectionEnabled"),
        "SSESpecification": {
            "SSEEnabled": encryption.get("Status") == "ENABLED",
            "SSEType": encryption.get("SSEType"),
            "KMSMasterKeyId": encryption.get("KMSMasterKeyArn"),
        },
        "PointInTimeRecoverySpecification": {
            "PointInTimeRecoveryEnabled": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
            "RecoveryPeriodInDays": recovery.get("RecoveryPeriodInDays"),
        },
        "TimeToLiveSpecification": {
            "AttributeName": ttl.get("AttributeName"),
            "Enabled": ttl.get("TimeToLiveStatus") == "ENABLED",
        },
        "KinesisStreamSpecification": active or {},
        "StreamSpecification": found.get("StreamSpecification", {}),
        "Tags": dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"],
    }


def kinesis_stream(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::Kinesis::Stream"""
    kinesis = session.client("kinesis")
    found = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return {
        "Name": found["StreamName"],
        "RetentionPeriodHours": found["RetentionPeriodHours"],
        "ShardCount": found.get("OpenShardCount"),
        "StreamEncryption": {"EncryptionType": found.get("EncryptionType"), "KeyId": found.get("KeyId")},
        "StreamModeDetails": found.get("StreamModeDetails"),
        "Tags": _tags(kinesis.list_tags_for_stream(StreamName=name)["Tags"]),
    }


def delivery_stream(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::KinesisFirehose::DeliveryStream"""
    firehose = session.client("firehose")
    found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    source = found.get("Source", {}).get("KinesisStreamSourceDescription", {})
    return {
        "DeliveryStreamName": found["DeliveryStreamName"],
        "DeliveryStreamType": found["DeliveryStreamType"],
        "KinesisStreamSourceConfiguration": source,
        "ExtendedS3DestinationConfiguration": found["Destinations"][0].get(
            "ExtendedS3DestinationDescription", {}
        ),
        "Tags": firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)["Tags"],
    }


def ec2_vpc(session: boto3.Session, vpc: str, _: Properties) -> Properties:
    """AWS::EC2::VPC"""
    ec2 = session.client("ec2")
    found = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    support = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")["EnableDnsSupport"]
    names = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]
    return {**found, "EnableDnsSupport": support["Value"], "EnableDnsHostnames": names["Value"]}


def ec2_subnet(session: boto3.Session, subnet: str, _: Properties) -> Properties:
    """AWS::EC2::Subnet"""
    return dict(session.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"][0])


def ec2_route_table(session: boto3.Session, table: str, _: Properties) -> Properties:
    """AWS::EC2::RouteTable"""
    return dict(session.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"][0])


def ec2_route_table_association(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::EC2::SubnetRouteTableAssociation"""
    table = ec2_route_table(session, properties["RouteTableId"], {})
    ends = [
        association
        for association in table.get("Associations", [])
        if association.get("SubnetId") == properties["SubnetId"]
    ]
    return dict(ends[0]) if ends else {}


def ec2_security_group(session: boto3.Session, group: str, _: Properties) -> Properties:
    """AWS::EC2::SecurityGroup"""
    found = session.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    return {
        "GroupDescription": found["Description"],
        "VpcId": found.get("VpcId"),
        "SecurityGroupEgress": _permissions(found.get("IpPermissionsEgress"), "DestinationSecurityGroupId"),
        "SecurityGroupIngress": _permissions(found.get("IpPermissions"), "SourceSecurityGroupId"),
        "Tags": found.get("Tags", []),
    }


def _permissions(found: Any, other: str) -> list[Properties]:
    rules = []
    for permission in found or []:
        base = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
        rules += [
            {**base, "CidrIp": ip["CidrIp"], "Description": ip.get("Description")}
            for ip in permission.get("IpRanges", [])
        ]
        rules += [
            {**base, other: pair["GroupId"], "Description": pair.get("Description")}
            for pair in permission.get("UserIdGroupPairs", [])
        ]
        rules += [
            {
                **base,
                "DestinationPrefixListId": prefix_list["PrefixListId"],
                "Description": prefix_list.get("Description"),
            }
            for prefix_list in permission.get("PrefixListIds", [])
        ]
    return rules


def ec2_vpc_endpoint(session: boto3.Session, endpoint: str, _: Properties) -> Properties:
    """AWS::EC2::VPCEndpoint"""
    found: Properties = dict(
        session.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
    )
    policy = found.get("PolicyDocument")
    return {
        **found,
        "PolicyDocument": json.loads(policy) if policy else None,
        "SecurityGroupIds": [group["GroupId"] for group in found.get("Groups", [])],
    }


def alarm(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::CloudWatch::Alarm"""
    cloudwatch = session.client("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return {**found, "Tags": cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]}


def metric_filter(session: boto3.Session, name: str, properties: Properties) -> Properties:
    """AWS::Logs::MetricFilter"""
    group = properties["LogGroupName"]
    filters = session.client("logs").describe_metric_filters(logGroupName=group)["metricFilters"]
    found = next(
        (
            metric_filter
            for metric_filter in filters
            if metric_filter["filterName"] == properties.get("FilterName", name)
        ),
        None,
    )
    if found is None:
        return {}
    transformations = [
        {member[0].upper() + member[1:]: value for member, value in transformation.items()}
        for transformation in found["metricTransformations"]
    ]
    return {
        "FilterName": found["filterName"],
        "FilterPattern": found["filterPattern"],
        "LogGroupName": found["logGroupName"],
        "MetricTransformations": transformations,
    }


def security_configuration(session: boto3.Session, name: str, _: Properties) -> Properties:
    """AWS::Glue::SecurityConfiguration"""
    found = session.client("glue").get_security_configuration(Name=name)["SecurityConfiguration"]
    encryption: Properties = dict(found["EncryptionConfiguration"])
    return {
        "Name": found["Name"],
        "EncryptionConfiguration": {
            **encryption,
            "S3Encryptions": encryption.get("S3Encryption"),
        },
    }


def principal_permissions(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::LakeFormation::PrincipalPermissions"""
    found = session.client("lakeformation").list_permissions()["PrincipalResourcePermissions"]
    same = [
        grant for grant in found if all(grant[name] == properties[name] for name in ("Principal", "Resource"))
    ]
    granted = {permission for grant in same for permission in grant["Permissions"]}
    return {
        **(same[0] if same else {}),
        "Permissions": [p for p in properties["Permissions"] if p in granted],
    }


def sqs_queue(session: boto3.Session, url: str, _: Properties) -> Properties:
    """AWS::SQS::Queue"""
    sqs = session.client("sqs")
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {
        **{str(name): value for name, value in found.items()},
        "Tags": _tags(sqs.list_queue_tags(QueueUrl=url).get("Tags")),
    }


def sqs_queue_policy(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """AWS::SQS::QueuePolicy; all its queues have one document, so the first queue is read."""
    found = session.client("sqs").get_queue_attributes(
        QueueUrl=properties["Queues"][0], AttributeNames=["Policy"]
    )["Attributes"]
    return {"Queues": properties["Queues"], "PolicyDocument": json.loads(found["Policy"])}


def declared_columns(session: boto3.Session, _: str, properties: Properties) -> Properties:
    """Custom::DeclaredColumns; the columns it declared are columns of the table, the rest is the request."""
    found = session.client("glue").get_table(
        DatabaseName=properties["DatabaseName"], Name=properties["TableName"]
    )["Table"]
    columns = [column["Name"] for column in found["StorageDescriptor"]["Columns"]]
    wanted = [name for name in properties.get("ItemColumns", []) if name]
    return {**properties, "ItemColumns": [name for name in wanted if name in columns] or [""]}


READERS: dict[str, Reader] = {
    "AWS::Athena::NamedQuery": athena_named_query,
    "AWS::Athena::WorkGroup": athena_workgroup,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::DynamoDB::Table": dynamodb_table,
    "AWS::EC2::RouteTable": ec2_route_table,
    "AWS::EC2::SecurityGroup": ec2_security_group,
    "AWS::EC2::Subnet": ec2_subnet,
    "AWS::EC2::SubnetRouteTableAssociation": ec2_route_table_association,
    "AWS::EC2::VPC": ec2_vpc,
    "AWS::EC2::VPCEndpoint": ec2_vpc_endpoint,
    "AWS::Events::Rule": events_rule,
    "AWS::Glue::Crawler": glue_crawler,
    "AWS::Glue::Database": glue_database,
    "AWS::Glue::Job": glue_job,
    "AWS::Glue::SecurityConfiguration": security_configuration,
    "AWS::Glue::Table": glue_table,
    "AWS::Glue::Trigger": glue_trigger,
    "AWS::IAM::ManagedPolicy": iam_managed_policy,
    "AWS::IAM::Policy": iam_policy,
    "AWS::IAM::Role": iam_role,
    "AWS::KMS::Alias": kms_alias,
    "AWS::KMS::Key": kms_key,
    "AWS::Kinesis::Stream": kinesis_stream,
    "AWS::KinesisFirehose::DeliveryStream": delivery_stream,
    "AWS::LakeFormation::PrincipalPermissions": principal_permissions,
    "AWS::Lambda::Function": lambda_function,
    "AWS::Lambda::Permission": lambda_permission,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::LogStream": log_stream,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SQS::Queue": sqs_queue,
    "AWS::SQS::QueuePolicy": sqs_queue_policy,
    "Custom::DeclaredColumns": declared_columns,
}
