"""Exports of the table: the ones that exist, a new one, and the wait for its end.

A repeated command finds the export of the first: an export that is running in the same folder, or the newest
completed one whose rows are not all in the lake. API reference: ExportTableToPointInTime, ListExports,
DescribeExport.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from repair.exports.manifest import FULL, INCREMENTAL, JSON
from repair.heal import Window
from scripts.core.backfilling.option_stacks import Landing
from scripts.core.backfilling.source_table import SourceTable
from scripts.core.console import CommandError, Output
from scripts.core.source_stream import Clock, Wait

POLL_SECONDS = (1.0, 10.0)  # the first pause and the longest
_LOOKED_AT = 25  # newest exports of the table that may be continued; the most of one page
_ROUNDED = timedelta(minutes=1)  # the time in an export's id may be rounded down


@dataclass(frozen=True)
class Export:
    """A described export."""

    arn: str
    status: str  # IN_PROGRESS, COMPLETED or FAILED
    type: str
    time: datetime | None  # of a full export
    bucket: str
    owner: str | None
    prefix: str
    manifest_key: str | None
    items: int
    billed_bytes: int
    reason: str  # of a failure
    start: datetime | None = None  # of an incremental export, inclusive
    end: datetime | None = None  # exclusive

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


class Exports:
    """The exports of one table, with one client of DynamoDB."""

    def __init__(self, dynamodb: Any, table: SourceTable, location: str) -> None:
        self._dynamodb, self._table = dynamodb, table
        self._location = location  # the profile and Region, for commands in messages

    def of_arn(self, arn: str) -> Export:
        """The export with this ARN. Raises CommandError if there is none or it is of another table."""
        if not arn.startswith(f"{self._table.arn}/export/"):
            raise CommandError(
                f"{arn} is not an export of table {self._table.name}",
                f"Give an ARN that begins with {self._table.arn}/export/.",
            )
        try:
            return self._described(arn)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ExportNotFoundException":
                raise
            raise CommandError(
                f"there is no export {arn}",
                f"List the exports: `aws dynamodb list-exports --table-arn {self._table.arn}"
                f"{self._location}`.",
            ) from None

    def landed(self, landing: Landing) -> Iterator[Export]:
        """The full exports that landed in the stack's folder, or are about to, the newest first."""
        request: dict[str, Any] = {"TableArn": self._table.arn, "MaxResults": _LOOKED_AT}
        for summary in self._dynamodb.list_exports(**request).get("ExportSummaries", []):
            if summary.get("ExportType", FULL) != FULL or summary["ExportStatus"] == "FAILED":
                continue
            export = self._described(summary["ExportArn"])
            if (export.bucket, export.prefix) == (landing.bucket, landing.prefix):
                yield export

    def start(self, landing: Landing, time: datetime) -> Export:
        """Start a full export of the table as it was at a whole second.

        The same table, place and time give the same ClientToken, so a request that is sent twice within eight
        hours starts one export.
        """
        return self._start(landing, f"{time:%Y-%m-%dT%H:%M:%S}", ExportTime=time)

    def of_windows(self, landing: Landing, windows: Sequence[Window]) -> dict[Window, Export]:
        """The newest export of each of these windows that landed in the stack's folder, or is about to."""
        found: dict[Window, Export] = {}
        earliest = (min(window.end for window in windows) - _ROUNDED).timestamp() * 1000
        for summary in self._listed():
            arn = summary["ExportArn"]
            started = arn.rpartition("/")[2].partition("-")[0]  # in milliseconds since 1970
            if started.isdigit() and int(started) < earliest:
                break  # it began before any of these windows ended, and so did all that follow
            if summary.get("ExportType", FULL) != INCREMENTAL or summary["ExportStatus"] == "FAILED":
                continue
            export = self._described(arn)
            if export.start is None or export.end is None:
                continue
            window = Window(export.start, export.end)
            if window in windows and (export.bucket, export.prefix) == (landing.bucket, landing.prefix):
                found.setdefault(window, export)
        return found

    def start_window(self, landing: Landing, window: Window) -> Export:
        """Start an incremental export, as `start` does."""
        period = {
            "ExportFromTime": window.start,
            "ExportToTime": window.end,
            "ExportViewType": "NEW_AND_OLD_IMAGES",
        }
        return self._start(
            landing, window.text, ExportType=INCREMENTAL, IncrementalExportSpecification=period
        )

    def _start(self, landing: Landing, period: str, **more: Any) -> Export:
        text = f"{self._table.arn} {self._table.id} {landing.bucket}/{landing.prefix} {period}"
        answer = self._dynamodb.export_table_to_point_in_time(
            TableArn=self._table.arn,
            ClientToken=hashlib.sha256(text.encode()).hexdigest()[:32],
            S3Bucket=landing.bucket,
            S3BucketOwner=landing.owner,
            S3Prefix=landing.prefix,
            S3SseAlgorithm="KMS",
            S3SseKmsKeyId=landing.key_arn,
            ExportFormat=JSON,
            **more,
        )
        return _export(answer["ExportDescription"])

    def _listed(self) -> Iterator[dict[str, Any]]:
        """All exports of the table, the newest first: "in reverse alphanumeric order" of their ARNs."""
        request: dict[str, Any] = {"TableArn": self._table.arn, "MaxResults": _LOOKED_AT}
        while True:
            answer = self._dynamodb.list_exports(**request)
            yield from answer.get("ExportSummaries", [])
            if "NextToken" not in answer:
                return
            request["NextToken"] = answer["NextToken"]

    def finished(self, export: Export, clock: Clock, out: Output) -> Export:
        """Wait for the end of the export. Raises CommandError if it fails."""
        wait, (pause, longest) = Wait(clock, out), POLL_SECONDS
        while export.status == "IN_PROGRESS":
            wait.show(f"DynamoDB is writing export {export.id}; that can take from minutes to hours")
            wait.sleep(pause)
            pause = min(pause * 2, longest)
            export = self._described(export.arn)
        if export.status != "COMPLETED" or export.manifest_key is None:
            raise CommandError(
                f"export {export.id} is {export.status}: {export.reason}",
                "Correct the cause that the message names, then run the command again.",
                export=export.arn,
            )
        return export

    def _described(self, arn: str) -> Export:
        return _export(self._dynamodb.describe_export(ExportArn=arn)["ExportDescription"])


def _second(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC).replace(microsecond=0)


def _export(found: Mapping[str, Any]) -> Export:
    period = found.get("IncrementalExportSpecification", {})
    return Export(
        found["ExportArn"],
        found["ExportStatus"],
        found.get("ExportType", FULL),
        _second(found.get("ExportTime")),
        found["S3Bucket"],
        found.get("S3BucketOwner"),
        found.get("S3Prefix") or "",
        found.get("ExportManifest"),
        found.get("ItemCount", 0),
        found.get("BilledSizeBytes", 0),
        " ".join(found[name] for name in ("FailureCode", "FailureMessage") if found.get(name)),
        _second(period.get("ExportFromTime")),
        _second(period.get("ExportToTime")),
    )
