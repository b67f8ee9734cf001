"""The lines of error objects: a failed record becomes a row, or a line that states why it cannot.

Forms (Amazon Data Firehose Developer Guide):

- "Handle failure in data transformation" (processing-failed): attemptsMade, arrivalTimestamp, errorCode,
  errorMessage, attemptEndingTimestamp, rawData, lambdaArn. Objects from AWS have `lambdaARN`.
- "Handling errors for data format conversion" (format-conversion-failed): ErrorCode and ErrorMessage, or
  lastErrorCode and lastErrorMessage in an older version; also sequenceNumber, subSequenceNumber and
  dataCatalogTable.
- "Troubleshoot dynamic partitioning errors" and "Buffer data for dynamic partitioning"
  (metadata-extraction-failed, activePartitionExceeded): the record and the error; the names are those of
  processing-failed, as users have seen.
- "Troubleshoot decompression in Firehose" (decompression-failed): the record as it was sent, compressed.

So names are read in any case, and only rawData is required: the record in base64. The guide states this for
processing-failed. For failures after the function no page states whether rawData is the source record or the
function's row [unverified], so both are read.

No message contains a payload.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from repair.error_objects import ErrorObject
from repair.objects import Row
from transform_lambda.change import transform
from transform_lambda.errors import RecordError
from transform_lambda.flatten import RowSettings

NO_CODE: Final = "no code"  # as in athena/queries/errors-by-code.sql
OTHER_TABLE: Final = "a name that no table has"
RECORD_BYTES: Final = 12 * 1024 * 1024  # after decompression; a record of a Kinesis stream has at most 10 MiB
# Failures of these kinds come after the function, so rawData may be the function's row.
AFTER_THE_FUNCTION: Final = frozenset(
    {"metadata-extraction-failed", "activePartitionExceeded", "format-conversion-failed"}
)

_CODES: Final = ("errorcode", "lasterrorcode")
# Members that an unrecoverable line keeps if they are numbers or short text.
_KEPT: Final = ("attemptsMade", "arrivalTimestamp", "attemptEndingTimestamp", "lambdaArn")
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")  # DynamoDB Developer Guide, "Naming rules"
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_TYPES: Final = frozenset({"INSERT", "MODIFY", "REMOVE"})
_TEXTS: Final = ("change_id", "change_type", "change_time", "change_actor", "change_key", "change_table")
_GZIP: Final = b"\x1f\x8b"
_GZIP_WBITS: Final = 31

Members = dict[str, Any]


class UnknownFormError(RecordError):
    """The line is not an error line of Firehose: it is not a JSON object, or has no single `rawData`."""


class RawDataError(RecordError):
    """`rawData` is not base64 text, or is compressed data that cannot be decompressed."""


class LineTooLongError(RecordError):
    """The line is longer than any that Firehose writes."""


class FlattenError(RecordError):
    """The record cannot be flattened, for a reason that no other class names."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A failed record that is a row now.

    `payload` is the record as DynamoDB sent it, for the stream; None if the failed record was a row already.
    """

    code: str
    row: Row
    table: str
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Unrecoverable:
    """A failed record that cannot become a row: the error, and the line that states it."""

    code: str
    error: RecordError
    line: bytes


def outcome(line: bytes | int, source: ErrorObject, settings: RowSettings) -> Recovered | Unrecoverable:
    """What becomes of one line of an error object; never raises for its content.

    :param line: the line, or the length of one that is too long to read
    :param settings: the settings of the function, so that the row has the bytes that it would have written
    """
    members: Members = {}
    try:
        if isinstance(line, int):
            raise LineTooLongError(f"the line has {line} bytes, more than any that Firehose writes")
        members = _members(line)
        return _recovered(members, source.error_type, settings)
    except RecordError as error:
        return Unrecoverable(code_of(members), error, _stated(line, members, error, source))
    except Exception as error:  # noqa: BLE001 - as in the function: one bad record must not fail the others
        known = FlattenError(f"the record cannot be flattened ({type(error).__name__})")
        return Unrecoverable(code_of(members), known, _stated(line, members, known, source))


def code_of(members: Members) -> str:
    """Firehose's error code under one of its three spellings; NO_CODE if there is none, or not a code."""
    for name in _CODES:
        code = members.get(name)
        if type(code) is str and _CODE.fullmatch(code):
            return code
    return NO_CODE


