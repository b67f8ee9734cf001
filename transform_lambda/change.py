"""DynamoDB change records: the typed change, its normalised time, its digests, its row.

Source of the record's shape: DynamoDB Developer Guide, "Using Kinesis Data Streams to capture changes to
DynamoDB"; recorded examples in tests/unit/transform/.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from transform_lambda.errors import (
    AttributeValueError,
    ChangeShapeError,
    DepthError,
    DuplicateNameError,
    JsonError,
)
from transform_lambda.flatten import DEFAULT_MAX_DEPTH, Columns, Image, flatten_into, plain

CHANGE_TYPES: Final = ("INSERT", "MODIFY", "REMOVE", "SNAPSHOT")

# "Pattern: 0|([1-9]\d{0,128})" (Kinesis Data Streams API Reference, SequenceNumberRange): up to 129 digits.
SEQUENCE_DIGITS: Final = 129
_SEQUENCE: Final = re.compile(rf"[0-9]{{1,{SEQUENCE_DIGITS}}}")
_DIGEST_BYTES: Final = 8

# Units by magnitude, for records without ApproximateCreationDateTimePrecision: each bound is 1973 in the
# finer unit and 5138 in the coarser one, so no time DynamoDB ever wrote is ambiguous.
_FIRST_MILLISECOND: Final = 10**11
_FIRST_MICROSECOND: Final = 10**14
_PER_SECOND: Final = {"SECOND": 1, "MILLISECOND": 1_000, "MICROSECOND": 1_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Change:
    """One change of one item, as DynamoDB recorded it; images in DynamoDB JSON."""

    change_id: str
    change_type: str  # one of CHANGE_TYPES
    change_time: str  # ISO 8601, UTC, six decimals and Z
    change_sequence: str | None  # SEQUENCE_DIGITS digits
    change_actor: str  # "user" or "ttl"
    change_table: str
    keys: Image
    old_image: Image | None
    new_image: Image | None

    @property
    def item(self) -> Image:
        """The item the row shows: its new state, for a deletion its last one, else its keys."""
        image = self.old_image if self.change_type == "REMOVE" else self.new_image
        return self.keys if image is None else image


def canonical_json(image: Image) -> bytes:
    """The one text of an image: compact DynamoDB JSON, names sorted, sets sorted (in place), UTF-8.

    :raises AttributeValueError: image is not a map of AttributeValues
    """
    if type(image) is not dict:
        raise AttributeValueError("an image is not an object")
    for value in image.values():
        plain(value)
    try:
        return orjson.dumps(image, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise DepthError("nested deeper than DynamoDB allows") from None


def image_digest(image: Image | None) -> str | None:
    """16 hex digits of BLAKE2b over the canonical image, None for no image.

    Equal images have equal digests whatever the order of their names and set members, so an item read
    from the table can be compared with a row's `change_after`.
    """
    if image is None:
        return None
    return hashlib.blake2b(canonical_json(image), digest_size=_DIGEST_BYTES).hexdigest()


def change_time(value: Any, precision: Any = None) -> str:
    """ApproximateCreationDateTime as ISO 8601 in UTC with six decimals and Z.

    :param precision: ApproximateCreationDateTimePrecision; without a known one the magnitude decides
    :raises ChangeShapeError: not a time in the years 1970 to 9999
    """
    if type(value) not in (int, float):
        raise ChangeShapeError("ApproximateCreationDateTime is not a number")
    per_second = _PER_SECOND.get(precision) if type(precision) is str else None
    if per_second is None:
        per_second = 1 if value < _FIRST_MILLISECOND else 1_000 if value < _FIRST_MICROSECOND else 1_000_000
    try:
        microseconds = round(value * (1_000_000 // per_second))
        if microseconds < 0:
            raise ChangeShapeError("ApproximateCreationDateTime is negative")
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise ChangeShapeError("ApproximateCreationDateTime is beyond the year 9999") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def change_sequence(sequence: Any) -> str | None:
    """A Kinesis sequence number padded so that text order is stream order; None where there is none."""
    if (
        type(sequence) is str
        and sequence.isascii()
        and sequence.isdigit()
        and len(sequence) <= SEQUENCE_DIGITS
    ):
        return sequence.zfill(SEQUENCE_DIGITS)
    return None


def change_actor(identity: Any) -> str:
    """`ttl` for a deletion by Time to Live, else `user`.

    Source: DynamoDB Developer Guide, "DynamoDB Streams and Time to Live": `type` Service, `principalId`
    dynamodb.amazonaws.com; some SDK shapes spell the names with a capital.
    """
    if type(identity) is dict:
        principal = identity.get("principalId", identity.get("PrincipalId"))
        kind = identity.get("type", identity.get("Type"))
        if kind == "Service" and principal == "dynamodb.amazonaws.com":
            return "ttl"
    return "user"


def parse_record(payload: bytes) -> dict[str, Any]:
    """The JSON object of a payload.

    :raises JsonError: not one JSON object in UTF-8
    """
    try:
        record = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise JsonError("the payload is not JSON") from None
    if type(record) is not dict:
        raise ChangeShapeError("the payload is not an object")
    return record


def read_change(record: dict[str, Any], sequence: Any = None) -> Change:
    """The typed change of a parsed record.

    :param sequence: the Kinesis sequence number, None when Firehose sent none
    :raises ChangeShapeError: not a DynamoDB change record
    """
    change_type = record.get("eventName")
    if change_type not in ("INSERT", "MODIFY", "REMOVE"):
        raise ChangeShapeError("eventName is none of INSERT, MODIFY, REMOVE")
    change_id = record.get("eventID")
    if type(change_id) is not str or not change_id:
        raise ChangeShapeError("eventID is not text")
    table = record.get("tableName")
    if type(table) is not str or not table:
        raise ChangeShapeError("tableName is not text")
    change = record.get("dynamodb")
    if type(change) is not dict:
        raise ChangeShapeError("dynamodb is not an object")
    keys = change.get("Keys")
    if type(keys) is not dict or not keys:
        raise ChangeShapeError("Keys is not an object")
    old, new = change.get("OldImage"), change.get("NewImage")
    if type(old) not in (dict, type(None)) or type(new) not in (dict, type(None)):
        raise ChangeShapeError("an image is not an object")
    return Change(
        change_id,
        change_type,
        change_time(
            change.get("ApproximateCreationDateTime"), change.get("ApproximateCreationDateTimePrecision")
        ),
        change_sequence(sequence),
        change_actor(record.get("userIdentity")),
        table,
        keys,
        old,
        new,
    )


def row_of(change: Change, max_depth: int = DEFAULT_MAX_DEPTH) -> Columns:
    """The row of a change: metadata columns, then the flattened item.

    :raises RecordError: the images are not DynamoDB JSON
    """
    row: Columns = {
        "change_id": change.change_id,
        "change_type": change.change_type,
        "change_time": change.change_time,
        "change_sequence": change.change_sequence,
        "change_actor": change.change_actor,
        "change_key": canonical_json(change.keys).decode(),
        "change_before": image_digest(change.old_image),
        "change_after": image_digest(change.new_image),
        "change_table": change.change_table,
        "change_rescued": None,
    }
    flatten_into(row, change.item, max_depth)
    return row


def row_line(row: Columns) -> bytes:
    """The row as it lands in the lake: one line of JSON, names sorted, UTF-8, newline at the end."""
    try:
        return orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        raise JsonError("a text is not valid Unicode") from None


def transform(payload: bytes, sequence: Any = None, max_depth: int = DEFAULT_MAX_DEPTH) -> bytes:
    """A payload of the change stream as one line of the lake.

    :raises RecordError: the payload is not a DynamoDB change record
    """
    record = parse_record(payload)
    if payload.count(b'"') != orjson.dumps(record).count(b'"'):
        raise DuplicateNameError("a name occurs twice in one object")
    return row_line(row_of(read_change(record, sequence), max_depth))
