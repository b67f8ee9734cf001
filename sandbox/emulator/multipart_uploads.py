"""The requests of a multipart upload are authorised with what its first request asked for.

AWS facts
- Only CreateMultipartUpload has the headers for encryption. UploadPart and CompleteMultipartUpload are
  authorised as s3:PutObject (service authorization reference, "Actions, resources, and condition keys for
  Amazon S3"). That their condition keys are those of the first request is [unverified]; MiniStack does so
  for the algorithm in the caller's own account.
- Under a KMS key the first request needs kms:GenerateDataKey, each part and the completion kms:Decrypt (S3
  user guide, "Multipart upload API and permissions"). `key_use` reads here whether a request belongs to an
  upload.
"""

from typing import Any

from sandbox.emulator.policies import OBJECT_CONTEXT

SEAMS = (OBJECT_CONTEXT,)

UPLOAD = "sandbox:upload"  # in the context of a part or completion: the key of the upload, or an empty text
_ALGORITHM = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def _upload(upload_id: str) -> dict[str, Any] | None:
    """The upload, in whichever account's bucket it is."""
    from ministack.services import s3  # noqa: PLC0415  only the emulator process loads MiniStack

    return next((found for (_, key), found in s3._multipart_uploads._data.items() if key == upload_id), None)


def install() -> None:
    """Give the parts and the completion of an upload the condition keys of its first request."""
    context_of = OBJECT_CONTEXT.check()

    def s3_object_context(action: str, query: Any, path: str, headers: dict[str, str]) -> dict[str, Any]:
        context: dict[str, Any] = context_of(action, query, path, headers)
        named = query.get("uploadId") if action == "s3:PutObject" else None
        upload_id = named[0] if isinstance(named, list) else named
        upload = _upload(upload_id) if upload_id else None
        if upload is None:
            return context
        key = upload["preserved_headers"].get(_KEY)
        if upload["requested_sse"]:
            context[f"s3:{_ALGORITHM}"] = upload["requested_sse"]
            if key:
                context[f"s3:{_KEY}"] = key
        return {**context, UPLOAD: key or ""}

    OBJECT_CONTEXT.replace(s3_object_context)
