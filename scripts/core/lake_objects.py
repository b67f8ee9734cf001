"""The objects of a lake's bucket, through RepairRole: list, read and add them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from repair.objects import DATA, Part
from scripts.core.sides import LakeSide


@dataclass(frozen=True)
class ListedObject:
    """An object in a listing: its key, its ETag without quotes, and its size in bytes."""

    key: str
    etag: str
    size: int


class LakeObjects:
    """The bucket of one lake. Every call names the account that must own the bucket."""

    def __init__(self, lake: LakeSide, before_rows: Callable[[], None] | None = None) -> None:
        """`before_rows` is called before each object of rows is written."""
        self._before_rows = before_rows
        self.bucket, self._owner = lake.bucket, lake.outputs["ConsumerAccountId"]
        self._s3: Any = lake.repair_client("s3")

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        """The objects whose keys begin with the prefix, in the order of their keys."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, ExpectedBucketOwner=self._owner
        )
        for page in pages:
            for entry in page.get("Contents", []):
                yield ListedObject(entry["Key"], entry["ETag"].strip('"'), entry["Size"])

    def days(self) -> list[str]:
        """The days below data/ that have objects, yyyy-MM-dd, the earliest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix="data/dt=", Delimiter="/", ExpectedBucketOwner=self._owner
        )
        return [
            entry["Prefix"].removeprefix("data/dt=").rstrip("/")
            for page in pages
            for entry in page.get("CommonPrefixes", [])
        ]

    def read(self, key: str) -> bytes:
        """The bytes of an object. RepairRole may read below errors/ only."""
        found = self._s3.get_object(Bucket=self.bucket, Key=key, ExpectedBucketOwner=self._owner)
        body: bytes = found["Body"].read()
        return body

    def stream(self, listed: ListedObject) -> Any:
        """The body of an object as it was listed, to be read in pieces.

        Raises ClientError (PreconditionFailed, NoSuchKey) if the object has changed or is gone.
        """
        found = self._s3.get_object(
            Bucket=self.bucket,
            Key=listed.key,
            IfMatch=f'"{listed.etag}"',
            ExpectedBucketOwner=self._owner,
        )
        return found["Body"]

    def put(self, part: Part) -> None:
        """Write a repair's object. An equal object of an earlier run is replaced by the same bytes."""
        if self._before_rows is not None and part.key.startswith(DATA):
            self._before_rows()
        self._s3.put_object(Bucket=self.bucket, Key=part.key, Body=part.body, ExpectedBucketOwner=self._owner)

    def put_all(self, parts: Iterable[Part]) -> int:
        """Write objects, and return the number of rows in them."""
        rows = 0
        for part in parts:
            self.put(part)
            rows += part.rows
        return rows
