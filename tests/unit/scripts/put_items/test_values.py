"""What a record's values become, and which DynamoDB would refuse."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from scripts.put_items.errors import RecordError
from scripts.put_items.kinds import TAGS
from scripts.put_items.reading.json_stream import DECODER
from scripts.put_items.table import Table
from scripts.put_items.values import ITEM_BYTES, from_literal, from_plain, from_typed, item_of, key_of, number

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


def test_plain_json_keeps_its_types() -> None:
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


def test_dynamodb_json_of_all_ten_types_is_unchanged() -> None:
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
        ({"N": "NaN"}, "is not a number"),
        ({"N": "1_000"}, "is not a number"),
        ({"N": " 1"}, "is not a number"),
        ({"N": "٣"}, "is not a number"),
        ({"N": "1e999999999"}, "is not a number"),
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
def test_equal_numbers_have_equal_text(digits: str, same_as: str) -> None:
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


def test_a_typed_key_marks_a_record_as_dynamodb_json() -> None:
    """A key is never a map, so {"S": …} as a key can only be a tag; then every attribute has one."""
    typed, _ = item_of({"pk": {"S": "a"}, "sk": {"N": "1"}, "x": {"S": "y"}}, TABLE)
    assert typed["x"] == {"S": "y"}
    assert "x: must be an object with one type tag" in refusal({"pk": {"S": "a"}, "sk": {"N": "1"}, "x": "y"})
    assert "sk: must be an object with one type tag" in refusal({"pk": {"S": "a"}, "sk": 1})


LOOK_TYPED: list[dict[str, object]] = [
    {"S": ""},
    {"N": "-1.5"},
    {"B": "AA=="},
    {"BOOL": False},
    {"NULL": True},
    {"M": {}},
    {"M": {"a": {"S": "x"}}},
    {"L": [{"S": "x"}, {"N": "1"}]},
    {"SS": ["a"]},
    {"NS": ["1"]},
    {"BS": ["AA=="]},
]
LOOK_PLAIN: list[object] = [
    {"S": 1},
    {"N": "north"},
    {"N": 5},
    {"B": "not base64!"},
    {"BOOL": "true"},
    {"NULL": False},
    {"M": {"a": 1}},
    {"M": "x"},
    {"L": [1]},
    {"L": {"S": 1}},
    {"SS": []},
    {"NS": ["a"]},
    {"S": "10", "M": "12"},
    {"X": "a"},
    {"s": "a"},
    {},
]


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"deep": [{"er": v}]}])
@pytest.mark.parametrize("value", LOOK_TYPED, ids=str)
def test_a_typed_value_in_plain_json_is_refused_without_an_option(
    value: dict[str, object], wrap: Any
) -> None:
    """Nobody can say which was meant: the message names place and tag, and --plain says that it is a map."""
    content = keyed(x=wrap(value))
    (tag,) = value
    assert f'looks like DynamoDB JSON ({{"{tag}": …}}) within plain JSON' in refusal(content)
    item, _ = item_of(DECODER.decode(json.dumps(content)), TABLE, from_literal)
    assert TypeDeserializer().deserialize(cast("Any", item["x"])) == wrap(value)


@pytest.mark.parametrize("value", LOOK_PLAIN, ids=str)
def test_an_object_that_dynamodb_json_cannot_have_is_a_map(value: object) -> None:
    """A name like a type's is not enough: {"N": "north"} and {"S": "10", "M": "12"} are maps."""
    item, _ = item_of(DECODER.decode(json.dumps(keyed(x=value))), TABLE)
    assert TypeDeserializer().deserialize(cast("Any", item["x"])) == value


def buffer(*data: int) -> dict[str, object]:
    """What Node.js writes for a Buffer."""
    return {"type": "Buffer", "data": list(data)}


