"""The artifact bucket is private, ours, and made whole even when its making was cut off."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.core.artifacts import ArtifactBucket, Stored, key_of
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
    """Buckets by name with what was set on them; another account's answer 403 as S3 does.

    `versions` has every object version there is, by key, oldest first; `versioned`: whether they have ids.
    """

    meta: Any = SimpleNamespace(endpoint_url="https://s3.eu-west-1.amazonaws.com")

    def __init__(
        self, *, owner: str | None = None, policy: bool = True, broken: str = "", versioned: bool = True
    ) -> None:
        self.owner, self.policy, self.broken, self.versioned = owner, policy, broken, versioned
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.versions: dict[str, dict[str, bytes]] = {}
        self.made = 0

    @property
    def objects(self) -> dict[str, bytes]:
        """The newest version of each object."""
        return {key: list(found.values())[-1] for key, found in self.versions.items() if found}

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

    def _found(self, Key: str, VersionId: str = "", **_: Any) -> tuple[str, bytes]:
        found = self.versions.get(Key) or {}
        if not found or (VersionId and VersionId not in found):
            raise refused("404", "Not Found", "HeadObject")
        version = VersionId or list(found)[-1]
        return version, found[version]

    def _head_object(self, **request: Any) -> dict[str, Any]:
        version, body = self._found(**request)
        return {"ContentLength": len(body), **({"VersionId": version} if self.versioned else {})}

    def _get_object(self, **request: Any) -> dict[str, Any]:
        version, body = self._found(**request)
        return {"Body": io.BytesIO(body), **({"VersionId": version} if self.versioned else {})}

    def _put_object(self, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:
        self.made += 1
        version = f"v{self.made}" if self.versioned else "null"
        self.versions.setdefault(Key, {}).pop(version, None)
        self.versions[Key][version] = Body
        return {"VersionId": version} if self.versioned else {}

    def _delete_object(self, Key: str, VersionId: str = "null", **_: Any) -> dict[str, Any]:
        del self.versions[Key][VersionId]
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


def test_us_east_1_has_no_location_constraint() -> None:
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


def test_an_incomplete_bucket_is_completed() -> None:
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


def test_existing_content_is_not_uploaded_again() -> None:
    """The key names the content, and the version is that of the bytes that were compared."""
    s3 = FakeS3(owner="111111111111")
    ours = bucket(s3)
    key = key_of("functions", "transform-3.13-arm64.zip", b"x")
    assert key == "functions/transform-3.13-arm64-2d711642b726b04401627ca9fbac32f5.zip"
    assert ours.put(key, b"x") == ours.put(key, b"x") == Stored(key, "v1")
    assert s3.names().count("put_object") == 1
    assert key_of("functions", "transform-3.13-arm64.zip", b"y") != key


def test_the_key_of_a_zip_of_wheels_keeps_both_suffixes() -> None:
    """By them Glue knows that it contains wheels."""
    key = key_of("jobs", "backfill_wheels.gluewheels.zip", b"x")
    assert re.fullmatch(r"jobs/backfill_wheels-[0-9a-f]{32}\.gluewheels\.zip", key)


@pytest.mark.parametrize("other", [b"y", b"longer"], ids=["same length", "another length"])
def test_other_bytes_under_our_key_are_replaced(other: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Anyone who may put objects there can compute the key of the next release."""
    s3 = FakeS3(owner="111111111111")
    key = key_of("functions", "catalog.zip", b"x")
    s3._put_object(key, other)
    assert bucket(s3).put(key, b"x") == Stored(key, "v2")
    assert s3.objects[key] == b"x"
    assert "differs from the file built here: uploading it again" in capsys.readouterr().err
    fetched = s3.names().count("get_object")
    assert fetched == (1 if len(other) == 1 else 0), "what has another length is not fetched"


def test_the_running_version_is_kept_if_its_bytes_match() -> None:
    """A newer version under the key, with whatever in it, is no reason to change a function."""
    s3 = FakeS3(owner="111111111111")
    ours = bucket(s3)
    first = ours.put("functions/a.zip", b"x")
    for newer in (b"x", b"evil"):
        s3._put_object("functions/a.zip", newer)
        assert ours.put("functions/a.zip", b"x", version=first.version) == first
    assert ours.put("functions/a.zip", b"x", version="gone").version == "v4", "the newest is not ours"


@pytest.mark.parametrize("refusal", ["403", "400", "InvalidObjectState"])
def test_an_unreadable_object_is_uploaded_again(refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's key (SSE-C is answered 400), or an archive: what cannot be compared is uploaded again."""
    s3 = FakeS3(owner="111111111111")
    s3._put_object("functions/a.zip", b"x")

    def answer(*_: Any, **__: Any) -> dict[str, Any]:
        raise refused(refusal)

    monkeypatch.setattr(FakeS3, "_head_object" if refusal == "400" else "_get_object", answer)
    assert bucket(s3).put("functions/a.zip", b"x").version == "v2"


def test_a_bucket_without_versions_returns_no_version() -> None:
    """`null` is no version: the next object of that key takes it over."""
    s3 = FakeS3(owner="111111111111", versioned=False)
    assert bucket(s3, name="mine").put("functions/a.zip", b"x") == Stored("functions/a.zip", "")
    s3.versioned = True
    assert bucket(s3, name="mine").put("functions/a.zip", b"x") == Stored("functions/a.zip", "")


def test_the_address_of_a_template_names_its_version() -> None:
    """What is put under the key between the upload and CloudFormation's look is not read."""
    ours = bucket(FakeS3())
    address = f"https://s3.eu-west-1.amazonaws.com/{NAME}/templates/a.yaml"
    assert ours.url(Stored("templates/a.yaml", "")) == address
    assert ours.url(Stored("templates/a.yaml", "3/L4+a=")) == f"{address}?versionId=3%2FL4%2Ba%3D"


def test_a_lent_object_is_deleted() -> None:
    """However the block ends; under a key of its own, so that nothing that is there goes with it."""
    s3 = FakeS3(owner="111111111111")
    ours = bucket(s3)
    s3._put_object("templates/a.yaml", b"other")
    with suppress(KeyboardInterrupt), ours.lent("templates/a.yaml", b"x") as lent:
        assert lent.key != "templates/a.yaml"
        assert s3.objects[lent.key] == b"x"
        raise KeyboardInterrupt
    assert s3.objects == {"templates/a.yaml": b"other"}
    ours.put("templates/a.yaml", b"x")
    with ours.lent("templates/a.yaml", b"x") as there:
        assert there.key == "templates/a.yaml"
    assert s3.objects == {"templates/a.yaml": b"x"}


def test_a_named_bucket_is_never_created_or_changed() -> None:
    """It is the user's: it must be there, and keeps its settings."""
    s3 = FakeS3()
    with pytest.raises(CommandError, match="there is no bucket mine"):
        bucket(s3, name="mine").ensure()
    s3.owner = "111111111111"
    bucket(s3, name="mine").put("functions/a.zip", b"x")
    assert s3.names() == ["head_bucket", "head_bucket", "head_object", "head_object", "put_object"]
