"""The shipped policies in use, evaluated by the emulator as IAM evaluates them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import accounts
from sandbox.emulator.policies import trust_for
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox.roles import account_root, client_as, trust_policy

Client = Any
ADMINISTRATOR = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def refusal(call: Callable[[], Any]) -> str:
    """The error code of a call, or an empty string."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def role_session(
    sandbox: Sandbox, profile: str, arn: str, *, service: str = "", external_id: str = ""
) -> Client:
    """An S3 client of a role's session; `service` assumes it as AWS would."""
    session = sandbox.session(profile)
    sts = session.client("sts")
    if service:
        accounts.as_service(
            sts, service, f"arn:aws:firehose:us-east-1:{accounts.PRODUCER}:deliverystream/ddb-lake"
        )
    more: dict[str, Any] = {"ExternalId": external_id} if external_id else {}
    credentials = sts.assume_role(RoleArn=arn, RoleSessionName="test", **more)["Credentials"]
    return client_as(session, "s3", credentials)


def administrator(sandbox: Sandbox, profile: str, name: str) -> Client:
    """An S3 client of a role of that account that may do everything."""
    iam = sandbox.session(profile).client("iam")
    trust = trust_policy(account_root(accounts.PROFILES[profile]))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(ADMINISTRATOR))
    return role_session(sandbox, profile, role["Arn"])


def in_plain_text(client: Client) -> Client:
    """The same client for an endpoint without TLS."""

    def mark(request: Any, **_: Any) -> None:
        request.headers["x-forwarded-proto"] = "http"

    client.meta.events.register("before-sign", mark)
    return client


@pytest.mark.sandbox
def test_only_the_delivery_role_can_write() -> None:
    """Every identity tries every call; the result is the one that the shipped templates define.

    A separate sandbox, because objects written here must not be in a lake that other tests count.
    """
    with Sandbox() as sandbox:
        sandbox.launch(plan_launches())
        bucket = sandbox.outputs["LakeBucketName"]
        role = sandbox.outputs["DeliveryRoleArn"]
        firehose: dict[str, str] = {"service": "firehose.amazonaws.com", "external_id": accounts.PRODUCER}

        def put(client: Client, key: str, **more: Any) -> Callable[[], Any]:
            return lambda: client.put_object(
                Bucket=bucket, Key=key, Body=b"{}", ACL="bucket-owner-full-control", **more
            )

        def get(client: Client, key: str) -> Callable[[], Any]:
            return lambda: client.get_object(Bucket=bucket, Key=key)

        delivery = role_session(sandbox, "producer", role, **firehose)
        plain = in_plain_text(role_session(sandbox, "producer", role, **firehose))
        data, errors = "data/dt=2026-01-01/ddb-lake-1", "errors/x/dt=2026-01-01/ddb-lake-1"
        own_key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": sandbox.outputs["LakeKeyArn"]}
        foreign_key = {**own_key, "SSEKMSKeyId": "arn:aws:kms:us-east-1:111111111111:key/0"}
        refused = {
            "rows": put(delivery, data),
            "errors": put(delivery, errors),
            "rows under the lake's key": put(delivery, data, **own_key),
            "read back": lambda: delivery.get_object(Bucket=bucket, Key=data),
            "list": lambda: delivery.list_objects_v2(Bucket=bucket),
            "consumer root reads": lambda: (
                sandbox.session("consumer").client("s3").get_object(Bucket=bucket, Key=data)
            ),
            "consumer administrator reads": lambda: administrator(sandbox, "consumer", "admin").get_object(
                Bucket=bucket, Key=data
            ),
        }
        assert {name: code for name, call in refused.items() if (code := refusal(call))} == {}

        outsiders = {
            "producer administrator": administrator(sandbox, "producer", "admin"),
            "stranger's role of the same name": administrator(sandbox, "stranger", "ddb-lake-delivery"),
            "producer root": sandbox.session("producer").client("s3"),
            "stranger root": sandbox.session("stranger").client("s3"),
        }
        allowed = {
            "another prefix": put(delivery, "other/ddb-lake-1"),
            "another stream's name": put(delivery, "data/dt=2026-01-01/other-1"),
            "another key": put(delivery, data, **foreign_key),
            "a key of the writer's own": put(
                delivery, data, SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32
            ),
            "deeper than a day": put(delivery, "data/dt=2026-01-01/ddb-lake-1/x"),
            "an error deeper than a day": put(delivery, "errors/x/y/dt=2026-01-01/ddb-lake-1"),
            "a day that is none": put(delivery, "data/dt=today/ddb-lake-1"),
            "archived": put(delivery, data, StorageClass="DEEP_ARCHIVE"),
            "redirected": put(delivery, data, WebsiteRedirectLocation="/x"),
            "open to everybody": lambda: delivery.put_object(
                Bucket=bucket, Key=data, Body=b"{}", ACL="public-read"
            ),
            "handed to somebody": lambda: delivery.put_object(
                Bucket=bucket, Key=data, Body=b"{}", GrantRead="id=x"
            ),
            "opened afterwards": lambda: delivery.put_object_acl(Bucket=bucket, Key=data, ACL="public-read"),
            "in plain text": put(plain, data),
            "delete": lambda: delivery.delete_object(Bucket=bucket, Key=data),
            "write the policy": lambda: delivery.put_bucket_policy(Bucket=bucket, Policy="{}"),
            **{f"{name} writes": put(client, data) for name, client in outsiders.items()},
            **{f"{name} reads": get(client, data) for name, client in outsiders.items()},
            "consumer root with another key": put(
                sandbox.session("consumer").client("s3"), data, **foreign_key
            ),
            "consumer root with its own key": put(
                sandbox.session("consumer").client("s3"),
                data,
                SSECustomerAlgorithm="AES256",
                SSECustomerKey="k" * 32,
            ),
            "role without its external id": lambda: role_session(
                sandbox, "producer", role, service="firehose.amazonaws.com"
            ),
            "role for another service": lambda: role_session(
                sandbox, "producer", role, service="glue.amazonaws.com", external_id=accounts.PRODUCER
            ),
            "role for the account's root": lambda: role_session(
                sandbox, "producer", role, external_id=accounts.PRODUCER
            ),
            "role for a stranger that acts as Firehose": lambda: role_session(
                sandbox, "stranger", role, **firehose
            ),
        }
        codes = {name: refusal(call) for name, call in allowed.items()}
        assert {name: code for name, code in codes.items() if code != "AccessDenied"} == {}


