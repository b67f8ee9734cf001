"""DynamoDB change records: the typed change, its normalised time, its row.

Source of the record's shape: DynamoDB Developer Guide, "Using Kinesis Data Streams to capture changes to
DynamoDB". Records that AWS wrote are in tests/unit/transform/.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from transform_lambda.canonical import digest, sorted_json
from transform_lambda.columns import Columns, with_columns, without
from transform_lambda.errors import (
    AttributeValueError,
    ChangeShapeError,
    DepthError,
    DuplicateNameError,
    JsonError,
)
from transform_lambda.flatten import DEFAULT_SETTINGS, RowSettings, finished
from transform_lambda.values import Image, as_sent, order_sets

# "Pattern: 0|([1-9]\d{0,128})" (Kinesis Data Streams API Reference, SequenceNumberRange): up to 129 digits.
SEQUENCE_DIGITS: Final = 129
# SequenceNumber: "Minimum length of 21. Maximum length of 40." (DynamoDB Streams API Reference,
# StreamRecord). The width shows which of the two streams delivered the change.
STREAMS_SEQUENCE_DIGITS: Final = 40

_STREAM_CHANGE_TYPES: Final = frozenset({"INSERT", "MODIFY", "REMOVE"})
# "The partition key and the sort key must be of type string, number or binary" (DynamoDB Developer Guide).
_KEY_TYPES: Final = frozenset({"S", "N", "B"})

# Records without ApproximateCreationDateTimePrecision: the magnitude decides the unit. Each bound is the year
# 1973 in the finer unit and 5138 in the coarser one, so every time that DynamoDB has written is unambiguous.
_FIRST_MILLISECOND: Final = 10**11
_FIRST_MICROSECOND: Final = 10**14
_MICROSECONDS_IN: Final = {"SECOND": 1_000_000, "MILLISECOND": 1_000, "MICROSECOND": 1}


@dataclass(slots=True)
class Change:
    """One change of one item, as DynamoDB recorded it. Keys and images are in DynamoDB JSON."""

    change_id: str
    change_type: str  # INSERT, MODIFY, REMOVE, or SNAPSHOT for an item that a backfill read
    change_time: str  # ISO 8601, UTC, six decimals and Z: see change_time
    change_sequence: str | None  # 129 digits, or 40 from DynamoDB Streams: see change_sequence
    change_actor: str  # "user" or "ttl"
    change_table: str
    keys: Image
    old_image: Image | None
    new_image: Image | None


def change_time(value: Any, precision: Any = None) -> str:
    """ApproximateCreationDateTime as ISO 8601 in UTC, with six decimals and Z: text order is time order.

    :param precision: ApproximateCreationDateTimePrecision; if it is unknown, the magnitude decides the unit
    :raises ChangeShapeError: value is not a time in the years 1970 to 9999
    """
    if type(value) is not int and type(value) is not float:
        raise ChangeShapeError("ApproximateCreationDateTime is not a number")
    unit = _MICROSECONDS_IN.get(precision) if type(precision) is str else None
    if unit is None:
        unit = 1_000_000 if value < _FIRST_MILLISECOND else 1_000 if value < _FIRST_MICROSECOND else 1
    try:
        microseconds = value * unit if type(value) is int else round(value * unit)
        seconds, microseconds = divmod(microseconds, 1_000_000)
        return f"{_second(seconds)}.{microseconds:06d}Z"
    except (ValueError, OverflowError, OSError):
        raise ChangeShapeError("ApproximateCreationDateTime is not in the years 1970 to 9999") from None


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    if seconds < 0:
        raise ValueError("before 1970")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def change_sequence(sequence: Any, digits: int = SEQUENCE_DIGITS) -> str | None:
    """A sequence number with leading zeros, so that text order is stream order; None without a number.

    :param digits: the width, which depends on the stream that delivered the change
    """
    if type(sequence) is str and sequence.isascii() and sequence.isdigit() and len(sequence) <= digits:
        return sequence.zfill(digits)
    return None


def _sequence_of(kinesis: Any, change: dict[str, Any]) -> str | None:
    """The sequence of a change: the number from Kinesis, or else the record's own from DynamoDB Streams.

    Source: DynamoDB Streams API Reference, StreamRecord. Records from Kinesis have no SequenceNumber
    (DynamoDB Developer Guide, "Using Kinesis Data Streams to capture changes to DynamoDB").
    """
    if kinesis is not None:
        return change_sequence(kinesis)
    return change_sequence(change.get("SequenceNumber"), STREAMS_SEQUENCE_DIGITS)


def change_actor(identity: Any) -> str:
    """`ttl` for a deletion by Time to Live, else `user`.

    Source: DynamoDB Developer Guide, "DynamoDB Streams and Time to Live": `type` Service, `principalId`
    dynamodb.amazonaws.com. Some SDKs spell the names with a capital letter.
    """
    if type(identity) is dict:
        kind = identity.get("type", identity.get("Type"))
        principal = identity.get("principalId", identity.get("PrincipalId"))
        if kind == "Service" and principal == "dynamodb.amazonaws.com":
            return "ttl"
    return "user"


def read_change(record: Any, sequence: Any = None) -> Change:
    """The typed change of a parsed change record.

    :param sequence: the Kinesis sequence number, None if the record did not come from Kinesis
    :raises ChangeShapeError: record is not a DynamoDB change record
    """
    if type(record) is not dict:
        raise ChangeShapeError("the payload is not an object")
    change_type = record.get("eventName")
    if type(change_type) is not str or change_type not in _STREAM_CHANGE_TYPES:
        raise ChangeShapeError("eventName is none of INSERT, MODIFY, REMOVE")
    change_id = record.get("eventID")
    if type(change_id) is not str or not change_id:
        raise ChangeShapeError("eventID is not text")
    table = record.get("tableName")
    if type(table) is not str or not table:
        table = _table_in_arn(record)
    change = record.get("dynamodb")
    if type(change) is not dict:
        raise ChangeShapeError("dynamodb is not an object")
    keys = change.get("Keys")
    if type(keys) is not dict or not keys:
        raise ChangeShapeError("Keys is not an object")
    return Change(
        change_id,
        change_type,
        change_time(
            change.get("ApproximateCreationDateTime"), change.get("ApproximateCreationDateTimePrecision")
        ),
        _sequence_of(sequence, change),
        change_actor(record.get("userIdentity")),
        table,
        keys,
        change.get("OldImage"),
        change.get("NewImage"),
    )


def _table_in_arn(record: dict[str, Any]) -> str:
    """The table of a DynamoDB Streams record, which has the table's name only in an ARN.

    The ARN is arn:aws:dynamodb:<region>:<account>:table/<name>/stream/<label>.
    """
    parts = str(record.get("eventSourceARN")).split("/")
    if "tableName" in record or len(parts) < 2 or not parts[0].endswith(":table") or not parts[1]:
        raise ChangeShapeError("tableName is not text")
    return parts[1]


def row_of(change: Change, settings: RowSettings = DEFAULT_SETTINGS) -> Columns:
    """The row of a change: metadata columns, then the flattened item.

    :raises RecordError: keys or images are not DynamoDB JSON
    """
    keys, old, new = as_sent([change.keys, change.old_image, change.new_image])
    return _row(replace(change, keys=keys, old_image=old, new_image=new), settings)[0]


def line_of(change: Change, settings: RowSettings = DEFAULT_SETTINGS) -> bytes:
    """The row of a change as one line of the lake, without the copy that `row_of` makes of the images.

    For writers that read the change themselves and need it only once: the images of `change` are changed.
    They must be as DynamoDB sends them, with binary as base64 text.

    :raises RecordError: keys or images are not DynamoDB JSON
    """
    try:
        return _row(change, settings)[1]
    except RecursionError:
        raise DepthError("nested deeper than DynamoDB allows") from None


def key_text(keys: Image) -> str:
    """`change_key` of the keys: canonical DynamoDB JSON.

    :raises ChangeShapeError: a key is not a string, a number or binary
    """
    return _key_text(keys).decode()


def change_day(time: str) -> str:
    """The UTC day of a change_time, yyyy-MM-dd: the change's own `dt`, the same for every writer of rows."""
    return time[:10]


