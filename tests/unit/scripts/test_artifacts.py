"""The artifact bucket is private, ours, and made whole even when its making was cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.core.artifacts import ArtifactBucket, key_of
from scripts.core.console import CommandError, Output
from tests.unit.scripts.edge import refused

NAME = "ddb-lake-artifacts-111111111111-eu-west-1"
SETTINGS = [
    "put_public_access_block",
    "put_bucket_ownership_controls",
    "put_bucket_encryption",
    "put_bucket_versioning",
    "put_bucket_policy",
]


class FakeS3:
    """Buckets by name with what was set on them; another account's answer 403 as S3 does."""

    meta: Any

    def __init__(self, *, owner: str | None = None, policy: bool = True, broken: str = "") -> None:
        self.owner, self.policy, self.broken = owner, policy, broken
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.objects: dict[str, bytes] = {}

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> dict[str, Any]:
            self.calls.append((name, request))
            if name == self.broken:
                raise refused("InternalError", operation=name)
            answer = getattr(type(self), f"_{name}", None)
            return answer(self, **request) if answer else {}

        return call

    def _head_bucket(self, ExpectedBucketOwner: str, **_: Any) -> dict[str, Any]:
        if self.owner is None:
            raise refused("404", "Not Found", "HeadBucket")
        if self.owner != ExpectedBucketOwner:
            raise refused("403", "Forbidden", "HeadBucket")
        return {}

    def _create_bucket(self, Bucket: str, **_: Any) -> dict[str, Any]:
        self.owner, self.policy = Bucket.split("-")[3], False
        return {}

    def _get_bucket_policy(self, **_: Any) -> dict[str, Any]:
        if not self.policy:
            raise refused("NoSuchBucketPolicy")
        return {}

    def _put_bucket_policy(self, **_: Any) -> dict[str, Any]:
        self.policy = True
        return {}

    def _head_object(self, Key: str, **_: Any) -> dict[str, Any]:
        if Key not in self.objects:
            raise refused("404", "Not Found", "HeadObject")
        return {}

    def _put_object(self, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:
        self.objects[Key] = Body
        return {}

    def names(self) -> list[str]:
        """The operations called."""
        return [name for name, _ in self.calls]


def bucket(s3: FakeS3, region: str = "eu-west-1", name: str | None = None) -> ArtifactBucket:
    """The artifact bucket of account 111111111111."""
    return ArtifactBucket(s3, "111111111111", region, "aws", Output(), name=name)  # type: ignore[arg-type]


def test_a_new_bucket_gets_every_setting_and_the_policy_last() -> None:
    """Private, owner-enforced, encrypted, versioned, TLS only; every call but the making names the owner."""
    s3 = FakeS3()
    bucket(s3).ensure()
    assert s3.names() == ["head_bucket", "create_bucket", *SETTINGS]
    requests = dict(s3.calls)
    assert requests["create_bucket"] == {
        "Bucket": NAME,
        "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"},
    }
    assert set(requests["put_public_access_block"]["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = json.loads(requests["put_bucket_policy"]["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"]
    owners = {request.get("ExpectedBucketOwner") for name, request in s3.calls if name != "create_bucket"}
    assert owners == {"111111111111"}


def test_us_east_1_is_named_by_leaving_it_out() -> None:
    """S3 refuses us-east-1 as a location constraint."""
    s3 = FakeS3()
    bucket(s3, "us-east-1").ensure()
    assert "CreateBucketConfiguration" not in dict(s3.calls)["create_bucket"]


def test_a_bucket_of_another_account_is_refused() -> None:
    """A name that was taken by somebody else never gets our zips."""
    s3 = FakeS3(owner="999999999999")
    with pytest.raises(CommandError, match="not this account's") as squatted:
        bucket(s3).put("functions/a.zip", b"x")
    assert "ArtifactBucketName" in squatted.value.next_step
    assert s3.names() == ["head_bucket"]


def test_a_bucket_whose_making_was_cut_off_is_finished() -> None:
    """The policy comes last: while it is missing, every setting is made again."""
    s3 = FakeS3(broken="put_bucket_versioning")
    with pytest.raises(Exception, match="InternalError"):
        bucket(s3).ensure()
    s3.broken, s3.calls = "", []
    bucket(s3).ensure()
    assert s3.names() == ["head_bucket", "get_bucket_policy", *SETTINGS]
    s3.calls = []
    bucket(s3).ensure()
    assert s3.names() == ["head_bucket", "get_bucket_policy"]


def test_content_that_is_there_is_not_uploaded_again() -> None:
    """The key names the content."""
    s3 = FakeS3(owner="111111111111")
    ours = bucket(s3)
    key = key_of("functions", "transform-3.13-arm64.zip", b"x")
    assert key == "functions/transform-3.13-arm64-2d711642b726b04401627ca9fbac32f5.zip"
    ours.put(key, b"x")
    ours.put(key, b"x")
    assert s3.names().count("put_object") == 1
    assert key_of("functions", "transform-3.13-arm64.zip", b"y") != key


def test_a_bucket_that_is_named_is_never_made_or_changed() -> None:
    """It is the user's: it must be there, and keeps its settings."""
    s3 = FakeS3()
    with pytest.raises(CommandError, match="there is no bucket mine"):
        bucket(s3, name="mine").ensure()
    s3.owner = "111111111111"
    bucket(s3, name="mine").put("functions/a.zip", b"x")
    assert s3.names() == ["head_bucket", "head_bucket", "head_object", "put_object"]
