"""The objects in S3: names, compression, headers, and the lines of error objects."""

from __future__ import annotations

import datetime as dt
import uuid
import zlib
from typing import Any, Protocol

import orjson
import pybase64

from sandbox.delivery.description import EXTENSIONS, DeliveryStream, S3Destination
from sandbox.delivery.diagnostics import MESSAGES
from sandbox.delivery.processor import Verdict

_GZIP_WBITS = 31


class Compressor(Protocol):
    """A compressor of a buffer's bytes."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(compression: str) -> Compressor:
    """A compressor for the destination's CompressionFormat (`description` rejects all other formats)."""
    return zlib.compressobj(6, zlib.DEFLATED, _GZIP_WBITS) if compression == "GZIP" else _Plain()


def suffix(stream: DeliveryStream, destination: S3Destination, now: dt.datetime) -> str:
    """The object name after the prefix: `<stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>`."""
    extension = destination.file_extension or EXTENSIONS[destination.compression]
    return f"{stream.name}-{stream.version}-{now:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}{extension}"


def put_arguments(destination: S3Destination, key: str, body: bytes) -> dict[str, Any]:
    """PutObject's arguments.

    With the ACL, a bucket owner in another account can require ownership (developer guide, "Controlling
    access", cross-account delivery to S3). NoEncryption sends no header: the bucket's default applies.
    """
    arguments: dict[str, Any] = {
        "Bucket": destination.bucket,
        "Key": key,
        "Body": body,
        "ACL": "bucket-owner-full-control",
        "ContentType": "application/octet-stream",
    }
    if destination.compression == "GZIP":
        arguments["ContentEncoding"] = "gzip"
    if destination.kms_key_arn:
        arguments["ServerSideEncryption"] = "aws:kms"
        arguments["SSEKMSKeyId"] = destination.kms_key_arn
    return arguments


def error_line(verdict: Verdict, function_arn: str) -> bytes:
    """One failed record, as documented in the developer guide ("Handle failure in data transformation").

    Objects from AWS have the last key as `lambdaARN`; a reader should accept both. Error objects have the
    destination's compression [unverified]. Raw data is always the source record's [unverified].
    """
    line = {
        "attemptsMade": verdict.attempts,
        "arrivalTimestamp": verdict.record.arrival,
        "errorCode": verdict.error_code,
        "errorMessage": MESSAGES[verdict.error_code],
        "attemptEndingTimestamp": verdict.ended_at,
        "rawData": pybase64.b64encode(verdict.record.data).decode("ascii"),
        "lambdaArn": function_arn,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
