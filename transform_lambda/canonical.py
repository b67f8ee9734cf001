"""An item's canonical text and its digest. The order of names and of set members does not change them."""

import hashlib
from typing import Final

import orjson

from transform_lambda.errors import AttributeValueError
from transform_lambda.values import Image, as_sent, order_sets

_DIGEST_BYTES: Final = 8


def canonical_json(image: Image) -> bytes:
    """The canonical text of an image: compact DynamoDB JSON in UTF-8, names sorted, sets sorted.

    Numbers and base64 keep the text that DynamoDB sent.

    :param image: DynamoDB JSON; binary as base64 text or, as boto3's clients return it, as bytes
    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: image is nested deeper than any DynamoDB item
    """
    image = as_sent(image)
    if type(image) is not dict:
        raise AttributeValueError("an image is not an object")
    order_sets(image.values())
    return sorted_json(image)


def image_digest(image: Image | None) -> str | None:
    """The digest in `change_before` and `change_after`; None without an image.

    Equal items have equal digests. So an item from the table can be compared with the last row of its key.
    """
    return None if image is None else digest(canonical_json(image))


def digest(canonical: bytes) -> str:
    """16 hex digits of BLAKE2b over a canonical text."""
    return hashlib.blake2b(canonical, digest_size=_DIGEST_BYTES).hexdigest()


def sorted_json(image: Image) -> bytes:
    """The canonical text of an image whose sets are already sorted."""
    return orjson.dumps(image, option=orjson.OPT_SORT_KEYS)
