"""Days that are open for a while: their markers in the bucket, and the view `unsettled_changes` with them.

`settled/reopened.py` states the protocol. Everything happens with the user's own session.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from scripts.core.athena import Workgroup
from scripts.core.console import CommandError
from scripts.core.settling.option_stack import SettleStack
from settled import unsettled
from settled.names import REOPENED, UNSETTLED
from settled.reopened import Marker, days_of, free_id
from settled.unsettled import Opening


class Markers:
    """The markers of one lake."""

    def __init__(self, stack: SettleStack) -> None:
        lake = stack.lake
        self._place = {"Bucket": lake.bucket, "ExpectedBucketOwner": lake.outputs["ConsumerAccountId"]}
        self._s3: Any = lake.connection.client("s3")

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

    def __init__(self, stack: SettleStack) -> None:
        self._lake = stack.lake
        self._glue: Any = stack.lake.connection.client("glue")

    @cached_property
    def _workgroup(self) -> Workgroup:
        return Workgroup(self._lake.connection, self._lake.workgroup)

    def opening(self) -> Opening | None:
        """What the view has; None before the first settle run. Raises CommandError for another view."""
        try:
            table = self._glue.get_table(DatabaseName=self._lake.database, Name=UNSETTLED)["Table"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
                raise
            return None
        found = unsettled.read(unsettled.sql_of(table) or "")
        if found is None:
            raise CommandError(
                f"{self._lake.database}.{UNSETTLED} is not the view that the settle job creates",
                "Rename or drop it, and start the job: the next run creates its own.",
            )
        return found

    def create(self, opening: Opening) -> None:
        """Create the view again, with the columns that `changes` has now."""
        changes = self._glue.get_table(DatabaseName=self._lake.database, Name="changes")["Table"]
        columns = [column["Name"] for column in changes["StorageDescriptor"]["Columns"]]
        self._workgroup.finish(unsettled.statement(opening, columns), self._lake.database)


class Reopening:
    """The marker of one run of a command, and the view while the marker is there."""

    def __init__(self, stack: SettleStack, name: str, days: Collection[str]) -> None:
        """`name` is that of every run of one command: a second run takes over the marker of the first."""
        self._stack, self._name, self._days = stack, name, {*days}
        self._markers, self._view = Markers(stack), UnsettledView(stack)
        self.marker: Marker | None = None

    def check(self) -> None:
        """Look at the markers and the view, so that a missing permission is found before anything begins."""
        with self._stack.permitted("see which days are reopened"):
            self._markers.all()
            self._view.opening()

    def open(self) -> None:
        """Put the marker, and let the view have all rows of its days."""
        with self._stack.permitted("reopen days that were settled"):
            existing = self._markers.all()
            found = free_id(self._name, existing)
            # The rows that an interrupted run wrote are not settled either.
            own = days_of(marker for marker in existing if marker.id == found)
            self.marker = Marker(found, tuple(sorted({*self._days, *own})))
            self._markers.put(self.marker)
            self._widen()

    def complete(self) -> None:
        """State that everything is written: a settle run that begins later closes the days."""
        if self.marker is not None:
            with self._stack.permitted("complete the marker of the days it wrote"):
                self._markers.put(Marker(self.marker.id, self.marker.days, done=True))

    def _widen(self) -> None:
        """Create the view until it has the days of every marker that was there when it was created."""
        created: set[str] = set()
        while not created.issuperset(days := {*days_of(self._markers.all())}):
            current = self._view.opening()
            if current is None:
                return  # the first run has not ended: it creates the view with the days of all markers
            wanted = current.with_days(days)
            if wanted != current:
                self._view.create(wanted)
            created = days
