"""The flattening rule: names, nesting, values, collisions."""

import json
import tracemalloc
from decimal import Decimal
from typing import Any

import orjson
import pytest

from tests.unit.transform.records import EVERY_TYPE, EVERY_TYPE_ROW, Json, change_record, compact
from transform_lambda import names as names_module
from transform_lambda import values as values_module
from transform_lambda.change import transform
from transform_lambda.errors import AttributeValueError, DepthError
from transform_lambda.flatten import RowSettings, flatten
from transform_lambda.names import MAX_COLUMN_CHARACTERS, RESERVED_NAMES
from transform_lambda.values import MAX_LEVELS, NUMBERS


def columns_of(image: Json, max_depth: int = 32) -> Json:
    flat = flatten(image, RowSettings(max_depth))
    assert flat.rescued is None
    read: Json = json.loads(orjson.dumps(flat.columns))
    return read


def rescued_of(image: Json) -> tuple[Json, Json]:
    flat = flatten(image)
    assert flat.rescued is not None
    return json.loads(orjson.dumps(flat.columns)), json.loads(flat.rescued)


def nested(levels: int, leaf: Json) -> Json:
    """The leaf inside this many maps, each named m."""
    value = leaf
    for _ in range(levels):
        value = {"M": {"m": value}}
    return value


def test_every_type_has_its_column() -> None:
    """All ten AttributeValue types, as documented in docs/architecture.md."""
    assert columns_of(EVERY_TYPE) == EVERY_TYPE_ROW


def test_flattening_does_not_change_the_item() -> None:
    """Callers may use the item afterwards; its sets keep their order too."""
    image = json.loads(json.dumps(EVERY_TYPE))
    flatten(image)
    assert json.dumps(image) == json.dumps(EVERY_TYPE)


def test_an_item_with_binary_from_boto3_is_the_same_item() -> None:
    """boto3's clients decode B and BS to bytes; the lake has the base64 text DynamoDB sent."""
    image = {"b": {"B": b"\x00\xff"}, "l": {"L": [{"B": bytearray(b"a")}]}, "s": {"BS": [b"b", b"a"]}}
    assert columns_of(image) == {"b": "AP8=", "l": ["YQ=="], "s": ["YQ==", "Yg=="]}


def test_maps_nest_with_a_double_underscore() -> None:
    """customer.address.city is the column customer__address__city."""
    image = {"Customer": {"M": {"Address": {"M": {"City": {"S": "Seoul"}}}}}}
    assert columns_of(image) == {"customer__address__city": "Seoul"}


def test_empty_containers_are_kept() -> None:
    """An empty map is {}, an empty list []."""
    image = {"m": {"M": {}}, "l": {"L": []}, "n": {"M": {"m": {"M": {}}}}}
    assert columns_of(image) == {"m": {}, "l": [], "n__m": {}}


def test_maps_inside_lists_become_plain_objects_with_their_own_names() -> None:
    """Only maps outside lists become columns."""
    image = {"l": {"L": [{"M": {"Inner Map": {"M": {"X": {"N": "1"}}}}}]}}
    assert columns_of(image) == {"l": [{"Inner Map": {"X": 1}}]}


@pytest.mark.parametrize(
    ("depth", "columns"),
    [
        (1, {"a": {"B": {"c": 1}}}),
        (2, {"a__b": {"c": 1}}),
        (3, {"a__b__c": 1}),
        (32, {"a__b__c": 1}),
    ],
)
def test_max_depth_limits_the_names_in_a_column(depth: int, columns: Json) -> None:
    """Maps below FLATTEN_MAX_DEPTH stay one JSON value with their own names."""
    assert columns_of({"a": {"M": {"B": {"M": {"c": {"N": "1"}}}}}}, depth) == columns


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "1",
        "-1",
        "1.50",
        "0.1",
        "-0",
        "123456789012345",
        "0.000000000000001",
        "1e5",
        "1E+5",
        "999999999999999",
        "-1.23456789012345",
        "1E+14",
        "1E14",
        "0.0000000000000000000001",
        "1E-22",
    ],
)
def test_ordinary_numbers_are_json_numbers_with_the_same_text(text: str) -> None:
    """At most 15 significant digits and an ordinary exponent: the text is written as sent."""
    columns = flatten({"n": {"N": text}}).columns
    assert orjson.dumps(columns) == b'{"n":%s}' % text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "1234567890123456",
        "0.1234567890123456",
        "12345678901234567890123456789012345678",
        "1E-130",
        "9.9999999999999999999999999999999999999E+125",
        "1000000000000000",
        "1E+15",
        "12E+14",
        "0.00000000000000000000001",
        "1E-23",
        "1E-99999",
        "1E+99999",
        "007",
        "+1",
        ".5",
        "5.",
    ],
)
def test_other_numbers_are_json_strings(text: str) -> None:
    """A number that a double or JSON cannot express exactly is a string with the text as sent."""
    assert columns_of({"n": {"N": text}}) == {"n": text}


