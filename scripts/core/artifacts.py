"""The artifact bucket: where the functions' zips, jobs' code and large templates wait for CloudFormation.

One an account and Region, `ddb-lake-artifacts-<account>-<region>`: private, encrypted, versioned, TLS only.
Every call names the account that must own it, so a bucket that someone else took first is refused.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts.core.console import CommandError, Output

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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

    def put(self, key: str, content: bytes) -> str:
        """Put content under its key (`key_of`), unless it is there; the key."""
        self.ensure()
        try:
            self._s3.head_object(Bucket=self.name, Key=key, ExpectedBucketOwner=self._account)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ("404", "NoSuchKey", "NotFound"):
                raise
        else:
            self._out.say(f"already there: s3://{self.name}/{key}")
            return key
        self._s3.put_object(Bucket=self.name, Key=key, Body=content, ExpectedBucketOwner=self._account)
        self._out.say(f"uploaded {len(content):,} bytes to s3://{self.name}/{key}")
        return key

    def url(self, key: str) -> str:
        """The address CloudFormation reads a template from (path style, as the AWS CLI's own deploy uses)."""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{key}"
