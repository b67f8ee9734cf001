"""The same identities in the sandbox: real calls to the emulator, which enforces the policies.

An identity is assumed as on AWS (a template's role by its service, another role by its account); a call is
allowed unless the response is a denial; other errors count as allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox import accounts
from sandbox.lifecycle import Sandbox
from tests.policies.documents import Documents
from tests.policies.ledger import Ledger
from tests.sandbox.roles import account_root, credential_arguments, trust_policy
from tests.templates.resolver import Stack, shipped_template

REFUSALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}

# Actor → the service that assumes the role, for the roles of the templates.
ASSUMED_BY = {
    "delivery role": "firehose.amazonaws.com",
    "transform function's role": "lambda.amazonaws.com",
    "crawler": "glue.amazonaws.com",
    "catalog function": "lambda.amazonaws.com",
}
IDENTITIES = (
    *ASSUMED_BY,
    "producer administrator",
    "look-alike role",
    "transform function's double",
    "consumer administrator",
    "analyst",
    "operator",
    "stranger administrator",
    "stranger's delivery role",
    "anybody unsigned",
)


def launched_documents(sandbox: Sandbox) -> Documents:
    """The policies of the stacks in the sandbox, with the names of the resources there."""
    stacks: dict[str, Stack] = {}
    for kind, stack in sandbox.stacks.items():
        cloudformation = sandbox.session(stack["profile"]).client("cloudformation")
        (described,) = cloudformation.describe_stacks(StackName=stack["stack"])["Stacks"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["stack"])
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        stacks[kind] = Stack(
            shipped_template(kind),
            name=stack["stack"],
            account=accounts.PROFILES[stack["profile"]],
            region=accounts.REGION,
            parameters={p["ParameterKey"]: p["ParameterValue"] for p in described["Parameters"]},
            names={resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
            stack_id=described["StackId"],
        )
    return Documents.of_stacks("two-accounts", stacks)


@dataclass(frozen=True)
class Call:
    """One API call, as written in the ledger and as boto3 calls it.

    ``crosses`` is true if a caller in another account can name the resource at all: most APIs look a name up
    in the caller's own account. ``also`` is the key that the service uses for the caller.
    """

    action: str
    resource: str
    context: Mapping[str, str]
    make: Callable[[Caller, Ledger], Any]
    crosses: bool = False
    also: tuple[dict[str, Any], ...] = ()

    @property
    def parts(self) -> tuple[dict[str, Any], ...]:
        """The decisions that AWS takes, as written in the ledger."""
        return ({"action": self.action, "resource": self.resource, "with": self.context}, *self.also)

    @property
    def name(self) -> str:
        return " ".join([self.action, "on", self.resource, *(f"{k}={v}" for k, v in self.context.items())])


class Caller:
    """One identity's credentials, and its clients."""

    def __init__(self, sandbox: Sandbox, ledger: Ledger, actor: str) -> None:
        self.sandbox, self.actor = sandbox, ledger.actor_named(actor)
        account = self.actor.account or accounts.STRANGER
        self.profile = next(name for name, number in accounts.PROFILES.items() if number == account)
        self._clients: dict[tuple[str, bool], Any] = {}
        self._credentials: dict[str, Any] = {}
        if self.actor.principal is None:
            self._credentials = {"config": Config(signature_version=UNSIGNED)}
        else:
            self._credentials = credential_arguments(self._assumed(ledger))

    def _assumed(self, ledger: Ledger) -> dict[str, str]:
        session = self.sandbox.session(self.profile)
        sts: Any = session.client("sts")
        more: dict[str, str | None] = {}
        if self.actor.name in ASSUMED_BY:
            stream = ledger.documents.resource("DeliveryStream")
            source = stream.arn if stream and self.actor.name == "delivery role" else ""
            accounts.as_service(sts, ASSUMED_BY[self.actor.name], source)
            more = {"ExternalId": self.actor.account} if self.actor.name == "delivery role" else {}
        else:
            self._make_role(session.client("iam"), ledger)
        answer = sts.assume_role(RoleArn=self.actor.role, RoleSessionName="session", **more)
        credentials: dict[str, str] = answer["Credentials"]
        return credentials

    def _make_role(self, iam: Any, ledger: Ledger) -> None:
        name = str(self.actor.role).rsplit("/", 1)[-1]
        trust = trust_policy(account_root(str(self.actor.account)))
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        for number, policy in enumerate(self.actor.policies):
            document = json.dumps(ledger.policies[policy].document)
            iam.put_role_policy(RoleName=name, PolicyName=f"own{number}", PolicyDocument=document)

    def client(self, service: str, *, plaintext: bool = False) -> Any:
        if (service, plaintext) not in self._clients:
            session: Any = self.sandbox.session(self.profile)  # its client() is typed by literal names
            client = session.client(service, **self._credentials)
            if plaintext:
                client.meta.events.register("before-sign", _arrived_in_plaintext)
            self._clients[service, plaintext] = client
        return self._clients[service, plaintext]

    def may(self, call: Call, ledger: Ledger) -> bool:
        """Whether the sandbox allows the call for this identity; any error except a denial means yes."""
        try:
            call.make(self, ledger)
        except ClientError as error:
            return error.response["Error"]["Code"] not in REFUSALS
        return True


