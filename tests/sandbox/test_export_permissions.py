"""An export writes with its caller's permissions: of identity, bucket and key, across accounts."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.emulator.refusals import refusals
from sandbox.lifecycle import Sandbox
from tests.sandbox import exports
from tests.sandbox.roles import account_root, client_as, trust_policy

pytestmark = pytest.mark.sandbox
PRODUCER, CONSUMER = "111111111111", "222222222222"
Statement = dict[str, Any]
WRITE = ("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload")
DENIED = "FAILED S3AccessDenied"


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass
class Scene:
    """A table and a role in the producer account, a bucket and a key in the consumer account."""

    sandbox: Sandbox
    name: str
    table_arn: str
    key: str
    grants: list[Statement] = field(default_factory=list)

    @property
    def role(self) -> str:
        return f"arn:aws:iam::{PRODUCER}:role/{self.name}"

    def allow(self, *actions: str, on: str = "*") -> Statement:
        return {"Effect": "Allow", "Action": actions, "Resource": on}

    def identity(self, *statements: Statement) -> None:
        self.sandbox.session("producer").client("iam").put_role_policy(
            RoleName=self.name, PolicyName="p", PolicyDocument=document(*statements)
        )

    def bucket_policy(self, *statements: Statement) -> None:
        principal = {"Principal": {"AWS": self.role}}
        self.sandbox.session("consumer").client("s3").put_bucket_policy(
            Bucket=self.name,
            Policy=document(*({**principal, **statement} for statement in statements)),
        )

    def key_policy(self, *actions: str) -> None:
        root = {"Effect": "Allow", "Principal": account_root(CONSUMER), "Action": "kms:*", "Resource": "*"}
        use = {"Effect": "Allow", "Principal": {"AWS": self.role}, "Action": actions, "Resource": "*"}
        self.sandbox.session("consumer").client("kms").put_key_policy(
            KeyId=self.key, PolicyName="default", Policy=document(root, *([use] if actions else []))
        )

    def client(self) -> Any:
        session = self.sandbox.session("producer")
        given = session.client("sts").assume_role(RoleArn=self.role, RoleSessionName="test")["Credentials"]
        return client_as(session, "dynamodb", given)

    def export(self, **parameters: Any) -> str:
        """How an export by the role ends: its status and failure code."""
        asked = {"S3BucketOwner": CONSUMER, **parameters}
        asked = {name: value for name, value in asked.items() if value is not None}
        found = exports.export(self.client(), self.table_arn, self.name, **asked)
        assert ("FailureMessage" in found) == (found["ExportStatus"] == "FAILED")
        return " ".join(filter(None, (found["ExportStatus"], found.get("FailureCode"))))

    def objects(self) -> list[str]:
        listed = self.sandbox.session("consumer").client("s3").list_objects_v2(Bucket=self.name)
        return [found["Key"] for found in listed.get("Contents", [])]


@pytest.fixture
def scene(emulator: Sandbox, unique: str) -> Scene:
    """Everything allowed: the role's policy, the bucket's policy and the key's policy."""
    producer, consumer = emulator.session("producer"), emulator.session("consumer")
    key = consumer.client("kms").create_key()["KeyMetadata"]["Arn"]
    consumer.client("s3").create_bucket(Bucket=unique)
    producer.client("iam").create_role(
        RoleName=unique, AssumeRolePolicyDocument=trust_policy(account_root(PRODUCER))
    )
    dynamodb: Any = producer.client("dynamodb")
    scene = Scene(emulator, unique, exports.make_table(dynamodb, unique), key)
    dynamodb.put_item(TableName=unique, Item={"pk": {"S": "a"}})
    scene.identity(scene.allow("dynamodb:*", *WRITE, "kms:*"))
    scene.bucket_policy(scene.allow(*WRITE, on=f"arn:aws:s3:::{unique}/*"))
    scene.key_policy("kms:GenerateDataKey", "kms:Decrypt")
    return scene


def test_bucket_of_another_account_needs_both_sides(scene: Scene) -> None:
    """Identity and bucket policy must allow each action, and the request must name the owner."""
    objects = f"arn:aws:s3:::{scene.name}/*"
    everything = scene.allow("dynamodb:*", *WRITE)
    answers = {"both sides": scene.export(), "no owner": scene.export(S3BucketOwner=None)}
    answers["another owner"] = scene.export(S3BucketOwner="333333333333")
    scene.bucket_policy(scene.allow("s3:GetObject", on=objects))
    answers["no bucket policy for it"] = scene.export()
    scene.bucket_policy(scene.allow("s3:PutObject", on=objects))
    answers["bucket without PutObjectAcl"] = scene.export()
    scene.bucket_policy(scene.allow(*WRITE, on=f"arn:aws:s3:::{scene.name}/p/*"))
    answers["another prefix"] = scene.export()
    answers["the prefix"] = scene.export(S3Prefix="p")
    scene.identity(scene.allow("dynamodb:*", "s3:PutObject"))
    answers["identity without PutObjectAcl"] = scene.export(S3Prefix="p")
    scene.identity(scene.allow("dynamodb:*"))
    answers["identity without S3"] = scene.export(S3Prefix="p")
    scene.identity(everything)
    scene.bucket_policy(
        scene.allow(*WRITE, on=objects),
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"{objects}.json.gz"},
    )
    answers["data files denied"] = scene.export()

    assert answers == {
        "both sides": "COMPLETED",
        "no owner": DENIED,
        "another owner": DENIED,
        "no bucket policy for it": DENIED,
        "bucket without PutObjectAcl": DENIED,
        "another prefix": DENIED,
        "the prefix": "COMPLETED",
        "identity without PutObjectAcl": DENIED,
        "identity without S3": DENIED,
        "data files denied": DENIED,
    }
    manifests = [key for key in scene.objects() if key.endswith("manifest-summary.json")]
    assert len(manifests) == 2
    assert sum(key.endswith("_started") for key in scene.objects()) == 3


