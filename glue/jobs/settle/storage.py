"""The S3 side: list raw objects, read one in a worker, read and remove markers of reopened days."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from raw_lines.days import day_of, visible
from settled.names import REOPENED
from settled.reopened import Marker

from .errors import SettleError
from .objects import RawObject

DATA = "data/"


@cache
def _client(region: str) -> Any:
    import boto3  # noqa: PLC0415  the package itself loads without it

    return boto3.client("s3", region_name=region)


@dataclass(frozen=True)
class Storage:
    """One lake's bucket. It travels to the workers of Spark without its client."""

    bucket: str
    region: str

    @property
    def _s3(self) -> Any:
        return _client(self.region)

    def days(self) -> list[str]:
        """The days that have a folder of raw objects, oldest first."""
        pages = self._s3.get_paginator("list_objects_v2")
        folders = (
            folder["Prefix"].removeprefix(DATA)
            for page in pages.paginate(Bucket=self.bucket, Prefix=DATA, Delimiter="/")
            for folder in page.get("CommonPrefixes") or []
        )
        return sorted(day for folder in folders if (day := day_of(folder)))

    def objects(self, days: Iterable[str]) -> list[RawObject]:
        """The raw objects of these days that Athena reads: visible and not empty."""
        return [one for day in days for one in self._of_day(day)]

    def _of_day(self, day: str) -> Iterator[RawObject]:
        prefix = f"{DATA}dt={day}/"
        for entry in self._listed(prefix):
            if entry["Size"] and visible(entry["Key"].removeprefix(prefix)):
                path = f"s3://{self.bucket}/{entry['Key']}"
                yield RawObject(day, path, entry["ETag"].strip('"'), int(entry["Size"]))

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        yield from (entry for page in pages for entry in page.get("Contents") or [])

    def read(self, one: RawObject) -> bytes | None:
        """The bytes of an object as it was listed; None if it is another one now, or gone."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            answer = self._s3.get_object(Bucket=self.bucket, Key=one.key, IfMatch=f'"{one.tag}"')
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "NoSuchKey"):
                return None
            raise
        body: bytes = answer["Body"].read()
        return body

    def is_current(self, one: RawObject) -> bool:
        """Whether an object is still as it was listed."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            tag = self._s3.head_object(Bucket=self.bucket, Key=one.key)["ETag"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                return False
            raise
        return bool(tag.strip('"') == one.tag)

    def markers(self) -> list[Marker]:
        """The markers of days that a verb has reopened. Raises SettleError if one cannot be read."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        found = []
        for entry in self._listed(REOPENED):
            try:
                body = self._s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read()
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "NoSuchKey":  # another run removed it
                    raise
                continue
            try:
                found.append(Marker.parse(entry["Key"], body))
            except ValueError as error:
                raise SettleError(
                    str(error), "remove the object, and run the command that wrote it again"
                ) from None
        return found

    def remove_marker(self, marker: Marker) -> None:
        """Remove a marker whose rows are settled."""
        self._s3.delete_object(Bucket=self.bucket, Key=marker.key)
