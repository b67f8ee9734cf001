"""The S3 side: list raw days and compacted versions, remove versions."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .days import SourceObject, Version, day_of, visible

_DELETED_AT_ONCE = 1_000  # the limit of DeleteObjects (Amazon S3 API reference)


class StorageError(Exception):
    """A location is invalid, or S3 did not delete an object. The message states the next step."""


@dataclass(frozen=True)
class Folder:
    """An address in S3 that ends with `/`."""

    bucket: str
    prefix: str

    @staticmethod
    def parse(location: str) -> "Folder":
        """Parse `s3://bucket/prefix/`."""
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


class Storage:
    """Raw objects below `data`, compacted versions below `compacted`."""

    def __init__(self, s3: Any, data: Folder, compacted: Folder) -> None:
        self._s3, self.data, self.compacted = s3, data, compacted

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

    def versions(self) -> list[Version]:
        """Every version of every compacted day, complete or not, with all its objects."""
        keys: dict[tuple[str, str], list[str]] = {}
        newest: dict[tuple[str, str], dt.datetime] = {}
        for page in self._pages(self.compacted):
            for entry in page.get("Contents") or []:
                folder, _, rest = entry["Key"][len(self.compacted.prefix) :].partition("/")
                name, slash, _ = rest.partition("/")
                day = day_of(folder + "/")
                if not day or not slash:
                    continue  # not written by this job
                keys.setdefault((day, name), []).append(entry["Key"])
                modified = entry["LastModified"]
                newest[day, name] = max(newest.get((day, name), modified), modified)
        return [
            Version(
                day, self.compacted.below(f"dt={day}").below(name).location, newest[day, name], tuple(found)
            )
            for (day, name), found in sorted(keys.items())
        ]

    def remove(self, versions: Iterable[Version]) -> None:
        """Delete the objects of these versions. Raises StorageError if S3 does not delete one."""
        keys = [key for version in versions for key in version.keys]
        for at in range(0, len(keys), _DELETED_AT_ONCE):
            batch = [{"Key": key} for key in keys[at : at + _DELETED_AT_ONCE]]
            answer = self._s3.delete_objects(
                Bucket=self.compacted.bucket, Delete={"Objects": batch, "Quiet": True}
            )
            if errors := answer.get("Errors"):
                raise StorageError(
                    f"S3 did not delete {errors[0].get('Key')} ({errors[0].get('Code')}). "
                    "Next: check the job role's permissions; the next run tries again"
                )