def transform(
    payload: bytes, sequence: Any = None, settings: RowSettings = DEFAULT_SETTINGS
) -> tuple[bytes, str]:
    """A payload of the change stream as one line of the lake, and its change_time.

    :param sequence: the Kinesis sequence number, None if Firehose sent none
    :raises RecordError: the payload is not a DynamoDB change record
    """
    try:
        record = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise JsonError("the payload is not one JSON document in UTF-8") from None
    try:
        change = read_change(record, sequence)
        _, line, texts = _row(change, settings)
    except RecursionError:
        raise DepthError("nested deeper than DynamoDB allows") from None
    _reject_duplicate_names(payload, record, texts)
    return line, change.change_time


# The canonical texts of keys, old image and new image.
_Texts = tuple[bytes, bytes | None, bytes | None]


def _row(change: Change, settings: RowSettings) -> tuple[Columns, bytes, _Texts]:
    """The row, its line, and the canonical texts of the keys and images."""
    old, new = change.old_image, change.new_image
    for image in (old, new):
        if image is not None and type(image) is not dict:
            raise AttributeValueError("an image is not an object")
    # The row shows the item's new state, or for a deletion its last state, or without images its keys.
    if change.change_type == "REMOVE":
        item, other = old, new
    else:
        item, other = new, old
    has_image = item is not None
    if item is None:
        item = change.keys
    # Flattening sorts the sets of the item. The values that only the other image has are sorted below.
    unordered = None if other is None else _share(other, item)
    keys_text = _key_text(change.keys)
    row: Columns = {
        "change_id": change.change_id,
        "change_type": change.change_type,
        "change_time": change.change_time,
        "change_sequence": change.change_sequence,
        "change_actor": change.change_actor,
        "change_key": keys_text.decode(),
        "change_before": None,
        "change_after": None,
        "change_table": change.change_table,
        "change_levels": None,
        "change_names": None,
        "change_image": None,
        "change_rescued": None,
    }
    shown = item
    if settings.exclude:
        order_sets(item.values())  # the digests include excluded attributes too
        shown = without(item, settings.exclude)
    row, paths = with_columns(row, shown, settings.max_depth, settings.keep_whole)
    if unordered:
        order_sets(unordered)
    old_text = new_text = None
    if old is not None:
        old_text = sorted_json(old)
        row["change_before"] = digest(old_text)
    if new is not None:
        new_text = sorted_json(new)
        row["change_after"] = digest(new_text)
    text = (old_text if change.change_type == "REMOVE" else new_text) or keys_text
    if settings.exclude:
        text = sorted_json(shown)
    kept = text.decode() if settings.keep_images and has_image else None
    row, line = finished(row, paths, shown, len(text), settings, kept)
    return row, line, (keys_text, old_text, new_text)


