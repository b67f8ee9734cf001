"""A function in a template: its code, its role, and its callers."""

import json
from typing import Any

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.pipelines import zipped
from tests.sandbox.roles import trust_policy
from tests.sandbox.stacks import Stacks, Template
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": json.loads(trust_policy({"Service": "lambda.amazonaws.com"})),
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


def test_custom_resource_answers_over_tls(emulator: Sandbox, stacks: Stacks, unique: str, code: str) -> None:
    """The function trusts the sandbox's authority, calls AWS with its role, and returns data to the stack."""
    emulator.session("producer").client("s3").put_object(
        Bucket=code, Key="z", Body=zipped(CUSTOM_RESOURCE, "index")
    )
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


def test_function_can_import_only_modules_of_the_runtime(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """boto3 is part of the runtime; a package that the zip lacks is missing, as on AWS."""
    session = emulator.session("producer")
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(IMPORTS, "index"))
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


def test_calls_of_a_function_carry_its_arn(emulator: Sandbox, stacks: Stacks, unique: str, code: str) -> None:
    """A Deny on lambda:SourceFunctionArn applies to its code, and not with another function's ARN."""
    session = emulator.session("producer")
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(ASK, "index"))
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


def test_function_without_its_zip_fails_the_stack(stacks: Stacks, unique: str, code: str) -> None:
    """MiniStack would create a function without code."""
    assert stacks.create(unique, function_resources(code, "no-such"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "NoSuchKey" in stacks.reasons(unique)


def test_role_that_lambda_cannot_assume_fails_the_stack(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """The role's trust policy has to name lambda.amazonaws.com."""
    emulator.session("producer").client("s3").put_object(Bucket=code, Key="z", Body=zipped(IMPORTS, "index"))
    resources = json.loads(
        json.dumps(function_resources(code, "z")).replace("lambda.amazonaws.com", "glue.amazonaws.com")
    )

    assert stacks.create(unique, resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "cannot be assumed by Lambda" in stacks.reasons(unique)


def test_function_keeps_its_key_and_its_network(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """The API returns both after creation and after an update."""
    session = emulator.session("producer")
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(IMPORTS, "index"))
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


def test_log_group_of_a_function_is_created_only_with_its_roles_permission(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """A deleted group is created again only if the role may create it."""
    session = emulator.session("producer")
    logs, group = session.client("logs"), f"/{unique}"
    body = zipped("def handler(event, context): pass", "index")
    session.client("s3").put_object(Bucket=code, Key="code", Body=body)
    stacks.create(unique, function_resources(code, "code", LoggingConfig={"LogGroup": group}))
    function, role = (stacks.physical_id(unique, name) for name in ("Function", "Role"))

    def invoked() -> list[str]:
        session.client("lambda").invoke(FunctionName=function)
        return [
            log_group["logGroupName"]
            for log_group in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        ]

    assert invoked() == []
    statement = {
        "Effect": "Allow",
        "Action": "logs:CreateLogGroup",
        "Resource": f"arn:aws:logs:*:*:*:{group}",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    session.client("iam").put_role_policy(RoleName=role, PolicyName="logs", PolicyDocument=document)
    assert invoked() == [group]


def test_event_reaches_the_function_only_through_permitted_rules(
    emulator: Sandbox, stacks: Stacks, unique: str, code: str
) -> None:
    """A rule that matches but has no permission on the function does not call it.

    The crawler's events reach the catalog function through a rule with the permission.
    """
    session = emulator.session("producer")
    keep = f"""
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket="{code}", Key="seen/" + event["detail"]["name"], Body=b"")
"""
    session.client("s3").put_object(Bucket=code, Key="z", Body=zipped(keep, "index"))
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

    def seen() -> list[str]:
        found = session.client("s3").list_objects_v2(Bucket=code, Prefix="seen/").get("Contents", [])
        return [stored["Key"] for stored in found]

    assert wait_until(seen, "a call of the function") == ["seen/Admitted"]


def test_role_has_the_boundary_of_its_template(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Created with one, changed, removed; a boundary that does not exist fails the stack."""
    iam = emulator.session("producer").client("iam")

    def bounded_by(name: str | None) -> dict[str, Any]:
        boundary = {"PermissionsBoundary": f"arn:aws:iam::aws:policy/{name}"} if name else {}
        return {"Role": {**ROLE, "Properties": {**ROLE["Properties"], **boundary}}}  # type: ignore[dict-item]

    def boundary() -> str | None:
        found = iam.get_role(RoleName=stacks.physical_id(unique, "Role"))["Role"]
        arn: str | None = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return arn and arn.rpartition("/")[2]

    stacks.create(unique, bounded_by("PowerUserAccess"))
    seen = [boundary()]
    for name in ("ReadOnlyAccess", None):
        stacks.update(unique, bounded_by(name))
        seen.append(boundary())

    assert seen == ["PowerUserAccess", "ReadOnlyAccess", None]
    assert stacks.create(f"{unique}-2", bounded_by("NoSuchPolicy"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "NoSuchEntity" in stacks.reasons(f"{unique}-2")