def _arrived_in_plaintext(request: Any, **_: Any) -> None:
    """The sandbox accepts only TLS; this header makes it treat a request as one without TLS."""
    request.headers["x-forwarded-proto"] = "http"


def _s3(method: str, key: str = "", **more: Any) -> Callable[[Caller, Ledger], Any]:
    def make(caller: Caller, ledger: Ledger) -> Any:
        arguments = {"Bucket": ledger.filled("${LakeBucket}"), **({"Key": key} if key else {})}
        arguments |= {k: ledger.filled(v) if isinstance(v, str) else v for k, v in more.items()}
        return getattr(caller.client("s3"), method)(**arguments)

    return make


def _in_plaintext(method: str, key: str) -> Callable[[Caller, Ledger], Any]:
    return lambda caller, ledger: getattr(caller.client("s3", plaintext=True), method)(
        Bucket=ledger.filled("${LakeBucket}"), Key=key
    )


def _api(service: str, method: str, **arguments: Any) -> Callable[[Caller, Ledger], Any]:
    def make(caller: Caller, ledger: Ledger) -> Any:
        return getattr(caller.client(service), method)(**ledger.filled_in(arguments))

    return make


def _through_s3(action: str) -> tuple[dict[str, Any], ...]:
    context = {
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": "${LakeBucket.Arn}",
    }
    return ({"action": action, "resource": "LakeKey", "with": context},)


_WRITES, _READS = _through_s3("kms:GenerateDataKey"), _through_s3("kms:Decrypt")
_STREAM_KEY = {
    "action": "kms:GenerateDataKey",
    "resource": "SourceKey",
    "with": {
        "kms:ViaService": "kinesis.us-east-1.amazonaws.com",
        "kms:EncryptionContext:aws:kinesis:arn": "${SourceStream.Arn}",
    },
}

ROW = "data/dt=2026-11-20/ddb-lake-3-2026-11-20-09-15-02-6f1c0d4e.gz"
OTHER = "data/dt=2026-11-20/another-stream-3-2026-11-20-09-15-02-6f1c0d4e.gz"
DEEPER = "data/dt=2026-11-20/ddb-lake-3/2026-11-20-09-15-02-6f1c0d4e.gz"
ERROR = "errors/processing-failed/dt=2026-11-20/ddb-lake-3-2026-11-20-09-15-02-6f1c0d4e"
_ACL = {"s3:x-amz-acl": "bucket-owner-full-control"}
_KMS = {"s3:x-amz-server-side-encryption": "aws:kms"}
_FOREIGN = "arn:aws:kms:us-east-1:111111111111:key/0aaaaaaa-0000-4000-8000-000000000001"

