"""The markers of reopened days in the bucket, and the view `unsettled_changes` that shows these days.

Every command that creates the view does it here, so that none drops the days of another one's marker
(`settled/reopened.py`). Everything happens with the user's own session.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from scripts.core.athena import Workgroup
from scripts.core.console import CommandError
from scripts.core.settling.option_stack import SettleStack
from settled import unsettled
from settled.names import REOPENED, UNSETTLED
from settled.reopened import Marker, days_of
from settled.unsettled import Opening


class Markers:
    """The markers of one lake."""

    def __init__(self, s3: Any, bucket: str, account: str) -> None:
        """`account` is that of the lake's bucket."""
        self._place = {"Bucket": bucket, "ExpectedBucketOwner": account}
        self._s3 = s3

    @classmethod
    def of(cls, stack: SettleStack) -> Markers:
        """Those of the lake that a stack settles."""
        lake = stack.lake
        return cls(lake.connection.client("s3"), lake.bucket, lake.outputs["ConsumerAccountId"])

    def all(self) -> list[Marker]:
        """All markers. Raises CommandError for an object that is not a marker."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._place, Prefix=REOPENED)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return [marker for key in keys if (marker := self._read(key)) is not None]

    def _read(self, key: str) -> Marker | None:
        """A marker; None if a settle run has removed it since."""
        try:
            body = self._s3.get_object(**self._place, Key=key)["Body"].read()
            return Marker.parse(key, body)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchKey":
                raise
            return None
        except ValueError as error:
            raise CommandError(
                str(error), f"Remove the object {key} from {self._place['Bucket']}: no command wrote it."
            ) from None

    def named(self, marker_id: str) -> Marker | None:
        """The marker of this id; None if there is none."""
        return self._read(Marker(marker_id, ()).key)

    def put(self, marker: Marker) -> None:
        """Write a marker, or replace the one of its id."""
        self._s3.put_object(**self._place, Key=marker.key, Body=marker.body())


class UnsettledView:
    """The view `unsettled_changes` of one lake."""

    def __init__(self, workgroup: Workgroup, database: str, markers: Markers) -> None:
        self._workgroup, self._database, self._markers = workgroup, database, markers
        self._glue: Any = workgroup.connection.client("glue")

    @classmethod
    def of(cls, stack: SettleStack) -> UnsettledView:
        """That of the lake that a stack settles."""
        lake = stack.lake
        return cls(Workgroup(lake.connection, lake.workgroup), lake.database, Markers.of(stack))

    def opening(self) -> Opening | None:
        """The view's content; None before the first settle run. Raises CommandError for another view."""
        try:
            table = self._glue.get_table(DatabaseName=self._database, Name=UNSETTLED)["Table"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
                raise
            return None
        found = unsettled.read(unsettled.sql_of(table) or "")
        if found is None:
            raise CommandError(
                f"{self._database}.{UNSETTLED} is not the view that the settle job creates",
                "Rename or drop it, and start the job: the next run creates its own.",
            )
        return found

    def widen(self, *, again: bool = False) -> None:
        """Create the view until it has the days of every marker that was there when it was created.

        Before the first settle run there is no view, and none is created: that run creates it with the days
        of all markers.

        :param again: create it at least once, with the columns that `changes` has now
        """
        days, created = self._marked_days(), None if again else set[str]()
        while created is None or not created.issuperset(days):
            current = self.opening()
            if current is None:
                return
            wanted = current.with_days(days)
            if created is None or wanted != current:
                self._create(wanted)
            created, days = days, self._marked_days()

    def _marked_days(self) -> set[str]:
        return {*days_of(self._markers.all())}

    def _create(self, opening: Opening) -> None:
        changes = self._glue.get_table(DatabaseName=self._database, Name="changes")["Table"]
        columns = [column["Name"] for column in changes["StorageDescriptor"]["Columns"]]
        self._workgroup.finish(unsettled.statement(opening, columns), self._database)
