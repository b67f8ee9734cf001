"""KMS keys apply: a call needs the permission of the key and of the identity."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.lifecycle import Sandbox
from tests.sandbox.roles import client_as
from tests.sandbox.stacks import Stacks

pytestmark = pytest.mark.sandbox
Client = Any
Statement = dict[str, Any]
PRODUCER_ROOT = "arn:aws:iam::111111111111:root"
DELEGATION = {"Effect": "Allow", "Principal": {"AWS": PRODUCER_ROOT}, "Action": "kms:*", "Resource": "*"}


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allowed(call: Callable[[], Any]) -> bool:
    """Whether a call succeeds; every error except denied access is a bug of the test."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"AccessDenied", "AccessDeniedException"}:
            raise
        return False
    return True


@dataclass
class Scene:
    """A key, a bucket with that key as its default, a stream under it, and a role that may use them."""

    session: Any
    name: str
    key: str

    def key_policy(self, *statements: Statement) -> None:
        self.session.client("kms").put_key_policy(
            KeyId=self.key, PolicyName="default", Policy=document(*statements)
        )

    def grant(self, *statements: Statement) -> None:
        """Grant the role these actions on the key; bucket and stream are open to it."""
        data = {
            "Effect": "Allow",
            "Action": ["s3:*", "kinesis:*"],
            "Resource": "*",
        }
        self.session.client("iam").put_role_policy(
            RoleName=self.name, PolicyName="p", PolicyDocument=document(data, *statements)
        )

    def client(self, service: str) -> Client:
        role = f"arn:aws:iam::111111111111:role/{self.name}"
        credentials = self.session.client("sts").assume_role(RoleArn=role, RoleSessionName="test")[
            "Credentials"
        ]
        return client_as(self.session, service, credentials)


@pytest.fixture
def scene(emulator: Sandbox, unique: str) -> Scene:
    """Everything in the producer account, the bucket with a Bucket Key."""
    session = emulator.session("producer")
    key = session.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3: Any = session.client("s3")
    kinesis = session.client("kinesis")
    s3.create_bucket(Bucket=unique)
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    s3.put_bucket_encryption(Bucket=unique, ServerSideEncryptionConfiguration={"Rules": [rule]})
    kinesis.create_stream(StreamName=unique, ShardCount=1)
    kinesis.start_stream_encryption(StreamName=unique, EncryptionType="KMS", KeyId=key)
    trust = {"Effect": "Allow", "Principal": {"AWS": PRODUCER_ROOT}, "Action": "sts:AssumeRole"}
    session.client("iam").create_role(RoleName=unique, AssumeRolePolicyDocument=document(trust))
    return Scene(session, unique, key)


