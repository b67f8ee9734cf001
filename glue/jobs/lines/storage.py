"""The S3 side: the days below `data/`, and the objects of a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .days import SourceObject, day_of, visible


class StorageError(Exception):
    """A location is not a folder in a bucket. The message states the next step."""


@dataclass(frozen=True)
class Folder:
    """An address in S3 that ends with `/`."""

    bucket: str
    prefix: str

    @staticmethod
    def parse(location: str) -> "Folder":
        """Parse `s3://bucket/prefix/`. Raises StorageError for any other text."""
        parts = urlsplit(location)
        prefix = parts.path.strip("/")
        if parts.scheme != "s3" or not parts.netloc or not prefix:
            raise StorageError(f"{location} is not a folder in a bucket. Next: launch the lake's stack again")
        return Folder(parts.netloc, prefix + "/")

    @property
    def location(self) -> str:
        """The address as `s3://bucket/prefix/`."""
        return f"s3://{self.bucket}/{self.prefix}"

    def below(self, name: str) -> "Folder":
        """A folder in this one."""
        return Folder(self.bucket, f"{self.prefix}{name}/")


class RawObjects:
    """The raw objects below the folder `data`, listed with a boto3 client of S3."""

    def __init__(self, s3: Any, data: Folder) -> None:
        self._s3, self.data = s3, data

    def _pages(self, folder: Folder, delimiter: str = "") -> Iterator[dict[str, Any]]:
        more = {"Delimiter": delimiter} if delimiter else {}
        pages = self._s3.get_paginator("list_objects_v2")
        yield from pages.paginate(Bucket=folder.bucket, Prefix=folder.prefix, **more)

    def days(self) -> list[str]:
        """The days that have a folder of raw objects, oldest first."""
        folders = (
            folder["Prefix"][len(self.data.prefix) :]
            for page in self._pages(self.data, "/")
            for folder in page.get("CommonPrefixes") or []
        )
        return sorted(day for folder in folders if (day := day_of(folder)))

    def objects(self, day: str) -> list[SourceObject]:
        """The raw objects of a day that Athena reads: visible and not empty, in order."""
        folder = self.data.below(f"dt={day}")
        return sorted(
            SourceObject(entry["Key"], int(entry["Size"]), str(entry["ETag"]))
            for page in self._pages(folder)
            for entry in page.get("Contents") or []
            if entry["Size"] and visible(entry["Key"][len(folder.prefix) :])
        )
