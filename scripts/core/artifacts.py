"""The artifact bucket: the functions' zips, the jobs' code and large templates, for CloudFormation to read.

There is one per account and Region, `ddb-lake-artifacts-<account>-<region>`: private, encrypted, versioned,
TLS only. Every call names the account that must own it, so another account's bucket of this name is refused.

The keys are predictable, because they are digests of files built from a public repository. So an object is
compared by its bytes, never by its key, and AWS is given the key together with the version.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from scripts.core.console import CommandError, Output

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


NO_VERSION = "null"  # S3's version id of an object that was put while the bucket kept no versions


@dataclass(frozen=True)
class Stored:
    """An object whose bytes were compared: its key and its version, "" if the bucket keeps no versions."""

    key: str
    version: str


def key_of(folder: str, name: str, content: bytes) -> str:
    """The key of content. It differs if a byte differs, so that CloudFormation notices the change."""
    # Glue recognizes a zip of wheels by both (Glue developer guide, "Using Python libraries with AWS Glue").
    suffix = ".gluewheels.zip" if name.endswith(".gluewheels.zip") else Path(name).suffix
    stem = name.removesuffix(suffix)
    return f"{folder}/{stem}-{hashlib.sha256(content).hexdigest()[:32]}{suffix}"


def bucket_name(account: str, region: str) -> str:
    """The default name of the artifact bucket."""
    return f"ddb-lake-artifacts-{account}-{region}"


class ArtifactBucket:
    """The artifact bucket of one account and Region, or a bucket that the user named instead."""

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
        """Whether the bucket exists in this account. Raises CommandError if another account owns it."""
        try:
            self._s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self._account)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("404", "NoSuchBucket", "NotFound"):
                return False
            if code in ("403", "AccessDenied", "Forbidden"):
                raise CommandError(
                    f"no access to bucket {self.name}: it is not this account's, or s3:ListBucket is missing",
                    "Get permission for s3:ListBucket. If another account owns the name, create a bucket and "
                    "name it with --parameter ArtifactBucketName=NAME.",
                ) from error
            raise
        return True

    def ensure(self) -> None:
        """Create the bucket if it is missing, or complete one whose creation was interrupted."""
        if self._ready:
            return
        if self._is_named:
            if not self.exists():
                ours = bucket_name(self._account, self._region)
                raise CommandError(
                    f"there is no bucket {self.name}",
                    f"Create it, or use --parameter ArtifactBucketName={ours}, which this command creates.",
                )
        elif not self.exists():
            self._out.say(f"creating bucket {self.name}")
            if self._region == "us-east-1":  # S3 refuses only this Region as a location constraint
                self._s3.create_bucket(Bucket=self.name)
            else:
                constraint = {"LocationConstraint": self._region}
                self._s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=constraint)  # type: ignore[arg-type]
            self._settle()
        elif not self._has_policy():
            self._settle()
        self._ready = True

    def _has_policy(self) -> bool:
        """Whether the bucket has the policy, which is the last step of creating it."""
        try:
            self._s3.get_bucket_policy(Bucket=self.name, ExpectedBucketOwner=self._account)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchBucketPolicy":
                return False
            raise
        return True

    def _settle(self) -> None:
        """Set the bucket private, owner-enforced, encrypted and versioned; the TLS policy comes last.

        The policy marks that every earlier step is done.
        """
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
        """The object under a key if its bytes are `content`: first that version, then the newest.

        None if the object does not exist, has other bytes, or cannot be read. An object that somebody
        encrypted with a key of theirs cannot be read either.
        """
        for version_id in dict.fromkeys((version, "")):
            request: dict[str, Any] = {
                "Bucket": self.name,
                "Key": key,
                "ExpectedBucketOwner": self._account,
                **({"VersionId": version_id} if version_id else {}),
            }
            try:
                if self._s3.head_object(**request)["ContentLength"] != len(content):
                    continue  # other bytes: no need to fetch them
                response = self._s3.get_object(**request)
                if response["Body"].read() == content:
                    return Stored(key, _version(response))
            except ClientError:
                continue
        return None

    def put(self, key: str, content: bytes, *, version: str = "") -> Stored:
        """Upload content under its key (`key_of`), unless the bucket already has these bytes.

        `version` is the version in use; it is preferred if its bytes are the same.
        """
        self.ensure()
        if stored := self.stored(key, content, version=version):
            self._out.say(f"already uploaded: s3://{self.name}/{key}")
            return stored
        if self._is_taken(key):
            self._out.say(
                f"s3://{self.name}/{key} differs from the file built here: uploading it again", "yellow"
            )
        return self._upload(key, content)

    @contextmanager
    def lent(self, key: str, content: bytes) -> Iterator[Stored]:
        """Keep content in the bucket during a block, and leave the bucket unchanged afterwards.

        An upload gets a new key, so that it overwrites nothing, and is deleted at the end.
        """
        if stored := self.stored(key, content):
            yield stored
            return
        folder, _, name = key.rpartition("/")
        lent = self._upload(f"{folder}/dry-run-{uuid.uuid4().hex[:12]}-{name}", content)
        try:
            yield lent
        finally:
            version: dict[str, Any] = {"VersionId": lent.version} if lent.version else {}
            try:
                self._s3.delete_object(
                    Bucket=self.name, Key=lent.key, ExpectedBucketOwner=self._account, **version
                )
                self._out.say(f"deleted s3://{self.name}/{lent.key}")
            except ClientError as error:
                self._out.say(f"s3://{self.name}/{lent.key} could not be deleted: {error}", "yellow")

    def _is_taken(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key, ExpectedBucketOwner=self._account)
        except ClientError as error:
            return error.response.get("Error", {}).get("Code") not in ("404", "NoSuchKey", "NotFound")
        return True

    def _upload(self, key: str, content: bytes) -> Stored:
        response = self._s3.put_object(
            Bucket=self.name, Key=key, Body=content, ExpectedBucketOwner=self._account
        )
        self._out.say(f"uploaded {len(content):,} bytes to s3://{self.name}/{key}")
        return Stored(key, _version(response))

    def url(self, stored: Stored) -> str:
        """The URL of a template for CloudFormation (path style, as in the AWS CLI's deploy)."""
        version = f"?versionId={quote(stored.version, safe='')}" if stored.version else ""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{quote(stored.key)}{version}"


def _version(response: Any) -> str:
    """The version id in a response of S3; "" if the bucket keeps no versions."""
    version = str(response.get("VersionId") or "")
    return "" if version == NO_VERSION else version