def test_key_needs_permission_of_identity_and_key(scene: Scene) -> None:
    """GenerateDataKey to begin an object, Decrypt for its parts; a key that is closed or unknown fails."""
    kms = {"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": scene.key}
    answers = {"both": scene.export(**kms)}
    scene.key_policy("kms:GenerateDataKey")
    answers["key without Decrypt"] = scene.export(**kms)
    scene.key_policy()
    answers["key policy without the role"] = scene.export(**kms)
    answers["no key asked for"] = scene.export()
    answers["unknown key"] = scene.export(**{**kms, "S3SseKmsKeyId": f"{scene.key[:-1]}x"})
    scene.key_policy("kms:GenerateDataKey", "kms:Decrypt")
    scene.identity(scene.allow("dynamodb:*", *WRITE))
    answers["identity without the key"] = scene.export(**kms)
    scene.identity(scene.allow("dynamodb:*", *WRITE, "kms:*"))
    answers["both again"] = scene.export(**kms)

    assert answers == {
        "both": "COMPLETED",
        "key without Decrypt": DENIED,
        "key policy without the role": DENIED,
        "no key asked for": "COMPLETED",
        "unknown key": DENIED,
        "identity without the key": DENIED,
        "both again": "COMPLETED",
    }


def test_bucket_policy_can_require_its_key(scene: Scene) -> None:
    """Every object, its parts too, has the condition keys of the encryption that was asked for."""
    scene.bucket_policy(
        {
            **scene.allow(*WRITE, on=f"arn:aws:s3:::{scene.name}/*"),
            "Condition": {"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": scene.key}},
        },
        scene.allow("s3:PutObjectAcl", on=f"arn:aws:s3:::{scene.name}/*"),
    )
    consumer = scene.sandbox.session("consumer")
    other = consumer.client("kms").create_key()["KeyMetadata"]["Arn"]

    assert scene.export() == DENIED
    assert scene.export(S3SseAlgorithm="KMS", S3SseKmsKeyId=other) == DENIED
    assert scene.objects() == []
    assert scene.export(S3SseAlgorithm="KMS", S3SseKmsKeyId=scene.key) == "COMPLETED"
    s3 = consumer.client("s3")
    found = {s3.head_object(Bucket=scene.name, Key=key).get("SSEKMSKeyId") for key in scene.objects()}
    assert found == {scene.key}


def _refused(scene: Scene, client: Any, **parameters: Any) -> str:
    """The code of the error with which an export is not even started."""
    with pytest.raises(ClientError) as raised:
        client.export_table_to_point_in_time(TableArn=scene.table_arn, S3Bucket=scene.name, **parameters)
    return raised.value.response["Error"]["Code"]


def test_export_is_authorised_on_the_table_and_the_export(scene: Scene) -> None:
    """A grant for this table is enough to start, one for its exports to describe them."""
    rest = scene.allow(*WRITE)
    scene.identity(rest, scene.allow("dynamodb:ExportTableToPointInTime", on=f"{scene.table_arn}x"))
    assert _refused(scene, scene.client()) == "AccessDeniedException"
    scene.identity(rest, scene.allow("dynamodb:ExportTableToPointInTime", on=scene.table_arn))
    started = scene.client().export_table_to_point_in_time(
        TableArn=scene.table_arn, S3Bucket=scene.name, S3BucketOwner=CONSUMER
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        exports.ended(scene.client(), started)
    scene.identity(rest, scene.allow("dynamodb:DescribeExport", on=f"{scene.table_arn}/export/*"))
    assert exports.ended(scene.client(), started)["ExportStatus"] == "COMPLETED"


def test_stranger_cannot_export_the_table(scene: Scene) -> None:
    """Another account's root user finds no such table, even for a bucket of its own."""
    stranger = scene.sandbox.session("stranger")
    own = f"{scene.name}-own"
    stranger.client("s3").create_bucket(Bucket=own)
    client = stranger.client("dynamodb")
    with pytest.raises(ClientError, match="TableNotFoundException"):
        client.export_table_to_point_in_time(TableArn=scene.table_arn, S3Bucket=own)
    assert scene.export() == "COMPLETED"
    (arn,) = [
        one["ExportArn"] for one in scene.client().list_exports(TableArn=scene.table_arn)["ExportSummaries"]
    ]
    with pytest.raises(ClientError, match="ExportNotFoundException"):
        client.describe_export(ExportArn=arn)


def test_missing_bucket_fails_the_export(scene: Scene) -> None:
    """The request is accepted, the export ends with S3's reason."""
    dynamodb: Any = scene.sandbox.session("producer").client("dynamodb")
    found = exports.export(dynamodb, scene.table_arn, f"{scene.name}-missing")

    assert (found["ExportStatus"], found["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    assert "The specified bucket does not exist" in found["FailureMessage"]


def test_denied_write_is_one_of_the_refusals(scene: Scene) -> None:
    """The sandbox's list of denied calls names the role, the action and the object."""
    scene.bucket_policy(scene.allow("s3:PutObject", on=f"arn:aws:s3:::{scene.name}/*"))
    assert scene.export() == DENIED

    denied = [
        line for line in refusals(scene.sandbox.folder) if f":assumed-role/{scene.name}/" in line["principal"]
    ]
    assert {line["action"] for line in denied} == {"s3:PutObjectAcl"}
    assert all(line["resource"].endswith("/_started") for line in denied)