CALLS = (
    Call(
        "s3:PutObject",
        f"LakeBucket/{ROW}",
        _ACL,
        _s3("put_object", ROW, ACL="bucket-owner-full-control"),
        crosses=True,
        also=_WRITES,
    ),
    Call("s3:PutObject", f"LakeBucket/{OTHER}", {}, _s3("put_object", OTHER), crosses=True, also=_WRITES),
    Call(
        "s3:PutObject",
        "LakeBucket/other/x",
        {},
        _s3("put_object", "other/x"),
        crosses=True,
        also=_WRITES,
    ),
    Call("s3:PutObject", f"LakeBucket/{ERROR}", {}, _s3("put_object", ERROR), crosses=True, also=_WRITES),
    Call(
        "s3:PutObject",
        f"LakeBucket/{ROW}",
        {**_KMS, "s3:x-amz-server-side-encryption-aws-kms-key-id": _FOREIGN},
        _s3("put_object", ROW, ServerSideEncryption="aws:kms", SSEKMSKeyId=_FOREIGN),
        crosses=True,
    ),
    Call(
        "s3:PutObject",
        f"LakeBucket/{ROW}",
        {"s3:x-amz-server-side-encryption": "AES256"},
        _s3("put_object", ROW, ServerSideEncryption="AES256"),
        crosses=True,
    ),
    Call(
        "s3:PutObject",
        f"LakeBucket/{ROW}",
        {"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"},
        _s3("put_object", ROW, SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32),
        crosses=True,
    ),
    Call("s3:PutObject", f"LakeBucket/{DEEPER}", {}, _s3("put_object", DEEPER), crosses=True, also=_WRITES),
    Call(
        "s3:PutObject",
        f"LakeBucket/{ROW}",
        {"aws:SecureTransport": "false"},
        _in_plaintext("put_object", ROW),
        crosses=True,
    ),
    Call("s3:GetObject", f"LakeBucket/{ROW}", {}, _s3("get_object", ROW), crosses=True, also=_READS),
    Call("s3:GetObject", f"LakeBucket/{ERROR}", {}, _s3("get_object", ERROR), crosses=True, also=_READS),
    Call(
        "s3:GetObject",
        f"LakeBucket/{ROW}",
        {"aws:SecureTransport": "false"},
        _in_plaintext("get_object", ROW),
        crosses=True,
    ),
    Call(
        "s3:DeleteObject",
        "LakeBucket/other/nothing",
        {},
        _s3("delete_object", "other/nothing"),
        crosses=True,
    ),
    Call("s3:ListBucket", "LakeBucket", {}, _s3("list_objects_v2"), crosses=True),
    Call("s3:GetBucketLocation", "LakeBucket", {}, _s3("get_bucket_location"), crosses=True),
    Call("s3:GetBucketPolicy", "LakeBucket", {}, _s3("get_bucket_policy"), crosses=True),
    Call(
        "sts:AssumeRole",
        "DeliveryRole",
        {"sts:ExternalId": "111111111111"},
        _api(
            "sts",
            "assume_role",
            RoleArn="${DeliveryRole.Arn}",
            RoleSessionName="session",
            ExternalId="111111111111",
        ),
        crosses=True,
    ),
    Call(
        "kinesis:DescribeStream",
        "SourceStream",
        {},
        _api("kinesis", "describe_stream", StreamName="${SourceStream}", StreamARN="${SourceStream.Arn}"),
    ),
    Call(
        "kinesis:PutRecord",
        "SourceStream",
        {},
        _api(
            "kinesis",
            "put_record",
            StreamName="${SourceStream}",
            StreamARN="${SourceStream.Arn}",
            Data=b"{}",
            PartitionKey="x",
        ),
        also=(_STREAM_KEY,),
    ),
    Call(
        "dynamodb:GetItem",
        "SourceTable",
        {},
        _api("dynamodb", "get_item", TableName="${SourceTable}", Key={"pk": {"S": "x"}}),
    ),
    Call(
        "dynamodb:PutItem",
        "SourceTable",
        {},
        _api("dynamodb", "put_item", TableName="${SourceTable}", Item={"pk": {"S": "x"}}),
    ),
    Call(
        "lambda:GetFunctionConfiguration",
        "TransformFunction:$LATEST",
        {},
        _api("lambda", "get_function_configuration", FunctionName="${TransformFunction.Arn}:$LATEST"),
    ),
    Call(
        "lambda:UpdateFunctionConfiguration",
        "TransformFunction",
        {},
        _api("lambda", "update_function_configuration", FunctionName="${TransformFunction}", MemorySize=512),
    ),
    Call(
        "glue:GetTable",
        "arn:aws:glue:${region}:${consumer}:table/${LakeDatabase}/${ChangesTable}",
        {},
        _api("glue", "get_table", DatabaseName="${LakeDatabase}", Name="${ChangesTable}"),
    ),
    Call(
        "glue:DeleteTable",
        "arn:aws:glue:${region}:${consumer}:table/${LakeDatabase}/nothing",
        {},
        _api("glue", "delete_table", DatabaseName="${LakeDatabase}", Name="nothing"),
    ),
    Call("athena:ListWorkGroups", "*", {}, _api("athena", "list_work_groups")),
    Call(
        "athena:ListTableMetadata",
        "arn:aws:athena:${region}:${consumer}:datacatalog/AwsDataCatalog",
        {},
        _api("athena", "list_table_metadata", CatalogName="AwsDataCatalog", DatabaseName="${LakeDatabase}"),
    ),
    Call(
        "glue:GetTables",
        "arn:aws:glue:${region}:${consumer}:database/${LakeDatabase}",
        {},
        _api("glue", "get_tables", DatabaseName="${LakeDatabase}"),
    ),
    Call("athena:GetWorkGroup", "Workgroup", {}, _api("athena", "get_work_group", WorkGroup="${Workgroup}")),
    Call(
        "kms:GetKeyPolicy",
        "LakeKey",
        {},
        _api("kms", "get_key_policy", KeyId="${LakeKey}", PolicyName="default"),
    ),
    Call("kms:DescribeKey", "SourceKey", {}, _api("kms", "describe_key", KeyId="${SourceKey}")),
    Call(
        "logs:PutRetentionPolicy",
        "DeliveryLogs",
        {},
        _api("logs", "put_retention_policy", logGroupName="${DeliveryLogs}", retentionInDays=90),
    ),
)
