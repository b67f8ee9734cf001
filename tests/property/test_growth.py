"""Items built to grow: their rows are within `longest`, and a batch of 1 MiB is answered in full."""

import json
from typing import NamedTuple

import orjson
import pytest
from hypothesis import given, settings, target
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


class Name(NamedTuple):
    """A name from one alphabet, short or of maximum length."""

    alphabet: int
    start: int
    length: int

    def text(self) -> str:
        letters = ALPHABETS[self.alphabet]
        return "".join(letters[(self.start + position) % len(letters)] for position in range(self.length))


class Grown(NamedTuple):
    """A short description of an item, so that Hypothesis can print a failing one."""

    above: tuple[Name, ...]  # names of maps within each other
    alphabet: int  # of the members of the last map
    ending: Name  # how the members' names end
    members: int
    value: int

    def item(self) -> Json:
        letters, ending, members = ALPHABETS[self.alphabet], self.ending.text(), {}
        for number in range(1, self.members + 1):
            name, rest = "", number
            while rest:
                rest, position = divmod(rest, len(letters))
                name += letters[position]
            members[name + ending] = VALUES[self.value]
        item: Json = members
        for above in self.above:
            item = {above.text(): {"M": item}, "beside": {"S": "x"}}
        return {"pk": {"S": "a"}} | item


alphabets = st.integers(0, len(ALPHABETS) - 1)
long_names = st.builds(Name, alphabets, st.integers(0, 30), st.integers(1, 255))
grown = st.builds(
    Grown,
    st.lists(long_names, max_size=3).map(tuple),
    alphabets,
    st.builds(Name, alphabets, st.integers(0, 30), st.integers(0, 40)),
    st.sampled_from([1, 20, 300, 2_000]),
    st.integers(0, len(VALUES) - 1),
)
row_settings = st.builds(
    RowSettings,
    max_depth=st.sampled_from([1, 2, 32]),
    keep_images=st.booleans(),
)


@settings(deadline=None)
@given(grown, row_settings)
def test_the_items_part_of_a_row_is_within_the_bound(shape: Grown, row_config: RowSettings) -> None:
    """For columns, change_names, change_image and change_rescued together."""
    item = shape.item()
    flat = flatten(item, row_config)
    of_item = {name: value for name, value in flat._asdict().items() if name != "columns"}
    length = len(orjson.dumps(flat.columns | of_item)) - len(orjson.dumps(dict.fromkeys(of_item)))
    assert length <= longest(len(canonical_json(item)))
    assert flat.levels is None or flat.levels < row_config.max_depth
    if flat.levels is not None:
        more = RowSettings(flat.levels + 1, keep_images=row_config.keep_images)
        assert flatten(item, more).levels == flat.levels


@settings(max_examples=60, deadline=None)
@given(st.lists(grown, min_size=1, max_size=2), row_settings)
def test_a_batch_of_a_mebibyte_is_answered_in_full(shapes: list[Grown], row_config: RowSettings) -> None:
    """For any mixture of such items, filled to the last byte. Hypothesis searches for long answers."""
    payloads = [compact(item_record(shape.item())) for shape in shapes]
    records: list[Json] = []
    left = MIB
    while len(payload := payloads[len(records) % len(payloads)]) <= left:
        records.append(firehose_record(payload, len(records)))
        left -= len(payload)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CONFIGURATION", Configuration(row_config, "ERROR", "ddb-lake"))
        answers = handler(event_of(records), None)["records"]
    response = len(json.dumps({"records": answers}))
    target(response)
    assert {answer["result"] for answer in answers} <= {"Ok"}
    assert response <= 6 * MIB