@pytest.mark.parametrize("text", ["9007199254740993", "0.30000000000000004", "1e22", "123456789012345e-22"])
def test_a_number_read_as_a_double_keeps_every_digit(text: str) -> None:
    """Reading the value as a double and as a decimal gives the same number."""
    columns = flatten({"n": {"N": text}}).columns
    value = json.loads(orjson.dumps(columns))["n"]
    assert Decimal(str(value)) == Decimal(text)


@pytest.mark.parametrize(
    "content",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "",
        " ",
        "1 ",
        "1_000",
        "0x10",
        "1e",
        "--1",
        "1.2.3",
        "١٢",
        "1,5",
        1,
        1.5,
        True,
        None,
        [],
        {},
    ],
)
def test_content_that_is_not_a_number_is_rejected(content: Any) -> None:
    """N contains decimal text and nothing else."""
    with pytest.raises(AttributeValueError):
        flatten({"n": {"N": content}})


@pytest.mark.parametrize(
    "value",
    [
        {"X": "unknown tag"},
        {"X": "1"},
        {"s": "wrong case"},
        {},
        {"S": "a", "N": "1"},
        {"S": 1},
        {"S": None},
        {"BOOL": "true"},
        {"BOOL": 1},
        {"NULL": False},
        {"NULL": None},
        {"B": 1},
        {"B": "not base64!"},
        {"B": "AA="},
        {"B": "A\u00e9=="},
        {"BS": ["AA==", "?"]},
        {"BS": "AA=="},
        {"SS": "abc"},
        {"SS": {"a": 1}},
        {"SS": ["a", 1]},
        {"SS": [["a"]]},
        {"NS": ["1", "x"]},
        {"NS": [1]},
        {"L": {"S": "a"}},
        {"L": "abc"},
        {"L": ""},
        {"L": [1]},
        {"L": [[]]},
        {"L": [{"S": 1}]},
        {"M": []},
        {"M": [{"S": "a"}]},
        {"M": "ab"},
        {"M": 1},
        {"M": None},
        {"M": {"a": "b"}},
        {"M": {"a": {"M": {"b": {"Q": 1}}}}},
        "text",
        1,
        None,
        [],
        ["S", "a"],
    ],
)
@pytest.mark.parametrize("depth", [1, 32])
@pytest.mark.parametrize("within", ["item", "map", "list"])
def test_a_value_that_is_not_an_attribute_value_is_rejected(value: Any, depth: int, within: str) -> None:
    """Wrong shapes, wrong types, unknown tags and bad base64, everywhere a value can occur."""
    image = {
        "item": {"x": value},
        "map": {"x": {"M": {"y": value}}},
        "list": {"x": {"L": [{"S": "a"}, {"M": {"y": value}}, value]}},
    }[within]
    with pytest.raises(AttributeValueError):
        flatten(image, RowSettings(depth))


@pytest.mark.parametrize(
    "image",
    [None, [], "x", 1, [("a", {"S": "b"})], {"a": {"S": object()}}, {"a": {"S": "\ud800"}}, {1: {"S": "a"}}],
)
def test_an_item_that_is_not_a_map_is_rejected(image: Any) -> None:
    """An item is a JSON object."""
    with pytest.raises(AttributeValueError):
        flatten(image)


@pytest.mark.parametrize("depth", [1, 2, 31, 32, 1000])
@pytest.mark.parametrize("container", ["map", "list", "both"])
def test_every_depth_dynamodb_allows_is_flattened(depth: int, container: str) -> None:
    """32 levels by any way of counting, in maps, in lists and in both alternately."""
    value: Json = {"S": "leaf"}
    for level in range(33):
        as_map = container == "map" or (container == "both" and level % 2)
        value = {"M": {"m": value}} if as_map else {"L": [value]}
    [[_, column]] = columns_of({"top": value}, depth).items()
    assert "leaf" in json.dumps(column)