@pytest.mark.sandbox
def test_deny_in_the_bucket_policy_applies_to_root(emulator: Sandbox, unique: str) -> None:
    """A Deny applies to the root user too, who can still delete the policy."""
    s3 = emulator.session("producer").client("s3")
    s3.create_bucket(Bucket=unique)
    deny = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{unique}/*",
            }
        ],
    }
    s3.put_bucket_policy(Bucket=unique, Policy=json.dumps(deny))
    assert refusal(lambda: s3.put_object(Bucket=unique, Key="k", Body=b"")) == "AccessDenied"

    s3.delete_bucket_policy(Bucket=unique)
    assert refusal(lambda: s3.put_object(Bucket=unique, Key="k", Body=b"")) == ""


CONDITIONS: list[tuple[dict[str, dict[str, str]], bool]] = [
    ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/{name}"}}, True),
    ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/other"}}, False),
    ({"StringEquals": {"aws:ResourceAccount": "111111111111"}}, True),
    ({"StringEquals": {"aws:ResourceAccount": "222222222222"}}, False),
    ({"StringEquals": {"aws:PrincipalAccount": "111111111111"}}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, True),
    ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ({"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}, True),
    ({"StringEquals": {"s3:x-amz-acl": "private"}}, False),
    ({"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "{key}"}}, True),
    ({"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "another"}}, False),
]


@pytest.mark.sandbox
def test_identity_policies_are_evaluated_with_the_condition_keys_of_aws(
    emulator: Sandbox, unique: str
) -> None:
    """A role's grant with one condition after another, for the same request."""
    session = emulator.session("producer")
    session.client("s3").create_bucket(Bucket=unique)
    client, iam = administrator(emulator, "producer", unique), session.client("iam")
    key = session.client("kms").create_key()["KeyMetadata"]["Arn"]

    def may_put(condition: dict[str, dict[str, str]]) -> bool:
        filled = json.dumps(condition).replace("{name}", unique).replace("{key}", key)
        grant = {
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{unique}/*",
            "Condition": json.loads(filled),
        }
        rest = {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "s3:PutObjectAcl"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [grant, rest]})
        iam.put_role_policy(RoleName=unique, PolicyName="all", PolicyDocument=document)
        code = refusal(
            lambda: client.put_object(
                Bucket=unique,
                Key="k",
                Body=b"",
                ACL="bucket-owner-full-control",
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=key,
            )
        )
        assert code in {"", "AccessDenied"}
        return not code

    assert [(condition, may_put(condition)) for condition, _ in CONDITIONS] == CONDITIONS


def test_trust_policy_is_evaluated_for_one_caller() -> None:
    """The statements that name a service apply to that service, the rest to all other callers."""
    service = {"Effect": "Allow", "Principal": {"Service": ["a.amazonaws.com", "b.amazonaws.com"]}}
    account = {"Effect": "Allow", "Principal": {"AWS": "111111111111"}}
    document = {"Statement": [service, account]}

    assert trust_for(document, "b.amazonaws.com")["Statement"] == [
        {**service, "Principal": {"Service": "b.amazonaws.com"}}
    ]
    assert trust_for(document, "c.amazonaws.com")["Statement"] == []
    assert trust_for(json.dumps(document), "")["Statement"] == [account]