def test_object_needs_permission_of_identity_and_key(scene: Scene) -> None:
    """GenerateDataKey to write, Decrypt to read, through S3, for this bucket."""
    client = scene.client("s3")
    context = {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{scene.name}"}
    via = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    everything = {"Effect": "Allow", "Action": "kms:*", "Resource": scene.key}

    def may(*grants: Statement, policy: tuple[Statement, ...] = (DELEGATION,)) -> tuple[bool, bool]:
        scene.grant(*grants)
        scene.key_policy(*policy)
        return (
            allowed(lambda: client.put_object(Bucket=scene.name, Key="k", Body=b"")),
            allowed(lambda: client.get_object(Bucket=scene.name, Key="old")),
        )

    scene.key_policy(DELEGATION)
    scene.session.client("s3").put_object(Bucket=scene.name, Key="old", Body=b"")
    shipped = {**everything, "Condition": {"StringEquals": {**context, **via}}}
    object_context = {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{scene.name}/k"}
    answers = {
        "no grant": may(),
        "all": may(everything),
        "write only": may({**everything, "Action": "kms:GenerateDataKey"}),
        "read only": may({**everything, "Action": "kms:Decrypt"}),
        "the templates' conditions": may(shipped),
        "another service": may({**everything, "Condition": {"StringEquals": {"kms:ViaService": "x"}}}),
        "the object's context": may({**everything, "Condition": {"StringEquals": object_context}}),
        "another key": may({**everything, "Resource": f"{scene.key}x"}),
        "key policy without the account": may(
            everything, policy=({**DELEGATION, "Principal": {"AWS": "arn:aws:iam::222222222222:root"}},)
        ),
        "denied by the key policy": may(
            everything, policy=(DELEGATION, {**DELEGATION, "Effect": "Deny", "Action": "kms:Decrypt"})
        ),
    }
    assert answers == {
        "no grant": (False, False),
        "all": (True, True),
        "write only": (True, False),
        "read only": (False, True),
        "the templates' conditions": (True, True),
        "another service": (False, False),
        "the object's context": (False, False),
        "another key": (False, False),
        "key policy without the account": (False, False),
        "denied by the key policy": (True, False),
    }


def test_disabled_key_cannot_be_used(scene: Scene) -> None:
    """Not even by the root user, until it is enabled again."""
    s3, kms = scene.session.client("s3"), scene.session.client("kms")
    put = lambda: s3.put_object(Bucket=scene.name, Key="k", Body=b"")  # noqa: E731

    kms.disable_key(KeyId=scene.key)
    assert not allowed(put)
    kms.enable_key(KeyId=scene.key)
    assert allowed(put)


def test_stream_needs_permission_for_its_key(scene: Scene) -> None:
    """Decrypt through Kinesis for this stream, also when the request has only an iterator."""
    client = scene.client("kinesis")
    arn = f"arn:aws:kinesis:us-east-1:111111111111:stream/{scene.name}"
    scene.key_policy(DELEGATION)
    decrypt = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": scene.key,
        "Condition": {
            "StringEquals": {
                "kms:ViaService": "kinesis.us-east-1.amazonaws.com",
                "kms:EncryptionContext:aws:kinesis:arn": arn,
            }
        },
    }
    scene.grant(decrypt)
    iterator = client.get_shard_iterator(
        StreamName=scene.name, ShardId="shardId-000000000000", ShardIteratorType="LATEST"
    )["ShardIterator"]

    assert allowed(lambda: client.get_records(ShardIterator=iterator))
    scene.grant()
    assert not allowed(lambda: client.get_records(ShardIterator=iterator))
    assert not allowed(lambda: client.get_records(ShardIterator=iterator, StreamARN=arn))


def test_read_is_authorised_for_the_stream_of_the_iterator(scene: Scene) -> None:
    """A grant for the stream is enough without a StreamARN in the request; one for another stream is not."""
    client = scene.client("kinesis")
    scene.session.client("kinesis").stop_stream_encryption(
        StreamName=scene.name, EncryptionType="KMS", KeyId=scene.key
    )
    scene.grant()
    iterator = client.get_shard_iterator(
        StreamName=scene.name, ShardId="shardId-000000000000", ShardIteratorType="LATEST"
    )["ShardIterator"]

    def may_read(stream: str) -> bool:
        grant = {
            "Effect": "Allow",
            "Action": "kinesis:GetRecords",
            "Resource": f"arn:aws:kinesis:us-east-1:111111111111:stream/{stream}",
        }
        scene.session.client("iam").put_role_policy(
            RoleName=scene.name, PolicyName="p", PolicyDocument=document(grant)
        )
        return allowed(lambda: client.get_records(ShardIterator=iterator))

    assert (may_read(scene.name), may_read("another")) == (True, False)


def test_log_group_needs_a_key_that_allows_logs(scene: Scene, stacks: Stacks, unique: str) -> None:
    """The key policy contains the service and the group; without it the stack fails."""
    group = {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"KmsKeyId": scene.key}}}
    scene.key_policy(DELEGATION)
    assert stacks.create(f"{unique}-closed", group)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "not allowed to be used" in stacks.reasons(f"{unique}-closed")

    arn = f"arn:aws:logs:us-east-1:111111111111:log-group:{unique}-open-*"
    logs = {
        "Effect": "Allow",
        "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
        "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
    }
    scene.key_policy(DELEGATION, logs)
    assert stacks.create(f"{unique}-open", group)["StackStatus"] == "CREATE_COMPLETE"
    assert stacks.physical_id(f"{unique}-open", "Group").startswith(f"{unique}-open-Group-")
    assert stacks.create(f"{unique}-other", group)["StackStatus"] == "ROLLBACK_COMPLETE"
