"""Check a request for an export, and its times.

AWS facts
- Parameters, their patterns and the errors: API reference, "ExportTableToPointInTime". `S3BucketOwner` is
  required for a bucket in another account. An incremental export needs `IncrementalExportSpecification`.
- An empty format, type, prefix, token or bucket is a ValidationException; a time before PITR was enabled an
  InvalidExportTimeException with the text "Export Time is invalid"; less than 15 minutes between the times
  of an incremental export an InvalidExportTimeException whose text starts with "Difference between export
  period" (seen by the tests of ScyllaDB's Alternator, which also run against AWS).
- `ExportFromTime` is inclusive, `ExportToTime` exclusive and by default the latest time with data (API
  reference, "IncrementalExportSpecification"). The period is 15 minutes to 24 hours (developer guide,
  "DynamoDB data export to Amazon S3: how it works").

[unverified]: that a full export with the specification of an incremental one, an incremental export with
ExportTime or without ExportFromTime, and a key id without S3SseAlgorithm KMS are rejected; and the code of
the error for a period of more than 24 hours.

The least period is divided by the sandbox's speed, like every waiting time: nobody could test an
incremental export otherwise. The sandbox has no FilterSpecification, and says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEAST_PERIOD_SECONDS = 15 * 60
LONGEST_PERIOD_SECONDS = 24 * 60 * 60
MOST_AT_ONCE = 300  # exports in progress in an account (developer guide, "Quotas in Amazon DynamoDB")

_CHOICES = {
    "ExportFormat": ("ION", "DYNAMODB_JSON"),
    "ExportType": ("FULL_EXPORT", "INCREMENTAL_EXPORT"),
    "S3SseAlgorithm": ("AES256", "KMS"),
}
_VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
_PATTERNS = {
    "S3Bucket": re.compile(r"[a-z0-9A-Z][.\-\w]{1,254}(?<![.\-_])", re.ASCII),
    "S3BucketOwner": re.compile(r"[0-9]{12}"),
    "ClientToken": re.compile(r"[^$]+"),
    "S3Prefix": re.compile(r".{1,1024}", re.DOTALL),
    "S3SseKmsKeyId": re.compile(r".{1,2048}", re.DOTALL),
    "TableArn": re.compile(r".{1,1024}", re.DOTALL),
}
_REQUIRED = ("TableArn", "S3Bucket")
# The parameters that the description of an export repeats.
REPEATED = ("ClientToken", "S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseKmsKeyId")


class ExportError(Exception):
    """The request is rejected. `code` is the name of DynamoDB's exception."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Request:
    """A valid request; its times, in microseconds since 1970, are not checked yet."""

    parameters: Mapping[str, Any]  # as received
    table_arn: str
    bucket: str
    bucket_owner: str | None
    prefix: str | None
    algorithm: str  # AES256 or KMS
    key: str | None
    ion: bool
    incremental: bool
    old_images: bool
    time: int | None  # of a full export
    start: int | None  # of an incremental export
    end: int | None


@dataclass(frozen=True)
class Period:
    """The times of an export in microseconds since 1970: `end` alone for a full export."""

    start: int | None
    end: int


def _invalid(message: str) -> ExportError:
    return ExportError("ValidationException", message)


def _constraint(name: str, value: Any, constraint: str) -> ExportError:
    shown = "null" if value is None else f"'{value}'"
    field = name[0].lower() + name[1:]
    return _invalid(
        f"1 validation error detected: Value {shown} at '{field}' failed to satisfy constraint: {constraint}"
    )


def _check_texts(given: Mapping[str, Any]) -> None:
    for name in _REQUIRED:
        if given.get(name) is None:
            raise _constraint(name, None, "Member must not be null")
    for name, pattern in _PATTERNS.items():
        value = given.get(name)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise _constraint(
                name, value, f"Member must satisfy regular expression pattern: {pattern.pattern}"
            )
    for name, choices in _CHOICES.items():
        value = given.get(name)
        if value is not None and value not in choices:
            raise _constraint(name, value, f"Member must satisfy enum value set: [{', '.join(choices)}]")


def _microseconds(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        raise _constraint(name, value, "Member must be a time in seconds since 1970")
    return round(value * 1_000_000)


def parse(given: Mapping[str, Any]) -> Request:
    """The request. Raises ExportError with the first thing that is wrong with it."""
    _check_texts(given)
    if given.get("FilterSpecification") is not None:
        raise _invalid("The sandbox has no FilterSpecification: export without it, and filter what you read")
    incremental = given.get("ExportType") == "INCREMENTAL_EXPORT"
    specification = given.get("IncrementalExportSpecification")
    if incremental != isinstance(specification, dict):
        raise _invalid(
            "IncrementalExportSpecification is required for INCREMENTAL_EXPORT, and allowed for no other"
        )
    details: dict[str, Any] = specification or {}
    if incremental and given.get("ExportTime") is not None:
        raise _invalid("ExportTime is not allowed for INCREMENTAL_EXPORT")
    if incremental and details.get("ExportFromTime") is None:
        raise _constraint("ExportFromTime", None, "Member must not be null")
    view = details.get("ExportViewType", "NEW_AND_OLD_IMAGES")
    if view not in _VIEWS:
        constraint = f"Member must satisfy enum value set: [{', '.join(_VIEWS)}]"
        raise _constraint("ExportViewType", view, constraint)
    algorithm = given.get("S3SseAlgorithm") or "AES256"
    if given.get("S3SseKmsKeyId") and algorithm != "KMS":
        raise _invalid("S3SseKmsKeyId is only allowed with S3SseAlgorithm KMS")
    return Request(
        given,
        given["TableArn"],
        given["S3Bucket"],
        given.get("S3BucketOwner"),
        given.get("S3Prefix"),
        algorithm,
        given.get("S3SseKmsKeyId"),
        given.get("ExportFormat") == "ION",
        incremental,
        view == "NEW_AND_OLD_IMAGES",
        _microseconds(given, "ExportTime"),
        _microseconds(details, "ExportFromTime"),
        _microseconds(details, "ExportToTime"),
    )


def period_of(request: Request, earliest: int, now: int, speed: float) -> Period:
    """The times of the export. Raises ExportError unless the table is known from `earliest` until `now`."""
    latest = max(now // 1000 * 1000, earliest)  # whole milliseconds, as the manifest shows it
    if request.start is None:
        when = latest if request.time is None else request.time
        if not earliest <= when <= now:
            raise ExportError("InvalidExportTimeException", "Export Time is invalid")
        return Period(None, when)
    end = latest if request.end is None else request.end
    seconds = (end - request.start) / 1_000_000
    if seconds < LEAST_PERIOD_SECONDS / speed:
        raise ExportError(
            "InvalidExportTimeException",
            "Difference between export period from time and export period to time is less than 15 minutes",
        )
    if seconds > LONGEST_PERIOD_SECONDS:
        raise ExportError(
            "InvalidExportTimeException",
            "Difference between export period from time and export period to time is more than 24 hours",
        )
    if request.start < earliest or end > now:
        raise ExportError("InvalidExportTimeException", "Export Time is invalid")
    return Period(request.start, end)