@pytest.mark.parametrize("levels", [MAX_LEVELS, 200, 400])
@pytest.mark.parametrize("depth", [1, 32, 1000])
def test_an_item_nested_deeper_than_dynamodb_allows_is_rejected(levels: int, depth: int) -> None:
    """Depth is limited for every FLATTEN_MAX_DEPTH."""
    with pytest.raises(DepthError):
        flatten({"top": nested(levels, {"S": "leaf"})}, RowSettings(depth))
    with pytest.raises(DepthError):
        flatten({"top": nested(levels, {"L": []})}, RowSettings(depth))


@pytest.mark.parametrize("leaf", [{"S": "a"}, {"BOOL": True}, {"L": []}, {"M": {}}, {"SS": ["a"]}])
@pytest.mark.parametrize("container", ["M", "L"])
def test_both_images_have_the_same_depth_limit(leaf: Json, container: str) -> None:
    """Otherwise an item could be accepted as a new image and rejected as the next change's old image."""
    verdicts = []
    for levels in range(MAX_LEVELS - 4, MAX_LEVELS + 4):
        value = leaf
        for _ in range(levels):
            value = {"M": {"m": value}} if container == "M" else {"L": [value]}
        deep, flat = {"pk": {"S": "a"}, "top": value}, {"pk": {"S": "a"}}
        refused = []
        for change_type, new, old in (("INSERT", deep, None), ("MODIFY", flat, deep), ("REMOVE", None, deep)):
            try:
                transform(compact(change_record(change_type, new, old)))
                refused.append(False)
            except DepthError:
                refused.append(True)
        verdicts.append(refused)
    assert all(len(set(refused)) == 1 for refused in verdicts)
    assert [refused[0] for refused in verdicts] == sorted(refused[0] for refused in verdicts)


def test_exact_owner_of_a_column_keeps_it() -> None:
    """`state` owns its column; `State` is rescued under its own name."""
    image = {"State": {"S": "upper"}, "state": {"S": "lower"}, "pk": {"S": "a"}}
    assert rescued_of(image) == ({"state": "lower", "pk": "a"}, {"State": "upper"})


def test_attribute_without_a_rival_keeps_its_column() -> None:
    """A collision elsewhere in the item does not affect it, for every spelling of its name."""
    image = {
        "State": {"S": "upper"},
        "state": {"S": "lower"},
        "CustomerId": {"S": "c"},
        "a": {"M": {"B.c": {"N": "1"}}},
    }
    columns, rescued = rescued_of(image)
    assert columns == {"state": "lower", "customerid": "c", "a__b_c": 1}
    assert rescued == {"State": "upper"}


def test_top_level_attribute_owns_a_column_before_a_nested_one() -> None:
    """`a__b` is exactly the column's name; the map's `a.b` is rescued under its path."""
    image = {"a__b": {"S": "top"}, "a": {"M": {"b": {"S": "nested"}, "c": {"S": "free"}}}}
    assert rescued_of(image) == ({"a__b": "top", "a__c": "free"}, {"a": {"b": "nested"}})


def test_exact_path_owns_a_column_before_an_inexact_one() -> None:
    """Of two nested paths, the one that spells the column exactly keeps it."""
    image = {"A": {"M": {"b": {"S": "other"}}}, "a": {"M": {"b": {"S": "exact"}}}}
    assert rescued_of(image) == ({"a__b": "exact"}, {"A": {"b": "other"}})


def test_without_an_exact_owner_all_are_rescued() -> None:
    """No claimant is better than the others, so all are rescued."""
    image = {"State": {"S": "1"}, "STATE": {"S": "2"}}
    assert rescued_of(image) == ({}, {"State": "1", "STATE": "2"})


def test_two_exact_paths_are_both_rescued() -> None:
    """a.b__c and a__b.c spell the same column equally well."""
    image = {"a": {"M": {"b__c": {"S": "1"}}}, "a__b": {"M": {"c": {"S": "2"}}}}
    assert rescued_of(image) == ({}, {"a": {"b__c": "1"}, "a__b": {"c": "2"}})


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_attribute_with_a_reserved_name_has_a_prefixed_column(name: str) -> None:
    """`dt`, metadata and Iceberg's columns keep their names; a top-level attribute gets `attribute_…`."""
    assert columns_of({name: {"S": "mine"}}) == {f"attribute_{name}": "mine"}
    assert columns_of({name.upper(): {"S": "mine"}}) == {f"attribute_{name}": "mine"}
    assert columns_of({"m": {"M": {name: {"S": "free"}}}}) == {f"m__{name}": "free"}


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_rivals_for_a_prefixed_column_follow_the_same_rule(name: str) -> None:
    """`dt` and `DT` are not spelled `attribute_dt`, so both are rescued. An attribute spelled so owns it."""
    rivals = {name: {"S": "mine"}, name.upper(): {"N": "1"}, "pk": {"S": "a"}}
    assert rescued_of(rivals) == ({"pk": "a"}, {name: "mine", name.upper(): 1})
    exact = {name: {"S": "mine"}, f"attribute_{name}": {"S": "exact"}}
    assert rescued_of(exact) == ({f"attribute_{name}": "exact"}, {name: "mine"})


