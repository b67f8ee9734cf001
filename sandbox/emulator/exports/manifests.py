"""The manifests of an export and their checksums.

AWS facts
- `manifest-files.json` has one JSON object per line, `manifest-summary.json` is one object; members as in
  DynamoDB developer guide, "DynamoDB table export output format". In the published exports both are
  compact, only the files manifest ends with a newline, `s3Prefix` is null without a prefix, and the summary
  of a full export has version 2020-06-30, `exportTime` and neither `outputView` nor `exportType`.
- The files of the checksums: that page calls them `manifest-summary.checksum` and
  `manifest-files.checksum`. Every export that was seen has `manifest-summary.md5` and `manifest-files.md5`
  instead, each with 24 bytes, the base64 of the MD5 (the published exports; tests of moto and of ScyllaDB's
  Alternator that run against AWS; Google Cloud's guide "Migrate from Amazon DynamoDB to Spanner"). The
  sandbox writes `.md5`.
- Keys of data files are complete, with the prefix.
"""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FULL_VERSION = "2020-06-30"
INCREMENTAL_VERSION = "2023-08-01"


@dataclass(frozen=True)
class DataFile:
    """A written data file: its key, its number of rows, its MD5 in base64 and S3's entity tag."""

    key: str
    rows: int
    md5: str
    etag: str


def checksum(content: bytes) -> bytes:
    """The content of a checksum file."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest())


def files_manifest(files: Iterable[DataFile]) -> bytes:
    """The content of `manifest-files.json`."""
    lines = (
        _compact(
            {"itemCount": file.rows, "md5Checksum": file.md5, "etag": file.etag, "dataFileS3Key": file.key}
        )
        for file in files
    )
    return b"".join(line + b"\n" for line in lines)


def moment(microseconds: int) -> str:
    """A time of a manifest: UTC, with milliseconds."""
    seconds, rest = divmod(microseconds, 1_000_000)
    text = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest // 1000:03d}Z"


def summary_manifest(members: dict[str, Any]) -> bytes:
    """The content of `manifest-summary.json`."""
    return _compact(members)


def _compact(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
