"""The artifact bucket: where the functions' zips, jobs' code and large templates wait for CloudFormation.

One an account and Region, `ddb-lake-artifacts-<account>-<region>`: private, encrypted, versioned, TLS only.
Every call names the account that must own it, so a bucket that someone else took first is refused.

Whoever may put objects into it knows every key beforehand: it is a digest of what this public tree makes. So
an object counts by its bytes, never by its key, and what AWS reads of it is named with its version.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from scripts.core.console import CommandError, Output

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


NO_VERSION = "null"  # S3's version id of an object that was put while the bucket kept no versions


@dataclass(frozen=True)
class Stored:
    """An object whose bytes were seen: its key, and its version; empty where the bucket keeps none."""

    key: str
    version: str


def key_of(folder: str, name: str, content: bytes) -> str:
    """The key of content: another one when a byte differs, so that CloudFormation sees the change."""
    stem, dot, suffix = name.rpartition(".")
    return f"{folder}/{stem}-{hashlib.sha256(content).hexdigest()[:32]}{dot}{suffix}"


def bucket_name(account: str, region: str) -> str:
    """The artifact bucket's name, unless another one is given."""
    return f"ddb-lake-artifacts-{account}-{region}"


class ArtifactBucket:
    """The artifact bucket of one account and Region, or the bucket that is named instead of it."""

    def __init__(
        self,
        s3: S3Client,
        account: str,
        region: str,
        partition: str,
        out: Output,
        *,
        name: str | None = None,
    ) -> None:
        self._s3, self._account, self._region = s3, account, region
        self._partition, self._out = partition, out
        self.name = name or bucket_name(account, region)
        self._is_named = name is not None
        self._ready = False

    def exists(self) -> bool:
        """Whether the bucket is there and ours; raises CommandError when another account has it."""
        try:
            self._s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self._account)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("404", "NoSuchBucket", "NotFound"):
                return False
            if code in ("403", "AccessDenied", "Forbidden"):
                raise CommandError(
                    f"bucket {self.name} is refused: not this account's, or s3:ListBucket is not granted",
                    "Have s3:ListBucket granted. If another account took the name, make a bucket of your own "
                    "and name it with --parameter ArtifactBucketName=NAME.",
                ) from error
            raise
        return True

    def ensure(self) -> None:
        """Make the bucket if it is missing, and finish one whose making was interrupted."""
        if self._ready:
            return
        if self._is_named:
            if not self.exists():
                ours = bucket_name(self._account, self._region)
                raise CommandError(
                    f"there is no bucket {self.name}",
                    f"Make it, or give --parameter ArtifactBucketName={ours}: that one is made for you.",
                )
        elif not self.exists():
            self._out.say(f"making bucket {self.name}")
            if self._region == "us-east-1":  # the one Region whose name S3 refuses as a constraint
                self._s3.create_bucket(Bucket=self.name)
            else:
                constraint = {"LocationConstraint": self._region}
                self._s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=constraint)  # type: ignore[arg-type]
            self._settle()
        elif not self._has_policy():
            self._settle()
        self._ready = True

    def _has_policy(self) -> bool:
        """Whether the last step of making the bucket was reached."""
        try:
            self._s3.get_bucket_policy(Bucket=self.name, ExpectedBucketOwner=self._account)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchBucketPolicy":
                return False
            raise
        return True

    def _settle(self) -> None:
        """Private, owner-enforced, encrypted, versioned; the TLS policy last, the mark that all is done."""
        bucket, owner = self.name, self._account
        self._s3.put_public_access_block(
            Bucket=bucket,
            ExpectedBucketOwner=owner,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        self._s3.put_bucket_ownership_controls(
            Bucket=bucket,
            ExpectedBucketOwner=owner,
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        )
        self._s3.put_bucket_encryption(
            Bucket=bucket,
            ExpectedBucketOwner=owner,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        self._s3.put_bucket_versioning(
            Bucket=bucket, ExpectedBucketOwner=owner, VersioningConfiguration={"Status": "Enabled"}
        )
        arn = f"arn:{self._partition}:s3:::{bucket}"
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OnlyOverTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
        self._s3.put_bucket_policy(Bucket=bucket, ExpectedBucketOwner=owner, Policy=json.dumps(policy))

    def stored(self, key: str, content: bytes, *, version: str = "") -> Stored | None:
        """The object under a key if its bytes are `content`: that version first, then the newest.

        None for one that is not there, is other bytes, or cannot be read. The last may be another's doing as
        well: under a key of theirs, S3 refuses it to everybody else.
        """
        for which in dict.fromkeys((version, "")):
            request: dict[str, Any] = {
                "Bucket": self.name,
                "Key": key,
                "ExpectedBucketOwner": self._account,
                **({"VersionId": which} if which else {}),
            }
            try:
                if self._s3.head_object(**request)["ContentLength"] != len(content):
                    continue  # whatever it is, it is not fetched
                found = self._s3.get_object(**request)
                if found["Body"].read() == content:
                    return Stored(key, _version(found))
            except ClientError:
                continue
        return None

    def put(self, key: str, content: bytes, *, version: str = "") -> Stored:
        """Have content under its key (`key_of`): uploaded, unless these very bytes are there.

        `version` is the one that was taken last time, which is taken again.
        """
        self.ensure()
        if stored := self.stored(key, content, version=version):
            self._out.say(f"already there: s3://{self.name}/{key}")
            return stored
        if self._is_taken(key):
            self._out.say(f"s3://{self.name}/{key} is not what this tree makes: uploading it again", "yellow")
        return self._upload(key, content)

    @contextmanager
    def lent(self, key: str, content: bytes) -> Iterator[Stored]:
        """Have content in the bucket for the length of a block, and leave the bucket as it was.

        What has to be uploaded gets a key of its own, so that nothing is overwritten, and goes again.
        """
        if stored := self.stored(key, content):
            yield stored
            return
        folder, _, name = key.rpartition("/")
        lent = self._upload(f"{folder}/dry-run-{uuid.uuid4().hex[:12]}-{name}", content)
        try:
            yield lent
        finally:
            which: dict[str, Any] = {"VersionId": lent.version} if lent.version else {}
            try:
                self._s3.delete_object(
                    Bucket=self.name, Key=lent.key, ExpectedBucketOwner=self._account, **which
                )
                self._out.say(f"deleted s3://{self.name}/{lent.key} again")
            except ClientError as error:
                self._out.say(f"s3://{self.name}/{lent.key} stays, it cannot be deleted: {error}", "yellow")

    def _is_taken(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key, ExpectedBucketOwner=self._account)
        except ClientError as error:
            return error.response.get("Error", {}).get("Code") not in ("404", "NoSuchKey", "NotFound")
        return True

    def _upload(self, key: str, content: bytes) -> Stored:
        made = self._s3.put_object(Bucket=self.name, Key=key, Body=content, ExpectedBucketOwner=self._account)
        self._out.say(f"uploaded {len(content):,} bytes to s3://{self.name}/{key}")
        return Stored(key, _version(made))

    def url(self, stored: Stored) -> str:
        """The address CloudFormation reads a template from (path style, as the AWS CLI's own deploy uses)."""
        version = f"?versionId={quote(stored.version, safe='')}" if stored.version else ""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{quote(stored.key)}{version}"


def _version(answer: Any) -> str:
    """The version id of S3's answer; empty where there is none that stays."""
    version = str(answer.get("VersionId") or "")
    return "" if version == NO_VERSION else version
