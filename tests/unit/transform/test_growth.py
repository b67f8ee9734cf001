"""Items whose rows grow as much as possible: the bound of `longest`, and full answers to 1 MiB."""

import base64
import json
import tracemalloc
from collections.abc import Callable
from itertools import product
from string import ascii_lowercase, digits

import orjson
import pytest

from tests.unit.transform.records import Json, change_record, compact, event_of, firehose_record, item_record
from transform_lambda import handler as module
from transform_lambda.batching import PARTITION_KEYS_LENGTH
from transform_lambda.canonical import canonical_json
from transform_lambda.change import transform
from transform_lambda.configuration import Configuration
from transform_lambda.flatten import RowSettings, flatten, longest
from transform_lambda.handler import handler

MIB = 1_048_576
# "The maximum item size in DynamoDB is 400 KB" (DynamoDB Developer Guide, "Constraints").
ITEM_BYTES = 400 * 1024
# More recordId digits than Firehose was seen to send.
RECORD_ID = "4" * 64


def short_names(count: int, alphabet: str = ascii_lowercase + digits, length: int = 3) -> list[str]:
    """Distinct names of a few characters."""
    letters = product(alphabet, repeat=length)
    return ["".join(next(letters)) for _ in range(count)]


CJK = "".join(map(chr, range(0x4E00, 0x4E00 + 250)))
CONTROL = "".join(map(chr, range(1, 32)))
# Shape → function that builds an item with about this many members.
SHAPES: dict[str, Callable[[int], Json]] = {
    "a long name over many members": lambda count: {
        "m" * 240: {"M": {name: {"N": "1"} for name in short_names(count)}}
    },
    "a long name in another alphabet over many members": lambda count: {
        "я" * 30: {"M": {name: {"N": "1"} for name in short_names(count)}}
    },
    "a long name of control characters over many members": lambda count: {
        "\x01" * 240: {"M": {name: {"N": "1"} for name in short_names(count)}}
    },
    "long names above long names": lambda count: {
        "a" * 60: {"M": {"b" * 60: {"M": {"c" * 60: {"M": {n: {"N": "1"} for n in short_names(count)}}}}}}
    },
    "names of two characters of three bytes": lambda count: {
        name: {"N": "1"} for name in short_names(count, CJK, 2)
    },
    "names of control characters": lambda count: {name: {"S": ""} for name in short_names(count, CONTROL, 4)},
    "names of quotes": lambda count: {'"' * (2 + number): {"S": ""} for number in range(min(count, 200))},
    "many empty maps": lambda count: {name: {"M": {}} for name in short_names(count)},
    "values of quotes": lambda count: {name: {"S": '"\\' * 9} for name in short_names(count)},
    "names that differ by case alone": lambda count: {
        spelled: {"N": "1"}
        for name in short_names(count // 2, ascii_lowercase)
        for spelled in (name, name.upper())
    },
    "a value for each level": lambda count: nested(30, {name: {"N": "1"} for name in short_names(count)}),
}


def nested(levels: int, item: Json) -> Json:
    """The item inside this many maps."""
    return item if not levels else {"level": {"M": nested(levels - 1, item)}}


def batch_of(payload: bytes, length: int = MIB) -> Json:
    """An event that repeats the payload until length is reached."""
    return event_of([firehose_record(payload, number) for number in range(length // len(payload))])


@pytest.mark.parametrize("images", [True, False], ids=["images kept", "no images"])
@pytest.mark.parametrize("count", [1, 40, 20_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_of_a_mebibyte_is_answered_in_full(
    monkeypatch: pytest.MonkeyPatch, shape: str, count: int, images: bool
) -> None:
    """Every record is Ok, for all shapes of items, with partition keys too."""
    settings = RowSettings(keep_images=images)
    monkeypatch.setattr(module, "CONFIGURATION", Configuration(settings, "ERROR", "ddb-lake"))
    payload = compact(item_record({"pk": {"S": "a"}} | SHAPES[shape](count)))
    assert len(payload) <= MIB
    answers = handler(batch_of(payload), None)["records"]
    assert {answer["result"] for answer in answers} == {"Ok"}
    assert len(json.dumps({"records": answers})) <= 6 * MIB


def test_fifty_thousand_names_of_two_characters_are_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item of 400 KB with the most attributes possible, and with its image."""
    monkeypatch.setattr(module, "CONFIGURATION", Configuration(RowSettings(keep_images=True)))
    item = {"pk": {"S": "a"}} | SHAPES["names of two characters of three bytes"](50_000)
    assert (
        sum(len(name.encode()) + 1 for name in item) <= ITEM_BYTES
    )  # a number of one digit has one or two bytes
    payload = compact(item_record(item))
    [answer] = handler(event_of([firehose_record(payload)]), None)["records"]
    row = json.loads(base64.b64decode(answer["data"]))
    assert json.loads(row["change_image"]) == item
    assert len(json.loads(row["change_names"])) == 50_000


def test_constants_of_the_bound_add_up() -> None:
    """4/3 * (M + fixed) + E <= 6F: the remaining part of the proof in the docstring of `longest`."""
    shortest = change_record("INSERT", {}, keys={}, change={"SizeBytes": 1}, tableName="")
    # A stream enabled without a precision has milliseconds, and its records do not state the precision.
    del shortest["dynamodb"]["ApproximateCreationDateTimePrecision"]
    shortest["dynamodb"]["ApproximateCreationDateTime"] = 1_649_930_048_474
    frame = len(compact(shortest)) - len("{}{}")
    record = item_record({"pk": {"S": "a"}})
    line, _ = transform(compact(record), "1" * 129)
    metadata = len(line) - len(json.dumps('{"pk":{"S":"a"}}')) - len("orders") - len(',"pk":"a"') + 2
    answer = {"recordId": RECORD_ID, "result": "Ok", "data": ""}
    envelope = len(json.dumps(answer)) + PARTITION_KEYS_LENGTH + len(", ") + len("====")
    frame_of_all = len(json.dumps({"records": []}))
    assert 4 / 3 * (metadata + longest(0)) + envelope + frame_of_all <= 6 * frame


@pytest.mark.parametrize("images", [True, False], ids=["images kept", "no images"])
@pytest.mark.parametrize("count", [1, 40, 5_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_row_has_the_most_levels_that_fit(shape: str, count: int, images: bool) -> None:
    """The item's part is within the bound, and with one more level it would not be. change_levels is set."""
    item = SHAPES[shape](count)
    settings = RowSettings(keep_images=images)
    flat = flatten(item, settings)
    of_item = {name: value for name, value in flat._asdict().items() if name != "columns"}
    length = len(orjson.dumps(flat.columns | of_item)) - len(orjson.dumps(dict.fromkeys(of_item)))
    assert length <= longest(len(canonical_json(item)))
    if flat.levels is None:
        return
    assert flatten(item, RowSettings(flat.levels + 1, keep_images=images)) == flat
    if flat.levels:
        explicit = flatten(item, RowSettings(flat.levels, keep_images=images))
        assert explicit == flat._replace(levels=None)
    else:
        assert flat.columns == {}
        assert flat.names is None
        assert flat.rescued is not None
        assert json.loads(flat.rescued).keys() == item.keys()


def test_some_shapes_are_shortened_and_ordinary_ones_are_not() -> None:
    """Otherwise the tests above would not reach the cases they are for."""
    levels = {shape: flatten(of(5_000), RowSettings(keep_images=True)).levels for shape, of in SHAPES.items()}
    assert levels["a long name over many members"] == 1
    assert levels["long names above long names"] in {1, 2, 3}
    assert levels["names of control characters"] is None
    ordinary = {name: {"S": "text"} for name in ("customerId", "created-at", "größe", "商品", "имя")}
    assert flatten(ordinary, RowSettings(keep_images=True)).levels is None
    wide = {f"{name}{n}": {"N": str(n)} for n in range(40) for name in ("адрес-", "価格", "créé_le_")}
    assert flatten(wide).levels is None


def test_names_that_would_be_megabytes_are_never_written() -> None:
    """Paths can be much longer than their columns: 255 control characters are 1.5 KB for each member."""
    item = SHAPES["a long name of control characters over many members"](20_000)
    tracemalloc.start()
    flat = flatten(item)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert flat.levels == 1
    assert peak < 60_000_000
