"""The objects of an export in its bucket: which exist, their bytes, and data files as streams."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from repair.exports.data_file import Stream
from scripts.core.console import CommandError


class ExportObjects:
    """One bucket. Every call names the account that must own it."""

    def __init__(self, s3: Any, bucket: str, owner: str) -> None:
        self._s3 = s3
        self._place = {"Bucket": bucket, "ExpectedBucketOwner": owner}
        self._tags: dict[str, str] = {}

    def listed(self, prefix: str) -> list[str]:
        """The keys below a prefix. `open` then reads these objects, and no later ones of the same key."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._place, Prefix=prefix)
        found = {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}
        self._tags |= found
        return list(found)

    def read(self, key: str) -> bytes | None:
        """The bytes of an object, None if it does not exist."""
        try:
            body: bytes = self._s3.get_object(**self._place, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        return body

    def open(self, key: str) -> Stream:
        """An object as a stream. Raises CommandError if it has changed since it was listed."""
        unchanged = {"IfMatch": self._tags[key]} if key in self._tags else {}
        try:
            body: Stream = self._s3.get_object(**self._place, Key=key, **unchanged)["Body"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "PreconditionFailed":
                raise
            raise CommandError(
                f"{key} has changed since it was listed",
                "Run the command again: it verifies the export again.",
            ) from None
        return body
