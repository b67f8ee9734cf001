"""The one text of an item, whatever order its names and set members came in, and its digest."""

import hashlib
from typing import Any, Final

import orjson
import pybase64

from transform_lambda.errors import AttributeValueError
from transform_lambda.flatten import Image, order_sets

_DIGEST_BYTES: Final = 8


def canonical_json(image: Image) -> bytes:
    """The canonical text of an image: compact DynamoDB JSON in UTF-8, names sorted, sets sorted.

    Numbers and base64 stay the text DynamoDB sent. The members of sets are put in order in place.

    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: nested deeper than any DynamoDB item
    """
    order_sets(image)
    return sorted_json(image)


def sorted_json(image: Image) -> bytes:
    """The canonical text of an image whose sets are in order already."""
    try:
        return orjson.dumps(image, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise AttributeValueError("an image holds what JSON cannot") from None


def digest(canonical: bytes) -> str:
    """16 hex digits of BLAKE2b over a canonical text."""
    return hashlib.blake2b(canonical, digest_size=_DIGEST_BYTES).hexdigest()


def image_digest(image: Image | None) -> str | None:
    """The digest that stands in `change_before` and `change_after`; None for no image.

    Equal items have equal digests, so an item read from the table can be compared with the last row of
    its key. boto3's clients decode B values: pass the item through `as_sent` first.
    """
    return None if image is None else digest(canonical_json(image))


def as_sent(item: Any) -> Any:
    """An item as boto3's clients return it (B and BS decoded to bytes), as DynamoDB sent it: base64 text."""
    if isinstance(item, bytes | bytearray):
        return pybase64.b64encode_as_string(item)
    if isinstance(item, dict):
        return {name: as_sent(value) for name, value in item.items()}
    if isinstance(item, list):
        return [as_sent(value) for value in item]
    return item
