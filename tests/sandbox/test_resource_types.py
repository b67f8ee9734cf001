"""What CloudFormation makes of a template in the emulator is what AWS makes of it."""

import io
import json
import time
import zipfile
from typing import Any

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.stacks import Stacks

pytestmark = pytest.mark.sandbox
Template = dict[str, Any]


@pytest.fixture
def stacks(emulator: Sandbox) -> Stacks:
    """Stacks of the producer account."""
    return Stacks(emulator, "producer")


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


def test_a_table_starts_changes_and_stops_its_stream(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """KinesisStreamSpecification is created, changed and removed without replacing the table."""
    dynamodb = emulator.session("producer").client("dynamodb")

    def destinations() -> list[tuple[str, str]]:
        found = dynamodb.describe_kinesis_streaming_destination(TableName=unique)
        return [
            (one["DestinationStatus"], one["ApproximateCreationDateTimePrecision"])
            for one in found["KinesisDataStreamDestinations"]
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


def test_a_table_with_another_key_starts_its_changes_too(
    emulator: Sandbox, stacks: Stacks, unique: str
) -> None:
    """A changed KeySchema makes another table, which has every setting of the template again."""
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
    made = session.client("cloudformation").describe_stack_resource(
        StackName=unique, LogicalResourceId="Table"
    )
    name = made["StackResourceDetail"]["PhysicalResourceId"]
    dynamodb = session.client("dynamodb")
    assert dynamodb.describe_table(TableName=name)["Table"]["KeySchema"][0]["AttributeName"] == "id"
    [destination] = dynamodb.describe_kinesis_streaming_destination(TableName=name)[
        "KinesisDataStreamDestinations"
    ]
    assert destination["DestinationStatus"] == "ACTIVE"


def test_a_table_keeps_what_the_template_sets(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
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


def test_a_taken_table_name_fails_the_stack(stacks: Stacks, unique: str) -> None:
    """AWS refuses; MiniStack would empty the table that is there."""
    stacks.create(unique, table_resources(unique))
    resources = {"Table": table_resources(unique)["Table"]}

    assert stacks.create(f"{unique}-2", resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in stacks.reasons(f"{unique}-2")


def test_a_protected_table_is_not_deleted(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Deletion protection fails the deletion of the stack and keeps the table."""
    stacks.create(unique, table_resources(unique, DeletionProtectionEnabled=True))

    assert stacks.delete(unique)["StackStatus"] == "DELETE_FAILED"
    assert emulator.session("producer").client("dynamodb").describe_table(TableName=unique)["Table"]


def test_a_kept_table_is_not_in_the_way_of_the_next_stack(
    emulator: Sandbox, stacks: Stacks, unique: str
) -> None:
    """A name that CloudFormation makes up is new with every stack, and stays through an update."""
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


def bucket_resources(name: str, **properties: Any) -> Template:
    return {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}}


def test_a_bucket_with_contents_is_not_deleted(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Neither an object nor an earlier version may be lost with the stack."""
    s3 = emulator.session("producer").client("s3")
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    stacks.create(unique, bucket_resources(unique, **versioned))
    s3.put_object(Bucket=unique, Key="k", Body=b"")
    assert stacks.delete(unique)["StackStatus"] == "DELETE_FAILED"

    s3.delete_object(Bucket=unique, Key="k")
    assert stacks.delete(unique)["StackStatus"] == "DELETE_FAILED"
    assert "not empty" in stacks.reasons(unique)

    found = s3.list_object_versions(Bucket=unique)
    for version in [*found["Versions"], *found["DeleteMarkers"]]:
        s3.delete_object(Bucket=unique, Key="k", VersionId=version["VersionId"])
    assert stacks.delete(unique)["StackStatus"] == "DELETE_COMPLETE"


def test_a_bucket_name_s3_refuses_fails_the_stack(stacks: Stacks, unique: str) -> None:
    """Upper-case letters make no bucket."""
    assert stacks.create(unique, bucket_resources("Not-A-Bucket"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "not valid" in stacks.reasons(unique)


def test_a_buckets_default_key_encrypts_what_is_put(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """An object put without any header carries the bucket's algorithm and key."""
    s3 = emulator.session("producer").client("s3")
    key = emulator.session("producer").client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
    }
    encryption = {"ServerSideEncryptionConfiguration": [rule]}
    stacks.create(unique, bucket_resources(unique, BucketEncryption=encryption))
    s3.put_object(Bucket=unique, Key="k", Body=b"")

    found = s3.head_object(Bucket=unique, Key="k")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)


def test_a_named_query_comes_changes_and_goes(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Every property is create-only: a change makes another query and removes the one before."""
    athena = emulator.session("producer").client("athena")

    def resources(sql: str) -> Template:
        properties = {"Database": "default", "QueryString": sql, "Name": unique, "WorkGroup": "primary"}
        return {"Query": {"Type": "AWS::Athena::NamedQuery", "Properties": properties}}

    stacks.create(unique, resources("SELECT 1"))
    first = stacks.physical_id(unique, "Query")
    assert athena.get_named_query(NamedQueryId=first)["NamedQuery"]["QueryString"] == "SELECT 1"

    stacks.update(unique, resources("SELECT 2"))
    second = stacks.physical_id(unique, "Query")
    assert athena.get_named_query(NamedQueryId=second)["NamedQuery"]["QueryString"] == "SELECT 2"

    stacks.delete(unique)
    assert not {first, second} & set(athena.list_named_queries(WorkGroup="primary")["NamedQueryIds"])


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": "ask",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
                },
            }
        ],
    },
}


def zipped(code: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    return packed.getvalue()


def function_resources(bucket: str, key: str, **properties: Any) -> Template:
    function = {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"S3Bucket": bucket, "S3Key": key},
        "Timeout": 20,
        **properties,
    }
    return {"Role": ROLE, "Function": {"Type": "AWS::Lambda::Function", "Properties": function}}


@pytest.fixture
def code(emulator: Sandbox, unique: str) -> str:
    """A bucket for functions' zips."""
    emulator.session("producer").client("s3").create_bucket(Bucket=f"{unique}-code")
    return f"{unique}-code"


CUSTOM_RESOURCE = """
import json, urllib.request
import boto3

def handler(event, context):
    boto3.client("s3").list_buckets()
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "made", "Data": {"Asked": event["RequestType"]}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request).read()
"""


def test_a_custom_resource_answers_over_tls(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """The function trusts the sandbox's authority, calls AWS as its role, and its data reaches the stack."""
    emulator.session("producer").client("s3").put_object(Bucket=code, Key="z", Body=zipped(CUSTOM_RESOURCE))
    resources = function_resources(code, "z")
    token = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "ServiceTimeout": 30}
    resources["Asked"] = {"Type": "Custom::Asked", "Properties": token}

    stack = stacks.create(unique, resources, {"Asked": {"Fn::GetAtt": ["Asked", "Asked"]}})

    assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.reasons(unique)
    assert stack["Outputs"][0]["OutputValue"] == "Create"


IMPORTS = """
import importlib.util
def handler(event, context):
    return {name: importlib.util.find_spec(name) is not None for name in event}
"""


def test_a_function_imports_what_the_runtime_has_and_no_more(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """boto3 comes with the runtime; a wheel that the zip lacks is missing, as it is on AWS."""
    session = emulator.session("producer")
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(IMPORTS))
    stacks.create(unique, function_resources(code, "z"))

    answer = session.client("lambda").invoke(
        FunctionName=stacks.physical_id(unique, "Function"),
        Payload=json.dumps(["boto3", "orjson", "ministack", "transform_lambda"]),
    )
    assert json.loads(answer["Payload"].read()) == {
        "boto3": True,
        "orjson": False,
        "ministack": False,
        "transform_lambda": False,
    }


ASK = """
import boto3
def handler(event, context):
    try:
        boto3.client("s3").list_buckets()
    except Exception as error:
        return type(error).__name__ + str(error)[:40]
    return "answered"
"""


def test_a_functions_own_calls_name_the_function(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """A Deny on lambda:SourceFunctionArn binds the code, and another function's ARN does not."""
    session = emulator.session("producer")
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(ASK))
    stacks.create(unique, function_resources(code, "z"))
    name, role = (stacks.physical_id(unique, part) for part in ("Function", "Role"))
    arn = session.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]

    def ask(denied_function: str) -> str:
        deny = {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": denied_function}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        session.client("iam").put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=document)
        answer = session.client("lambda").invoke(FunctionName=name, Payload="{}")
        return str(json.loads(answer["Payload"].read()))

    assert ask(f"{arn}-other") == "answered"
    assert "AccessDenied" in ask(arn)


def test_a_function_without_its_zip_fails_the_stack(stacks: Stacks, unique: str, code: str) -> None:
    """MiniStack would make a function with no code in it."""
    assert stacks.create(unique, function_resources(code, "no-such"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "NoSuchKey" in stacks.reasons(unique)


def test_a_role_that_lambda_may_not_assume_fails_the_stack(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """The role's trust policy has to name lambda.amazonaws.com."""
    emulator.session("producer").client("s3").put_object(Bucket=code, Key="z", Body=zipped(IMPORTS))
    resources = json.loads(
        json.dumps(function_resources(code, "z")).replace("lambda.amazonaws.com", "glue.amazonaws.com")
    )

    assert stacks.create(unique, resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "cannot be assumed by Lambda" in stacks.reasons(unique)


def test_a_function_keeps_its_key_and_its_network(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """Both are answered by the API after creation and after an update."""
    session = emulator.session("producer")
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(IMPORTS))
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/25")["Subnet"]["SubnetId"]
    network = {"SubnetIds": [subnet], "SecurityGroupIds": []}
    key = "arn:aws:kms:us-east-1:111111111111:key/0"

    def now() -> tuple[Any, Any, int]:
        name = stacks.physical_id(unique, "Function")
        found = session.client("lambda").get_function_configuration(FunctionName=name)
        return found.get("KMSKeyArn"), found["VpcConfig"]["SubnetIds"], found["MemorySize"]

    stacks.create(unique, function_resources(code, "z", KmsKeyArn=key, VpcConfig=network))
    assert now() == (key, [subnet], 128)
    stacks.update(unique, function_resources(code, "z", KmsKeyArn=key, VpcConfig=network, MemorySize=256))
    assert now() == (key, [subnet], 256)


def test_a_stream_is_encrypted_as_the_template_says(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """On, then off again, without losing the stream."""
    kinesis = emulator.session("producer").client("kinesis")

    def resources(**properties: Any) -> Template:
        stream = {"Name": unique, "ShardCount": 1, **properties}
        return {"Stream": {"Type": "AWS::Kinesis::Stream", "Properties": stream}}

    def now() -> str:
        found = kinesis.describe_stream_summary(StreamName=unique)["StreamDescriptionSummary"]
        return str(found.get("EncryptionType"))

    stacks.create(unique, resources(StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/k"}))
    assert now() == "KMS"
    stacks.update(unique, resources())
    assert now() == "NONE"


def test_an_alarm_on_an_expression_is_kept(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Metric math stands in the alarm as the template has it."""
    metric = {"Namespace": "AWS/DynamoDB", "MetricName": "ThrottledPutRecordCount"}
    queries = [
        {"Id": "e1", "Expression": "m1 * 2", "ReturnData": True},
        {
            "Id": "m1",
            "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        },
    ]
    alarm = {
        "AlarmName": unique,
        "Metrics": queries,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "EvaluationPeriods": 1,
    }
    stacks.create(unique, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}})

    found = emulator.session("producer").client("cloudwatch").describe_alarms(AlarmNames=[unique])
    described = found["MetricAlarms"][0]["Metrics"]
    assert [query["Id"] for query in described] == ["e1", "m1"]
    assert described[0]["Expression"] == "m1 * 2"
    assert described[1]["MetricStat"]["Metric"]["MetricName"] == "ThrottledPutRecordCount"


def test_glue_keeps_a_tables_versions(emulator: Sandbox, unique: str) -> None:
    """Newest first, the current one among them; a skipped archive leaves none."""
    glue: Any = emulator.session("producer").client("glue")
    glue.create_database(DatabaseInput={"Name": unique})

    def definition(*columns: str) -> Template:
        return {"Name": "t", "StorageDescriptor": {"Columns": [{"Name": name} for name in columns]}}

    glue.create_table(DatabaseName=unique, TableInput=definition("a"))
    glue.update_table(DatabaseName=unique, TableInput=definition("a", "b"))
    glue.update_table(DatabaseName=unique, TableInput=definition("c"), SkipArchive=True)

    found = glue.get_table_versions(DatabaseName=unique, TableName="t")["TableVersions"]
    columns = [[column["Name"] for column in one["Table"]["StorageDescriptor"]["Columns"]] for one in found]
    assert columns == [["c"], ["a"]]
    assert [int(one["VersionId"]) for one in found] == sorted(
        (int(one["VersionId"]) for one in found), reverse=True
    )


def test_events_reach_the_function_through_rules_it_admits(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """A rule without a permission on the function is matched and calls nobody.

    Through the other kind the catalog function hears of the crawler.
    """
    session = emulator.session("producer")
    keep = f"""
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket="{code}", Key="seen/" + event["detail"]["name"], Body=b"")
"""
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(keep))
    resources = json.loads(
        json.dumps(function_resources(code, "z")).replace("s3:ListAllMyBuckets", "s3:PutObject")
    )
    for rule in ("Unadmitted", "Admitted"):
        pattern = {"source": [unique], "detail": {"name": [rule]}}
        target = {"Id": "function", "Arn": {"Fn::GetAtt": ["Function", "Arn"]}}
        resources[rule] = {
            "Type": "AWS::Events::Rule",
            "Properties": {"EventPattern": pattern, "Targets": [target]},
        }
    resources["Permission"] = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "Function"},
            "Principal": "events.amazonaws.com",
            "SourceArn": {"Fn::GetAtt": ["Admitted", "Arn"]},
        },
    }
    assert stacks.create(unique, resources)["StackStatus"] == "CREATE_COMPLETE", stacks.reasons(unique)

    events = [
        {"Source": unique, "DetailType": "x", "Detail": json.dumps({"name": name})}
        for name in ("Unmatched", "Unadmitted", "Admitted")
    ]
    bus: Any = session.client("events")
    bus.put_events(Entries=events)
    deadline = time.monotonic() + 20
    seen: list[str] = []
    while not seen and time.monotonic() < deadline:
        found = session.client("s3").list_objects_v2(Bucket=code, Prefix="seen/").get("Contents", [])
        seen = [one["Key"] for one in found]
        time.sleep(0.1)
    assert seen == ["seen/Admitted"]