def test_names_too_long_for_a_column_are_rescued() -> None:
    """255 characters are a column and 256 are not. Every value is in one of the two places."""
    longest, longer = "c" * 255, "d" * 256
    nested = {"n" * 200: {"M": {"a" * 53: {"S": "in"}, "b" * 54: {"S": "out"}}}}
    image = {longest: {"S": "in"}, longer: {"S": "out"}, **nested}
    assert rescued_of(image) == (
        {longest: "in", "n" * 200 + "__" + "a" * 53: "in"},
        {longer: "out", "n" * 200: {"b" * 54: "out"}},
    )
    assert rescued_of({"m" * 300: {"M": {"a": {"S": "out"}}}}) == ({}, {"m" * 300: {"a": "out"}})


def test_nested_paths_never_get_metadata_columns() -> None:
    """change.id becomes change__id, and change_.id becomes change___id: neither is metadata."""
    image = {"change": {"M": {"id": {"S": "a"}}}}
    assert columns_of(image) == {"change__id": "a"}


def test_attribute_without_a_name_has_no_column() -> None:
    """DynamoDB does not allow an empty name. If one occurs, its value is rescued, not lost."""
    assert rescued_of({"": {"S": "x"}, "a": {"S": "y"}}) == ({"a": "y"}, {"": "x"})


def test_rescued_values_are_plain_json_in_sorted_order() -> None:
    """change_rescued is one text per item, with numbers and sets in the same form as in columns."""
    image = {
        "X": {"M": {"b": {"N": "1E-130"}, "a": {"NS": ["3", "2"]}}},
        "x": {"M": {"a": {"N": "1"}, "b": {"N": "2"}}},
    }
    assert flatten(image).rescued == '{"X":{"a":[2,3],"b":"1E-130"}}'


def test_names_below_the_depth_limit_do_not_collide() -> None:
    """Names inside one JSON value do not compete for columns."""
    image = {"m": {"M": {"State": {"S": "1"}, "state": {"S": "2"}}}}
    assert columns_of(image, 1) == {"m": {"State": "1", "state": "2"}}


def test_long_names_above_many_attributes_do_not_multiply() -> None:
    """A map name of 64 KB with 20,000 attributes is a legal item; written out, it is a gigabyte of names."""
    image = {"m" * 65_535: {"M": {f"a{n}": {"M": {"b": {"N": "1"}}} for n in range(20_000)}}}
    tracemalloc.start()
    columns, _, _, _, rescued = flatten(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert columns == {}
    assert rescued is not None
    assert json.loads(rescued)["m" * 65_535]["a19999"] == {"b": 1}
    assert peak < 100_000_000


@pytest.mark.parametrize("levels", [1, 2, 31])
def test_names_below_a_name_that_is_too_long_are_rescued_under_their_paths(levels: int) -> None:
    """At every depth, even with short or empty names below."""
    below = nested(levels, {"M": {"": {"S": "1"}, "a": {"S": "2"}}})
    columns, rescued = rescued_of({"m" * 256: below, "pk": {"S": "a"}})
    assert columns == {"pk": "a"}
    inner = rescued["m" * 256]
    for _ in range(levels):
        inner = inner["m"]
    assert inner == {"": "1", "a": "2"}


def test_remembered_names_and_numbers_are_limited() -> None:
    """Names and numbers can be data, and long, so the memory between records is limited."""
    for start in range(0, 40_000, 100):
        image: Json = {f"k{n}": {"M": {f"n{n}": {"N": str(n)}}} for n in range(start, start + 100)}
        image |= {f"top{n}": {"N": "1"} for n in range(start, start + 50)}
        flatten(image | {"x" * 100_000 + str(start): {"N": "1" * 1_000}})
        known = names_module.top_names(frozenset())
        remembered = len(known) + len(known.inner) + sum(map(len, known.inner.values()))
        assert remembered <= names_module._REMEMBERED_NAMES + 300
    assert len(NUMBERS) <= values_module._MEMO_ENTRIES
    assert max(map(len, known), default=0) <= MAX_COLUMN_CHARACTERS
    assert max(map(len, NUMBERS)) <= MAX_COLUMN_CHARACTERS
