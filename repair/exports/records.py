"""The records in data files: items of a full export, changed items of an incremental one.

Shapes: DynamoDB Developer Guide, "DynamoDB table export output format". Images are DynamoDB JSON whatever the
format of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from repair.exports import ion
from repair.exports.data_file import Stream, records
from repair.exports.errors import ExportTypeError, KeySchemaError, RecordError
from repair.exports.manifest import FULL, INCREMENTAL, ION, DataFile, Manifest
from transform_lambda.values import Image

# The table's key attributes with their types, the partition key first: [("pk", "S"), ("sk", "N")].
KeySchema = Sequence[tuple[str, str]]
_IMAGES: Final = ("Keys", "NewImage", "OldImage")


class Item(NamedTuple):
    """An item of a full export, and its key attributes."""

    keys: Image
    image: Image


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """The net change of one item in the period of an incremental export.

    `written` is the time of its last write in microseconds since 1970 by DynamoDB's own clock. `new` is None
    if the item was deleted. `old` is None if the item was inserted, and always None in an export without old
    images.
    """

    written: int
    keys: Image
    new: Image | None
    old: Image | None


def items(stream: Stream, file: DataFile, manifest: Manifest, schema: KeySchema) -> Iterator[Item]:
    """The items of a data file of a full export.

    :raises ExportError: as `repair.exports.data_file.records`; KeySchemaError for an item of another table
    """
    if manifest.type != FULL:
        raise ExportTypeError(f"{manifest.export_arn} is incremental, and a full export is needed")
    is_ion = manifest.output_format == ION

    def parse(line: bytes) -> Item:
        record = ion.parse_line(line) if is_ion else _json(line)
        image = record.get("Item")
        if is_ion:
            image = ion.image_of(image)
        elif type(image) is not dict:
            raise RecordError("no Item")
        return Item(keys_of(image, schema), image)

    return records(stream, file, parse)


def changed_items(
    stream: Stream, file: DataFile, manifest: Manifest, schema: KeySchema
) -> Iterator[ChangedItem]:
    """The changed items of a data file of an incremental export.

    :raises ExportError: as `repair.exports.data_file.records`; KeySchemaError for an item of another table
    """
    if manifest.type != INCREMENTAL:
        raise ExportTypeError(f"{manifest.export_arn} is a full export, and an incremental one is needed")
    is_ion = manifest.output_format == ION

    def parse(line: bytes) -> ChangedItem:
        record = ion.parse_line(line) if is_ion else _json(line)
        record = record.get("Record", record)  # Ion's lines have one more level; JSON's are accepted with it
        images = {name: record.get(name) for name in _IMAGES}
        if is_ion:
            images = {name: None if one is None else ion.image_of(one) for name, one in images.items()}
        elif not all(one is None or type(one) is dict for one in images.values()):
            raise RecordError("an image is not an object")
        keys, new, old = (images[name] for name in _IMAGES)
        if keys is None:
            raise RecordError("no Keys")
        for image in (keys, new, old):
            if image is not None and keys_of(image, schema) != keys:
                raise RecordError("Keys and images are of different items")
        return ChangedItem(_written(record.get("Metadata")), keys, new, old)

    return records(stream, file, parse)


def keys_of(image: Image, schema: KeySchema) -> Image:
    """The key attributes of an image. Raises KeySchemaError if one is missing or has another type.

    The message names attributes and types, and no value.
    """
    keys = {}
    for name, kind in schema:
        value = image.get(name)
        if type(value) is not dict or len(value) != 1 or type(value.get(kind)) is not str:
            found = "/".join(value) if type(value) is dict else "missing"
            raise KeySchemaError(f"the key attribute {name} is of type {kind} in the table, and {found} here")
        keys[name] = value
    return keys


def _json(line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise RecordError("not JSON") from None
    if type(found) is not dict:
        raise RecordError("not a JSON object")
    return found


def _written(metadata: Any) -> int:
    """WriteTimestampMicros: an AttributeValue in JSON, a decimal in Ion; plain text is accepted as well."""
    value = metadata.get("WriteTimestampMicros") if hasattr(metadata, "get") else None
    if type(value) is dict:
        value = value.get("N")
    try:
        written = int(value) if value is not None else -1
    except (TypeError, ValueError, ArithmeticError):
        written = -1
    if written < 0:
        raise RecordError("Metadata.WriteTimestampMicros is not a time")
    return written