def _members(line: bytes) -> Members:
    """The members of an error line, by their names in lower case."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise UnknownFormError("the line is not one JSON document") from None
    if type(document) is not dict:
        raise UnknownFormError("the line is not a JSON object")
    names = [name for name in document if name.lower() == "rawdata"]
    if len(names) != 1:
        raise UnknownFormError("the line has no rawData" if not names else "the line has rawData twice")
    return {name.lower(): value for name, value in document.items()}


def _recovered(members: Members, error_type: str, settings: RowSettings) -> Recovered:
    payload = _record(members["rawdata"])
    code = code_of(members)
    if error_type in AFTER_THE_FUNCTION and (row := _row(payload)) is not None:
        return Recovered(code, row[0], row[1], None)
    sequence = members.get("sequencenumber")
    line, time = transform(payload, sequence if type(sequence) is str else None, settings)
    table = orjson.loads(line)["change_table"]
    return Recovered(code, Row(line, time), table if _TABLE.fullmatch(table) else OTHER_TABLE, payload)


def _record(raw: Any) -> bytes:
    """The record in `rawData`, decompressed if it is compressed: a change record begins with `{`."""
    if type(raw) is not str:
        raise RawDataError("rawData is not text")
    try:
        record = base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        raise RawDataError("rawData is not base64") from None
    if not record.startswith(_GZIP):
        return record
    unpacker = zlib.decompressobj(_GZIP_WBITS)
    try:
        content = unpacker.decompress(record, RECORD_BYTES)
    except zlib.error:
        raise RawDataError("rawData is compressed, and its GZIP data is not valid") from None
    if unpacker.unconsumed_tail:
        raise RawDataError(f"rawData is compressed, and has more than {RECORD_BYTES} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise RawDataError("rawData is compressed, and its GZIP data ends too early, or too late")
    return content


def _row(payload: bytes) -> tuple[Row, str] | None:
    """The row and its table if the payload is a row that the function wrote; else None."""
    line = payload.strip()
    if b"\n" in line or b"\r" in line:
        return None
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if type(row) is not dict or any(type(row.get(name)) is not str or not row[name] for name in _TEXTS):
        return None
    if row["change_type"] not in _TYPES or not _TIME.fullmatch(row["change_time"]):
        return None
    table = row["change_table"]
    return Row(line + b"\n", row["change_time"]), table if _TABLE.fullmatch(table) else OTHER_TABLE


def _stated(line: bytes | int, members: Members, error: RecordError, source: ErrorObject) -> bytes:
    """The failure as an error line in Firehose's form, with our reason and the object it comes from.

    rawData stays as it is. If the line has none that is text, the whole line takes its place, in base64; a
    line that is too long is only in the error object.
    """
    raw = members.get("rawdata")
    if type(raw) is not str:
        raw = None if isinstance(line, int) else base64.b64encode(line).decode("ascii")
    kept = {name: _scalar(members.get(name.lower())) for name in _KEPT}
    statement = {
        "attemptsMade": kept["attemptsMade"],
        "arrivalTimestamp": kept["arrivalTimestamp"],
        "errorCode": type(error).__name__,
        "errorMessage": str(error),
        "attemptEndingTimestamp": kept["attemptEndingTimestamp"],
        "rawData": raw,
        "lambdaArn": kept["lambdaArn"],
        "sourceErrorCode": code_of(members),
        "sourceObject": source.key,
    }
    return json.dumps(statement, separators=(",", ":")).encode() + b"\n"


def _scalar(value: Any) -> int | str | None:
    """The value if it is a whole number or short text."""
    if type(value) is int or (type(value) is str and len(value) <= 2048):
        return value
    return None