def _share(other: Image, item: Image) -> list[Any]:
    """Replace equal values of other (most are equal) by those of item; returns its remaining values."""
    rest = []
    of_item = item.get
    for name, value in other.items():
        twin = of_item(name)
        if value == twin:
            other[name] = twin
        else:
            rest.append(value)
    return rest


def _key_text(keys: Image) -> bytes:
    """The canonical text of the keys, which are scalars."""
    for value in keys.values():
        single = type(value) is dict and len(value) == 1
        tag, content = next(iter(value.items())) if single else (None, None)
        if tag not in _KEY_TYPES or type(content) is not str:
            raise ChangeShapeError("a key is not a string, a number or binary")
    return sorted_json(keys)


def _reject_duplicate_names(payload: bytes, record: dict[str, Any], texts: _Texts) -> None:
    """Reject a payload if the parser dropped a part of it. Changes record, but not its images.

    If a name occurs twice in one object, the parser keeps the last value. Writing the record back then gives
    fewer bytes than a compact payload has. The canonical texts exist already, so only the rest is written.
    Only a float can become longer (1e9 does). So if the rest has a dot, or the payload has blanks or other
    escapes, the quotes are counted instead: two for every name and every text.

    :raises DuplicateNameError: the parser dropped a value
    """
    change = record["dynamodb"]
    keys, old, new = texts
    change["Keys"] = 0
    written = len(keys) - 1
    if old is not None:
        change["OldImage"] = 0
        written += len(old) - 1
    if new is not None:
        change["NewImage"] = 0
        written += len(new) - 1
    try:
        rest = orjson.dumps(record)
    except orjson.JSONEncodeError:
        raise DepthError("the record is nested deeper than any change record") from None
    if written + len(rest) == len(payload) and b"." not in rest:
        return
    if b"\\u0022" in payload:  # a quote that is written as an escape
        json.loads(payload, object_pairs_hook=_unique)
    elif payload.count(b'"') != sum(text.count(b'"') for text in (rest, *texts) if text is not None):
        raise DuplicateNameError("a name occurs twice in one object")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DuplicateNameError("a name occurs twice in one object")
    return members
