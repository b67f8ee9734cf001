"""Items made to grow: the bound of `longest` holds for their rows, and a batch of 1 MiB for their answers."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.transform.records import Json, compact, event_of, firehose_record, item_record
from transform_lambda import handler as module
from transform_lambda.canonical import canonical_json
from transform_lambda.configuration import Configuration
from transform_lambda.flatten import RowSettings, flatten, longest
from transform_lambda.handler import handler

MIB = 1_048_576
# Names are made of characters that become longer in a column, in JSON, or in JSON within JSON.
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJ",
    "".join(map(chr, range(1, 32))),
    '"\\/',
    "яшжфйцукен",
    "".join(map(chr, range(0x4E00, 0x4E60))),
    "".join(map(chr, range(0x1F600, 0x1F640))),
    "-_. #",
    "áßẞœŁ\u0301\u0302",
)
VALUES: tuple[Json, ...] = (
    {"N": "1"},
    {"S": ""},
    {"S": '"\\\x01'},
    {"BOOL": True},
    {"NULL": True},
    {"M": {}},
    {"L": []},
)


@st.composite
def grown_names(draw: st.DrawFn, longest_name: int = 255) -> str:
    """A name of one alphabet, short or as long as names are."""
    alphabet = draw(st.sampled_from(ALPHABETS))
    length = draw(st.sampled_from([1, 2, 3, 10, 60, longest_name]))
    start = draw(st.integers(0, len(alphabet) - 1))
    return "".join(alphabet[(start + place) % len(alphabet)] for place in range(length))


@st.composite
def grown_items(draw: st.DrawFn, most_members: int = 300) -> Json:
    """A few maps within each other, each under a name that may be long, and many members in the last."""
    alphabet = draw(st.sampled_from(ALPHABETS))
    value = draw(st.sampled_from(VALUES))
    ending = draw(grown_names(60))
    members = {}
    for number in range(draw(st.sampled_from([1, 20, most_members]))):
        letters = ""
        while number or not letters:
            number, place = divmod(number, len(alphabet))  # noqa: PLW2901 - its digits
            letters += alphabet[place]
        members[letters + ending] = value
    item: Json = members
    for name in draw(st.lists(grown_names(), max_size=4)):
        item = {name: {"M": item}, "beside": {"S": "x"}}
    return {"pk": {"S": "a"}} | item


row_settings = st.builds(
    RowSettings,
    max_depth=st.sampled_from([1, 2, 32]),
    keep_images=st.booleans(),
)


@given(grown_items(), row_settings)
def test_the_items_part_of_a_row_is_within_the_bound(item: Json, given_settings: RowSettings) -> None:
    """Whatever grows, and however: columns, change_names, change_image and change_rescued together."""
    flat = flatten(item, given_settings)
    of_item = {name: value for name, value in flat._asdict().items() if name != "columns"}
    length = len(orjson.dumps(flat.columns | of_item)) - len(orjson.dumps(dict.fromkeys(of_item)))
    assert length <= longest(len(canonical_json(item)))
    assert flat.levels is None or flat.levels < given_settings.max_depth
    if flat.levels is not None:
        more = RowSettings(flat.levels + 1, keep_images=given_settings.keep_images)
        assert flatten(item, more).levels == flat.levels


@settings(max_examples=15)
@given(st.lists(grown_items(2_000), min_size=1, max_size=3), row_settings)
def test_a_batch_of_a_mebibyte_is_answered_in_full(items: list[Json], given_settings: RowSettings) -> None:
    """Any mixture of such items, up to the last byte that fits."""
    payloads = [compact(item_record(item)) for item in items]
    records: list[Json] = []
    left = MIB
    while len(payload := payloads[len(records) % len(payloads)]) <= left:
        records.append(firehose_record(payload, len(records)))
        left -= len(payload)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CONFIGURATION", Configuration(given_settings, "ERROR", "ddb-lake"))
        answers = handler(event_of(records), None)["records"]
    assert {answer["result"] for answer in answers} <= {"Ok"}
    assert len(json.dumps({"records": answers})) <= 6 * MIB
