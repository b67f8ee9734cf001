"""Hostile payloads: each fails as one record, and its neighbours are delivered."""

import json
from typing import Any

import pytest

from tests.unit.transform.records import change_record, compact, firehose_event, item_record, results, row_of
from transform_lambda.handler import handler
from transform_lambda.names import METADATA_COLUMNS

GOOD = change_record("INSERT", {"pk": {"S": "a"}})
FAILED = "ProcessingFailed"
DEEP = 200_000


def with_image(text: bytes, change_type: str = "INSERT") -> bytes:
    """A payload that contains this JSON text, unchanged, as its item."""
    return compact(item_record({"placeholder": {"S": ""}}, change_type)).replace(
        b'{"placeholder":{"S":""}}', text
    )


def verdict(payload: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """The reason why a payload fails, with good neighbours on both sides."""
    assert results(GOOD, payload, GOOD) == ["Ok", FAILED, "Ok"]
    reason: str
    [reason] = json.loads(capsys.readouterr().out)["reasons"]
    return reason


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        with_image(b'{"a":' + b'{"M":{"a":' * DEEP + b'{"S":""}' + b"}}" * DEEP + b"}"),
        with_image(b'{"a":' + b'{"L":[' * DEEP + b"]}" * DEEP + b"}"),
    ],
)
def test_depth_beyond_the_parser_is_not_json(payload: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """200,000 levels cause no crash and no overflow: the parser stops at its own limit."""
    assert verdict(payload, capsys) == "JsonError"


@pytest.mark.parametrize("levels", [70, 130, 500])
@pytest.mark.parametrize("change_type", ["INSERT", "REMOVE"])
def test_depth_beyond_dynamodb_is_rejected(
    levels: int, change_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The item is deeper than possible in DynamoDB, but within the parser's limit."""
    maps = b'{"a":' + b'{"M":{"a":' * levels + b'{"S":""}' + b"}}" * levels + b"}"
    lists = b'{"a":' + b'{"L":[' * levels + b"]}" * levels + b"}"
    assert verdict(with_image(maps, change_type), capsys) == "DepthError"
    assert verdict(with_image(lists, change_type), capsys) == "DepthError"


@pytest.mark.parametrize("levels", [70, 130, 500])
def test_depth_in_the_other_image_is_rejected(levels: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The old image of a MODIFY has no columns, but a digest."""
    payload = compact(change_record("MODIFY", {"a": {"S": ""}}, {"old": {"S": ""}}))
    lists = b'{"a":' + b'{"L":[' * levels + b"]}" * levels + b"}"
    maps = b'{"a":' + b'{"M":{"a":' * levels + b'{"S":""}' + b"}}" * levels + b"}"
    for deep in (lists, maps):
        assert verdict(payload.replace(b'{"old":{"S":""}}', deep), capsys) == "DepthError"


@pytest.mark.parametrize("levels", [70, 130, 500])
def test_depth_in_both_images_is_rejected(levels: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Comparing two deep images must not exceed the interpreter's recursion limit."""
    deep = b'{"a":' + b'{"L":[' * levels + b"]}" * levels + b"}"
    payload = compact(change_record("MODIFY", {"a": {"S": ""}}, {"a": {"S": ""}}))
    assert verdict(payload.replace(b'{"a":{"S":""}}', deep), capsys) == "DepthError"


@pytest.mark.parametrize("levels", [300, 1_000])
def test_depth_beside_the_images_is_rejected(levels: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The depth is in a member that the function does not read."""
    payload = compact(change_record(extra="deep")).replace(b'"deep"', b"[" * levels + b"]" * levels)
    assert verdict(payload, capsys) == "DepthError"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"\x00",
        b"{",
        b"{}{}",
        b"{},",
        b"'{}'",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"eventID":NaN}',
        b'{"eventID":Infinity}',
        b'{"eventID":-Infinity}',
        b'{"eventID":1e999}',
        b'{"eventID":01}',
        b'{"eventID":"\x01"}',
        b'{"eventID":"\xff"}',
        b'{"eventID":"\xed\xa0\x80"}',
        b'{"eventID":"\\ud800"}',
        b'{"eventID":"\\udc00\\ud800"}',
        b'{"eventID":"\\x"}',
        with_image(b'{"a":{"S":"\xc3"}}'),
        with_image(b'{"a":{"S":"\\ud83d"}}'),
        with_image(b'{"\\ud83d":{"S":"a"}}'),
        with_image(b'{"a":{"N":NaN}}'),
    ],
)
def test_a_payload_that_is_not_one_json_document_in_utf8_fails(
    payload: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """NaN, lone surrogates, bad UTF-8, control characters, a second document."""
    assert verdict(payload, capsys) == "JsonError"


@pytest.mark.parametrize("payload", [b"null", b"[]", b"{}", b'""', b"0", b"true", b'{"dynamodb":{}}'])
def test_json_that_is_not_a_change_record_fails(payload: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Another application wrote the record into the stream."""
    assert verdict(payload, capsys) == "ChangeShapeError"


@pytest.mark.parametrize(
    "image",
    [
        {"a": {"X": "?"}},
        {"a": {"S": 1}},
        {"a": {"N": "NaN"}},
        {"a": {"B": "?"}},
        {"a": {"NS": ["1", "?"]}},
        {"a": {"M": {"b": {"L": [{"T": 1}]}}}},
        {"a": "text"},
        {"a": {}},
        [],
        "text",
        0,
        False,
        [["a", {"S": "b"}]],
    ],
)
@pytest.mark.parametrize("change_type", ["INSERT", "MODIFY", "REMOVE"])
def test_image_that_is_not_an_item_fails(
    image: Any, change_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown tags, wrong types, bad numbers and base64, values that are not maps."""
    assert verdict(item_record(image, change_type), capsys) == "AttributeValueError"


@pytest.mark.parametrize("old", [{"a": {"X": "?"}}, {"a": {"S": 1}}, {"a": {"SS": "x"}}, {"a": {}}, [], 0])
def test_old_image_that_is_not_an_item_fails(old: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The old image of a MODIFY is only used for a digest, but it must be an item."""
    assert verdict(change_record("MODIFY", {"a": {"S": ""}}, old), capsys) == "AttributeValueError"


@pytest.mark.parametrize(
    "payload",
    [
        compact(GOOD).replace(b'"eventName":', b'"eventName":"REMOVE","eventName":'),
        compact(GOOD)[:-1] + b',"eventID":"again"}',
        compact(GOOD).replace(b'"NewImage":', b'"NewImage":{},"NewImage":'),
        compact(GOOD).replace(b'"Keys":', b'"Keys":{"pk":{"S":"b"}},"Keys":'),
        with_image(b'{"pk":{"S":"a"},"pk":{"S":"b"}}'),
        with_image(b'{"pk":{"S":"a"},"\\u0070k":{"S":"b"}}'),
        with_image(b'{"pk":{"S":"a","S":"b"}}'),
        with_image(b'{"m":{"M":{"a":{"N":"1"},"a":{"N":"1"}}}}'),
        with_image(b'{"l":{"L":[{"M":{"a":{"N":"1"},"a":{"N":"2"}}}]}}'),
        with_image(b'{"pk":{"S":"a"} , "pk" :{"S":"b"}}'),
        with_image(b'{"pk":{"S":"\\u0022:"},"a":{"N":"1"},"a":{"N":"2"}}'),
        with_image(b'{"pk":{"S":"\\u0022\\u0022"},"":{"N":"1"},"":{"N":"2"}}'),
        # The dropped part is as long as the bytes that the float gains when it is written back.
        compact(GOOD)[:-1] + b',"a":"bb","a":"","x":1e9}',
        compact(GOOD)[:-1] + b',"a":0,"a":0,"x":1e6}',
    ],
)
def test_name_that_occurs_twice_fails(payload: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Readers do not agree which value counts, so neither is delivered."""
    assert verdict(payload, capsys) == "DuplicateNameError"


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(GOOD).encode(),
        json.dumps(GOOD, indent=2).encode(),
        compact(GOOD).replace(b":", b" :"),
        b" \n" + compact(GOOD) + b"\t ",
        compact(item_record({"pk": {"S": 'quote " and \\" and \\u0022 and :'}})),
        with_image(b'{"pk":{"S":"\\u0022\\u0022"},"q":{"S":"\\""}}'),
        json.dumps(item_record({"é\U0001f600": {"S": "日本 \x7f \u2028 /"}})).encode(),
        with_image(b'{"pk":{"S":"\\/\\u002f\\u0061"}}'),
        compact(change_record(extra=[1.5, 1e9, 10**18, True, None, {"a": {"b": "."}}])),
        compact(GOOD)[:-1] + b',"x":1E5,"y":-0,"z":100000000000000000000}',
    ],
)
def test_every_spelling_of_the_same_json_is_the_same_record(payload: Any) -> None:
    """Blanks, escapes and number spellings are not mistaken for duplicates."""
    assert results(payload) == ["Ok"]


def test_spelling_does_not_change_the_row() -> None:
    """The same record with blanks and escapes gives the same bytes."""
    record = item_record({"é": {"S": 'ü "'}, "n": {"N": "1.50"}})
    spaced = json.dumps(record, indent=1).encode()
    one, other = handler(firehose_event(record, spaced), None)["records"]
    assert one["data"] == other["data"]


def test_name_of_a_megabyte_is_rescued() -> None:
    """A long name is not an error, but a table cannot have such a column."""
    name = "K" * 1_000_000
    row = row_of(item_record({name: {"S": "v"}, "pk": {"S": "a"}}))
    assert (row["pk"], len(row)) == ("a", 1 + len(METADATA_COLUMNS))
    assert row["change_rescued"] == f'{{"{name}":"v"}}'


def test_text_of_a_megabyte_is_a_row() -> None:
    """This is Firehose's limit for a record."""
    text = "é" * 500_000
    assert row_of(item_record({"pk": {"S": text}}))["pk"] == text


def test_number_of_a_megabyte_is_text() -> None:
    """It is not parsed as a number."""
    digits = "9" * 1_000_000
    assert row_of(item_record({"n": {"N": digits}}))["n"] == digits


def test_hundred_thousand_attributes_are_columns() -> None:
    """A wide item takes time in proportion to its width."""
    image = {f"a{number}": {"N": str(number)} for number in range(100_000)}
    row = row_of(item_record(image))
    assert row["a99999"] == 99_999
    assert len(row) == 100_000 + len(METADATA_COLUMNS)
