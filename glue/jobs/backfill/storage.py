"""The S3 side: read the objects of an export, list and write the objects of the lake.

A client belongs to one process, and each worker of Spark is one: `Storage` travels to it without its client.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from repair.exports.data_file import Stream
from repair.objects import Part


class ChangedError(Exception):
    """An object of the export is not the one that was listed when the run began."""


@cache
def _client(region: str) -> Any:
    import boto3  # noqa: PLC0415  the package itself loads without it

    return boto3.client("s3", region_name=region)


@dataclass(frozen=True)
class Storage:
    """The two buckets of a run."""

    export_bucket: str
    lake_bucket: str
    region: str

    def read(self, key: str) -> bytes:
        """The bytes of an object of the export."""
        body: bytes = _client(self.region).get_object(Bucket=self.export_bucket, Key=key)["Body"].read()
        return body

    def open(self, key: str, tag: str) -> Stream:
        """A data file as a stream. Raises ChangedError if its entity tag is another one now."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        client = _client(self.region)
        try:
            body: Stream = client.get_object(Bucket=self.export_bucket, Key=key, IfMatch=tag)["Body"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "NoSuchKey"):
                raise ChangedError(f"{key} has changed since the run began") from None
            raise
        return body

    def exported(self, prefix: str) -> dict[str, str]:
        """The keys of the export bucket below a prefix, each with its entity tag."""
        return self._listed(self.export_bucket, prefix)

    def written(self, prefix: str) -> list[str]:
        """The keys of the lake below a prefix."""
        return list(self._listed(self.lake_bucket, prefix))

    def put(self, part: Part) -> None:
        """Write an object of the lake. An equal object of an earlier run is replaced by the same bytes."""
        _client(self.region).put_object(Bucket=self.lake_bucket, Key=part.key, Body=part.body)

    def _listed(self, bucket: str, prefix: str) -> dict[str, str]:
        pages = _client(self.region).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents") or ()}
