"""Write the objects of an export with the permissions of the caller that requested it.

AWS facts
- The caller needs s3:PutObject, s3:PutObjectAcl and s3:AbortMultipartUpload on the bucket, which may be in
  another account (DynamoDB developer guide, "Requesting a table export in DynamoDB").
- `S3BucketOwner` is required for a bucket in another account (API reference, "ExportTableToPointInTime"). A
  request that names another owner than the bucket's is denied (S3 user guide, "Verifying bucket ownership
  with bucket owner condition").
- A missing bucket makes the export FAILED with the code `S3NoSuchBucket` (seen by tests of moto and of
  ScyllaDB's Alternator that run against AWS). The code `S3AccessDenied` for a denied request is
  [unverified].
- Data files are multipart uploads: their entity tags in the published exports end with `-1`. So SSE-KMS
  needs kms:GenerateDataKey and kms:Decrypt (S3 user guide, "Multipart upload API and permissions").

[unverified]: that the objects are written with the access control list bucket-owner-full-control, which
would explain s3:PutObjectAcl, and that an export without S3SseAlgorithm asks for AES256, as the published
exports say.

Every object is one or more signed requests through the emulator's own front door, with the caller's own
credentials. So everything applies that applies to any other request of this caller.
"""

import contextlib
import contextvars
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.emulator.seam import Seam

PIN_CALLER = Seam("core.iam_evaluator", "pin_request_caller", "4e5a7d52a6e65248")
SEAMS = (PIN_CALLER,)

_FAILURES = {"NoSuchBucket": "S3NoSuchBucket", "AccessDenied": "S3AccessDenied"}
_ACL = "bucket-owner-full-control"

_caller: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("export_caller", default=("", ""))
_one_session = threading.Lock()
_sessions: list[Any] = []


class FailedError(Exception):
    """The export has failed, with DescribeExport's FailureCode and FailureMessage."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Caller:
    """The credentials of the request that is being answered."""

    access_key: str
    secret_key: str
    token: str | None

    @classmethod
    def of_request(cls) -> "Caller":
        """The caller of the current request, with the secret key that the emulator knows."""
        from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads MiniStack
        from ministack.core.responses import get_account_id  # noqa: PLC0415

        access_key, token = _caller.get()
        found = iam_evaluator.resolve_credential(access_key, get_account_id())
        return cls(access_key, str(getattr(found, "secret_access_key", "")), token or None)


def _client(caller: Caller, region: str) -> Any:
    import boto3  # noqa: PLC0415  only an export needs it
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        proxies={},
        retries={"mode": "standard", "total_max_attempts": 3},
        request_checksum_calculation="when_required",
        s3={"addressing_style": "path"},
    )
    with _one_session:  # making a client is not safe in several threads
        if not _sessions:
            _sessions.append(boto3.Session())
        return _sessions[0].client(
            "s3",
            region_name=region,
            endpoint_url=f"https://localhost:{os.environ['GATEWAY_PORT']}",
            aws_access_key_id=caller.access_key,
            aws_secret_access_key=caller.secret_key,
            aws_session_token=caller.token,
            config=config,
        )


class Destination:
    """The bucket of one export. Every method raises FailedError if S3 rejects a request."""

    def __init__(self, caller: Caller, region: str, bucket: str, owner: str) -> None:
        """`owner` is the account that must own the bucket."""
        self._client = _client(caller, region)
        self._bucket, self._owner = bucket, owner
        self._how: dict[str, str] = {}

    def encrypt(self, algorithm: str, key: str | None) -> None:
        """Encrypt every object from now on with `AES256` or `KMS`, and this key or else the account's."""
        self._how = {"ServerSideEncryption": "aws:kms" if algorithm == "KMS" else algorithm}
        if key:
            self._how["SSEKMSKeyId"] = key

    def check_owner(self) -> None:
        """Fail if another account owns the bucket: MiniStack ignores the expected owner of a request."""
        from ministack.services import s3  # noqa: PLC0415

        owner = s3._bucket_owner_account(self._bucket)
        if owner not in {None, self._owner}:
            raise FailedError("S3AccessDenied", _message("Access Denied", 403, "AccessDenied"))

    def put(self, key: str, content: bytes) -> None:
        """Write one small object."""
        with _failures():
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                ACL=_ACL,
                ExpectedBucketOwner=self._owner,
                **self._how,
            )

    def upload(self, key: str, parts: Iterable[bytes]) -> str:
        """Write one object in parts; its entity tag."""
        where = {"Bucket": self._bucket, "Key": key, "ExpectedBucketOwner": self._owner}
        with _failures():
            upload = self._client.create_multipart_upload(**where, ACL=_ACL, **self._how)["UploadId"]
            try:
                done = []
                for number, part in enumerate(parts, 1):
                    answer = self._client.upload_part(**where, UploadId=upload, PartNumber=number, Body=part)
                    done.append({"PartNumber": number, "ETag": answer["ETag"]})
                answer = self._client.complete_multipart_upload(
                    **where, UploadId=upload, MultipartUpload={"Parts": done}
                )
            except BaseException:
                with contextlib.suppress(Exception):  # the first error is the reason
                    self._client.abort_multipart_upload(**where, UploadId=upload)
                raise
            return str(answer["ETag"]).strip('"')


def _message(text: str, status: int, code: str) -> str:
    return f"{text} (Service: Amazon S3; Status Code: {status}; Error Code: {code})"


@contextlib.contextmanager
def _failures() -> Any:
    """S3's errors as FailedError."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        said, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = "S3AccessDenied" if status == 403 else _FAILURES.get(said["Code"], "UNKNOWN")
        raise FailedError(code, _message(said["Message"], status, said["Code"])) from error
    except BotoCoreError as error:
        raise FailedError("UNKNOWN", str(error)) from error


def install() -> None:
    """Remember the credentials of each request while it is answered."""
    pin = PIN_CALLER.check()

    def pin_request_caller(headers: dict[str, str], query: Any = None) -> None:
        from ministack.core.router import extract_access_key_id  # noqa: PLC0415

        pin(headers, query)
        token = headers.get("x-amz-security-token", "")
        _caller.set((extract_access_key_id(headers or {}, query or {}) or "", token))

    PIN_CALLER.replace(pin_request_caller)
