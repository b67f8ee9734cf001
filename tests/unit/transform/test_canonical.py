"""The canonical text of an item and its digest."""

import hashlib
import json
from typing import Any

import pytest

from tests.unit.transform.records import EVERY_TYPE, Json
from transform_lambda.canonical import canonical_json, image_digest
from transform_lambda.errors import AttributeValueError, DepthError


def test_canonical_text_is_sorted_and_compact() -> None:
    """Names and set members are sorted at every level. The text is UTF-8 JSON without blanks."""
    image = {
        "z": {"S": "é"},
        "a": {"L": [{"M": {"y": {"NS": ["2", "10"]}, "x": {"SS": ["b", "a"]}}}, {"N": "1.0"}]},
        "B": {"BS": ["AQ==", "AA=="]},
    }
    text = (
        '{"B":{"BS":["AA==","AQ=="]},'
        '"a":{"L":[{"M":{"x":{"SS":["a","b"]},"y":{"NS":["10","2"]}}},{"N":"1.0"}]},'
        '"z":{"S":"é"}}'
    )
    assert canonical_json(image) == text.encode()


def test_digest_is_blake2b_of_the_canonical_text() -> None:
    """Another program can compute the same 16 hex digits."""
    digest = hashlib.blake2b(canonical_json(EVERY_TYPE), digest_size=8).hexdigest()
    assert image_digest(EVERY_TYPE) == digest
    assert len(digest) == 16


def test_a_missing_image_has_no_digest() -> None:
    """An INSERT has no image before it, a REMOVE none after it."""
    assert image_digest(None) is None


def test_digest_is_the_same_for_an_item_from_boto3_and_from_the_stream() -> None:
    """So an item from the table can be compared with the lake."""
    assert image_digest({"a": {"B": b"\x00"}}) == image_digest({"a": {"B": "AA=="}})


@pytest.mark.parametrize(
    "other",
    [
        {"a": {"S": "1"}},
        {"a": {"N": "2"}},
        {"b": {"N": "1"}},
        {"a": {"N": "1"}, "b": {"NULL": True}},
        {"a": {"NS": ["1"]}},
        {"a": {"L": [{"N": "1"}]}},
        {},
    ],
)
def test_different_items_have_different_digests(other: Json) -> None:
    """A different type, value or name, and a missing attribute, change the digest."""
    assert image_digest(other) != image_digest({"a": {"N": "1"}})


def test_order_of_a_list_changes_the_digest() -> None:
    """Lists are ordered; sets are not."""
    one, other = ({"a": {"L": [{"S": first}, {"S": second}]}} for first, second in ("ab", "ba"))
    assert image_digest(one) != image_digest(other)
    one_set, other_set = ({"a": {"SS": [first, second]}} for first, second in ("ab", "ba"))
    assert image_digest(one_set) == image_digest(other_set)


def test_canonical_json_does_not_change_the_item() -> None:
    """Callers may use the item afterwards."""
    image = json.loads(json.dumps(EVERY_TYPE))
    canonical_json(image)
    assert json.dumps(image) == json.dumps(EVERY_TYPE)


@pytest.mark.parametrize(
    "image", [[], "x", {"a": 1}, {"a": {"Q": 1}}, {"a": {"S": 1}}, {"a": {"N": 1}}, {"a": {"SS": [1]}}]
)
def test_a_value_that_is_not_an_item_is_rejected(image: Any) -> None:
    """Its digest could be mistaken for the digest of an item."""
    with pytest.raises(AttributeValueError):
        canonical_json(image)


@pytest.mark.parametrize("levels", [64, 100, 200])
def test_an_item_nested_deeper_than_dynamodb_allows_is_rejected(levels: int) -> None:
    """The limit is the same as for flattening."""
    value: Json = {"S": "leaf"}
    for _ in range(levels):
        value = {"L": [value]}
    with pytest.raises(DepthError):
        canonical_json({"a": value})
