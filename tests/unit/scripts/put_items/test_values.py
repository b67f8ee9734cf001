"""What a record's values become, and which DynamoDB would refuse."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.put_items.errors import RecordError
from scripts.put_items.reading.json_stream import DECODER
from scripts.put_items.table import Table
from scripts.put_items.values import ITEM_BYTES, TAGS, from_plain, from_typed, item_of, key_of, number

TABLE = Table(
    "t", "111111111111", "us-east-1", {"pk": "HASH", "sk": "RANGE"}, {"pk": "S", "sk": "N", "gsi": "B"}
)


def refusal(content: object, table: Table = TABLE) -> str:
    """What `item_of` says of a record."""
    with pytest.raises(RecordError) as refused:
        item_of(DECODER.decode(json.dumps(content)), table)
    return str(refused.value)


def keyed(**attributes: object) -> dict[str, object]:
    """A record with a good key."""
    return {"pk": "a", "sk": 1, **attributes}


def test_plain_json_becomes_the_types_it_has() -> None:
    """Text S, number N, true and false BOOL, null NULL, array L, object M; no number is ever a float."""
    big = "12345678901234567890123456789012345678"
    text = f'{{"s":"é","n":1.10,"big":{big},"t":true,"z":null,"l":[1,"a"],"m":{{"x":{{}}}}}}'
    made, _ = from_plain(DECODER.decode(text), "")
    assert made == {
        "M": {
            "s": {"S": "é"},
            "n": {"N": "1.10"},
            "big": {"N": big},
            "t": {"BOOL": True},
            "z": {"NULL": True},
            "l": {"L": [{"N": "1"}, {"S": "a"}]},
            "m": {"M": {"x": {"M": {}}}},
        }
    }


def test_dynamodb_json_of_all_ten_types_is_taken_as_it_is() -> None:
    """Only B changes: base64 text becomes the bytes the client sends."""
    value = {
        "M": {
            "s": {"S": ""},
            "n": {"N": "-1E-130"},
            "b": {"B": "AAE="},
            "t": {"BOOL": False},
            "z": {"NULL": True},
            "l": {"L": [{"M": {}}]},
            "ss": {"SS": ["a", ""]},
            "ns": {"NS": ["1", "2"]},
            "bs": {"BS": ["AA==", "AQ=="]},
        }
    }
    made, _ = from_typed(value, "")
    assert made["M"]["b"] == {"B": b"\x00\x01"}
    assert made["M"]["bs"] == {"BS": [b"\x00", b"\x01"]}
    assert {k: v for k, v in made["M"].items() if k not in ("b", "bs")} == {
        k: v for k, v in value["M"].items() if k not in ("b", "bs")
    }


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"X": "a"}, "one type tag"),
        ({"S": "a", "N": "1"}, "one type tag"),
        ({}, "one type tag"),
        ("a", "one type tag"),
        ({"S": 1}, "must be text"),
        ({"N": 1}, "must be text"),
        ({"N": "NaN"}, "no number"),
        ({"N": "1_000"}, "no number"),
        ({"N": " 1"}, "no number"),
        ({"N": "٣"}, "no number"),
        ({"N": "1e999999999"}, "no number"),
        ({"B": "%%%"}, "not base64"),
        ({"BOOL": "true"}, "true or false"),
        ({"NULL": False}, "must be true"),
        ({"M": []}, "must be an object"),
        ({"L": {}}, "must be an array"),
        ({"SS": []}, "must not be empty"),
        ({"SS": ["a", "a"]}, "twice"),
        ({"NS": ["1", "1.0"]}, "twice"),
        ({"BS": ["AA==", "AA=="]}, "twice"),
        ({"SS": [1]}, "must be text"),
    ],
)
def test_wrong_dynamodb_json_is_refused(value: object, why: str) -> None:
    """A tag that is unknown, doubled, or holds another type's value is named with its path."""
    with pytest.raises(RecordError, match=why) as refused:
        from_typed(DECODER.decode(json.dumps(value)), "here")
    assert str(refused.value).startswith("here")


@pytest.mark.parametrize(
    ("digits", "same_as"),
    [
        ("1.0", "1"),
        ("1e2", "100"),
        ("-0", "0"),
        ("0.10", "1E-1"),
        ("9" * 38, "9" * 38 + ".0"),
        ("1E+125", "10E124"),
    ],
)
def test_one_number_has_one_spelling(digits: str, same_as: str) -> None:
    """Keys that DynamoDB holds equal are equal here, to the last of 38 digits."""
    assert str(number(digits, "")) == str(number(same_as, ""))


