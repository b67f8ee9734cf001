"""KMS key policies apply: S3 and Kinesis use a key on behalf of their caller.

AWS facts
- S3 calls GenerateDataKey to write and Decrypt to read an object under a KMS key, for the caller: identity
  and key policy are evaluated with `kms:ViaService = s3.<region>.amazonaws.com` and the encryption context
  `aws:s3:arn`, which is the bucket's ARN with a Bucket Key and the object's without (S3 user guide, "Using
  server-side encryption with AWS KMS keys", "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").
- A part of a multipart upload and its completion need Decrypt (S3 user guide, "Multipart upload API and
  permissions").
- Kinesis calls Decrypt for GetRecords and GenerateDataKey for PutRecord with the context `aws:kinesis:arn`
  (Kinesis developer guide, "Permissions to use user-generated KMS keys").
- A key's policy must allow the call even in its own account; across accounts both sides must (KMS developer
  guide, "Allowing users in other accounts to use a KMS key"). A disabled key, or one to be deleted,
  cannot be used.

MiniStack does not encrypt and checks no key. The use of keys by DynamoDB and Lambda is not checked here; that
of CloudWatch Logs is, when a stack creates a log group (`log_group_resource`).
"""

from dataclasses import dataclass
from typing import Any

from sandbox.emulator.multipart_uploads import UPLOAD
from sandbox.emulator.seam import Seam

ENFORCE = Seam("core.iam_evaluator", "enforce", "cf64b1ee5b099c8f")
SEAMS = (ENFORCE,)

_S3_USE = {
    "s3:PutObject": "kms:GenerateDataKey",
    "s3:GetObject": "kms:Decrypt",
    "s3:GetObjectVersion": "kms:Decrypt",
}
_KINESIS_USE = {
    "kinesis:GetRecords": "kms:Decrypt",
    "kinesis:PutRecord": "kms:GenerateDataKey",
    "kinesis:PutRecords": "kms:GenerateDataKey",
}
_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


@dataclass(frozen=True)
class KeyUse:
    """One call of a service to KMS: the operation, the key and the resource."""

    action: str
    key: str
    owner: str
    service: str
    context: dict[str, str]


def _s3_use(action: str, resource_arn: str, request: dict[str, Any], region: str) -> KeyUse | None:
    from ministack.core.responses import request_scope  # noqa: PLC0415  only the emulator process loads it
    from ministack.services import s3  # noqa: PLC0415

    bucket, _, name = resource_arn.removeprefix("arn:aws:s3:::").partition("/")
    owner = s3._bucket_owner_account(bucket)
    if owner is None or not name:
        return None
    with request_scope(owner, region):
        if UPLOAD in request:
            key = request[UPLOAD]
        elif action == "s3:PutObject":
            if request.get("s3:x-amz-server-side-encryption") == "AES256":
                return None
            key = request.get(f"s3:{_KEY_HEADER}") or s3._bucket_default_sse_headers(bucket).get(_KEY_HEADER)
        else:
            stored = s3._buckets[bucket]["objects"].get(name)
            key = s3._stored_sse_headers(stored).get(_KEY_HEADER) if stored else None
        bucket_key = "<BucketKeyEnabled>true<" in (s3._bucket_encryption.get(bucket) or "")
    if not key:
        return None
    context = {"aws:s3:arn": f"arn:aws:s3:::{bucket}" if bucket_key else resource_arn}
    operation = "kms:Decrypt" if UPLOAD in request else _S3_USE[action]
    return KeyUse(operation, key, owner, "s3", context)


def _kinesis_use(action: str, stream_arn: str) -> KeyUse | None:
    from ministack.services import kinesis  # noqa: PLC0415

    stream = kinesis._resolve_stream_by_arn(stream_arn)
    if not stream or stream.get("EncryptionType") != "KMS" or "alias/aws/" in stream["KeyId"]:
        return None
    account = stream_arn.split(":")[4]
    return KeyUse(_KINESIS_USE[action], stream["KeyId"], account, "kinesis", {"aws:kinesis:arn": stream_arn})


def _judge(access_key: str, use: KeyUse, region: str) -> Any:
    """None when identity and key policy both allow the call, otherwise the evaluator's denial."""
    from ministack.core import iam_evaluator  # noqa: PLC0415
    from ministack.core.responses import get_account_id, request_scope  # noqa: PLC0415
    from ministack.services import kms  # noqa: PLC0415

    parts = use.key.split(":")
    with request_scope(parts[4] if use.key.startswith("arn:") else use.owner, region):
        record = kms._resolve_key(use.key)
    caller = iam_evaluator.caller_arn()
    if record is None or record["KeyState"] != "Enabled" or iam_evaluator._anonymous.get():
        return iam_evaluator.EvalResult("ImplicitDeny", caller, "", f"{use.key} serves nobody")
    principal = iam_evaluator.resolve_principal(access_key, get_account_id())
    if isinstance(principal, iam_evaluator.AuthError):
        return principal
    context = iam_evaluator.EvalContext(
        principal.arn,
        principal.type,
        principal.account,
        use.action,
        record["Arn"],
        region,
        service_context={
            "kms:viaservice": f"{use.service}.{region}.amazonaws.com",
            "kms:calleraccount": principal.account,
            "kms:encryptioncontextkeys": list(use.context),
            **{f"kms:encryptioncontext:{name}": value for name, value in use.context.items()},
        },
        principal_keys=principal.keys,
    )
    if principal.policies is None:
        identity = iam_evaluator.EvalResult("Allow", principal.arn)
    else:
        identity = iam_evaluator.evaluate(context, principal.policies, *principal.limits)
    verdict = iam_evaluator.combine_resource_policy(
        identity,
        context,
        record.get("Policy"),
        record["Arn"].split(":")[4],
        required=True,
        limits=principal.limits,
    )
    if verdict.decision == "Allow":
        return None
    verdict.principal_arn = principal.arn
    return verdict


def install() -> None:
    """Check the key after identity and resource policy have allowed the call."""
    enforce = ENFORCE.check()

    def enforce_keys_too(access_key: str, action: str, service: str, *where: str, **request: Any) -> Any:
        denied = enforce(access_key, action, service, *where, **request)
        if denied is not None:
            return denied
        region, resource_arn = where[0], where[1] if len(where) > 1 else request.get("resource_arn", "*")
        use = None
        if action in _S3_USE:
            use = _s3_use(action, resource_arn, request.get("service_context") or {}, region)
        elif action in _KINESIS_USE:
            use = _kinesis_use(action, resource_arn)
        return _judge(access_key, use, region) if use else None

    ENFORCE.replace(enforce_keys_too)