def document_set(values: object, type_: object) -> dict[str, object]:
    """What the DocumentClient of the JavaScript SDK writes for a set."""
    return {"wrapperName": "Set", "values": values, "type": type_}


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (document_set(["a", "b"], "String"), {"SS": ["a", "b"]}),
        (document_set([1, 2.50], "Number"), {"NS": ["1", "2.5"]}),
        (document_set(["1"], "Number"), {"NS": ["1"]}),
        (document_set([buffer(1), "AA=="], "Binary"), {"BS": [b"\x01", b"\x00"]}),
        (buffer(1, 2, 255), {"B": b"\x01\x02\xff"}),
        (buffer(), {"B": b""}),
        ({"type": "Buffer", "data": "x"}, {"M": {"type": {"S": "Buffer"}, "data": {"S": "x"}}}),
        ({"wrapperName": "Set", "size": 1}, {"M": {"wrapperName": {"S": "Set"}, "size": {"N": "1"}}}),
    ],
    ids=str,
)
def test_sets_and_buffers_of_the_javascript_sdk_keep_their_type(value: object, made: object) -> None:
    """JSON.stringify of what the DocumentClient read; with --plain it stays the map that it looks like."""
    content = DECODER.decode(json.dumps(keyed(x=value)))
    assert item_of(content, TABLE)[0]["x"] == made
    assert set(item_of(content, TABLE, from_literal)[0]["x"]) == {"M"}


def test_a_buffer_can_be_a_key() -> None:
    """A key that is any other object is DynamoDB JSON."""
    table = Table("t", "111111111111", "us-east-1", {"pk": "HASH"}, {"pk": "B"})
    assert item_of(DECODER.decode(json.dumps({"pk": buffer(7), "a": "x"})), table)[0] == {
        "pk": {"B": b"\x07"},
        "a": {"S": "x"},
    }


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (document_set(["a"], "Map"), "x: is a set of the DocumentClient, but not a list of values of type"),
        (document_set(["a"], ["String"]), "x: is a set of the DocumentClient"),
        (document_set("a", "String"), "x: is a set of the DocumentClient"),
        (document_set([], "String"), "x: must not be empty"),
        (document_set([1], "String"), "x[0]: must be text"),
        (document_set(["a"], "Number"), "x[0]: is not a number"),
        (document_set([buffer(256)], "Binary"), "x[0]: is a Buffer with data other than bytes"),
        (buffer(-1), "x: is a Buffer with data other than bytes"),
        ({"type": "Buffer", "data": ["a"]}, "x: is a Buffer with data other than bytes"),
        ({"type": "Buffer", "data": [1.5]}, "x: is a Buffer with data other than bytes"),
    ],
)
def test_a_broken_set_or_buffer_is_refused_with_its_path(value: object, why: str) -> None:
    """It says what was recognised, and never becomes another type."""
    assert why in refusal(keyed(x=value))


@pytest.mark.parametrize(
    ("digits", "why"),
    [
        ("1,234.50", "it has a comma. Remove thousands separators"),
        ("1.234,50", "it has a comma"),
        ("", "it is empty"),
        (" 1", "it has white space around it"),
        ("-Infinity", "DynamoDB has neither NaN nor infinity"),
        ("nan", "DynamoDB has neither NaN nor infinity"),
    ],
)
def test_an_invalid_number_has_a_hint(digits: str, why: str) -> None:
    """The reason follows the rule, without the text itself."""
    with pytest.raises(RecordError, match="is not a number") as refused:
        number(digits, "a")
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"pk": "a"}, "sk: is missing"),
        ({"sk": 1}, "pk: is missing"),
        ({"pk": "a", "sk": "1"}, "sk: has type S"),
        ({"pk": "", "sk": 1}, "pk: has 0 bytes"),
        ({"pk": "x" * 2049, "sk": 1}, "pk: has 2,049 bytes"),
        (keyed(gsi="text"), "gsi: has type S, but as an index's key of table t it has type B"),
        (keyed(a={"b": [1, {"c": "\ud800"}]}), "a.b[1].c: contains half a character"),
        (keyed(a={"": 1}), "a.: its name has 0 bytes"),
        (keyed(**{"x" * 1_000_000: 1}), "x" * 57 + "...: its name has 1,000,000 bytes"),
        (keyed(a="x" * 409_600), "DynamoDB accepts 409,600 per item"),
        (keyed(a=float("nan")), "NaN is not a JSON value"),
        (keyed(n=10**40 + 1), "n: has 41 significant digits"),
    ],
)
def test_a_refused_record_names_the_attribute(content: object, why: str) -> None:
    """The message has the path and the rule."""
    assert why in refusal(content)


def test_an_item_of_exactly_400_kb_is_accepted() -> None:
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


def test_equal_keys_are_equal_in_any_spelling() -> None:
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
def test_plain_json_round_trips(content: dict[str, object]) -> None:
    """What boto3 reads back of the item is what the JSON said."""
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