@pytest.mark.parametrize(
    "digits", ["9" * 39, "1." + "0" * 37 + "1" * 2, "1E126", "1E-131", "0." + "0" * 130 + "1"]
)
def test_a_number_that_dynamodb_would_round_or_refuse_is_refused(digits: str) -> None:
    """More than 38 significant digits, or out of range."""
    with pytest.raises(RecordError):
        number(digits, "")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**30), max_value=10**30))
def test_a_numbers_value_is_never_rounded(value: Decimal) -> None:
    """The value that keys are compared by equals the digits given."""
    assert number(str(value), "") == value


def test_a_typed_key_says_that_the_record_is_dynamodb_json() -> None:
    """A key is never a map, so {"S": …} as a key can only be a tag; in a plain record it is a map."""
    typed, _ = item_of({"pk": {"S": "a"}, "sk": {"N": "1"}, "x": {"S": "y"}}, TABLE)
    assert typed["x"] == {"S": "y"}
    plain, _ = item_of(DECODER.decode('{"pk":"a","sk":1,"x":{"S":"y"}}'), TABLE)
    assert plain["x"] == {"M": {"S": {"S": "y"}}}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"pk": "a"}, "sk: is missing"),
        ({"sk": 1}, "pk: is missing"),
        ({"pk": "a", "sk": "1"}, "sk: is of type S"),
        ({"pk": "", "sk": 1}, "pk: has 0 bytes"),
        ({"pk": "x" * 2049, "sk": 1}, "pk: has 2,049 bytes"),
        (keyed(gsi="text"), "gsi: is of type S; it is an index's key of table t, of type B"),
        (keyed(a={"b": [1, {"c": "\ud800"}]}), "a.b[1].c: holds half a character"),
        (keyed(a={"": 1}), "a.: its name has 0 bytes"),
        (keyed(**{"x" * 1_000_000: 1}), "x" * 57 + "...: its name has 1,000,000 bytes"),
        (keyed(a="x" * 409_600), "DynamoDB takes 409,600 an item"),
        (keyed(a=float("nan")), "NaN is no JSON value"),
        (keyed(n=10**40 + 1), "n: has 41 significant digits"),
    ],
)
def test_a_record_the_table_would_refuse_is_named_by_attribute(content: object, why: str) -> None:
    """The message has the path and the rule."""
    assert why in refusal(content)


def test_an_item_of_exactly_400_kb_is_taken() -> None:
    """The limit itself is allowed: pk+a (3 bytes), sk+1 (4), name and value the rest."""
    _, size = item_of({"pk": {"S": "a"}, "sk": {"N": "1"}, "v": {"S": "x" * (409_600 - 8)}}, TABLE)
    assert size == ITEM_BYTES


def test_depth_is_dynamodbs_32_levels() -> None:
    """32 levels are taken, 33 are not, in either spelling."""
    deep: object = 1
    for _ in range(32):
        deep = [deep]
    from_plain(DECODER.decode(json.dumps(deep)), "")
    with pytest.raises(RecordError, match="32 levels"):
        from_plain(DECODER.decode(json.dumps([deep])), "")
    typed: object = {"N": "1"}
    for _ in range(33):
        typed = {"L": [typed]}
    with pytest.raises(RecordError, match="32 levels"):
        from_typed(typed, "")


def test_equal_keys_are_equal_however_they_are_spelled() -> None:
    """1, 1.0 and 1e0 name one item."""
    keys = {key_of({"pk": {"S": "a"}, "sk": {"N": digits}}, TABLE) for digits in ("1", "1.0", "1e0", "10E-1")}
    assert len(keys) == 1


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc.é", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcé", min_size=1), PLAIN, max_size=5))
def test_plain_json_survives_the_way_in(content: dict[str, object]) -> None:
    """What boto3 reads back of the item is what the JSON said."""
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415

    item, _ = item_of(DECODER.decode(json.dumps(keyed(**content))), TABLE)
    read: Any = TypeDeserializer().deserialize  # its stub wants each value to be of one literal type
    back = {name: read(value) for name, value in item.items()}
    assert back == keyed(**content)


CANARY = "canary-4711"
WRONG = [
    CANARY,
    CANARY + "\ud800",
    [CANARY],
    [CANARY, CANARY],
    {"S": CANARY, "N": CANARY},
    {"a": [CANARY + "\ud800"]},
    *({tag: content} for tag in TAGS for content in (CANARY, [CANARY], [CANARY] * 2, {"a": CANARY})),
]


@pytest.mark.parametrize("value", WRONG, ids=str)
@pytest.mark.parametrize("convert", [from_typed, from_plain])
def test_no_message_repeats_a_value(value: object, convert: Any) -> None:
    """Whatever is wrong with a value, names and rules tell it: logs keep what they are told."""
    said = ""
    try:
        convert(DECODER.decode(json.dumps(value)), "a")
    except RecordError as error:
        said = str(error)
    assert CANARY not in said
