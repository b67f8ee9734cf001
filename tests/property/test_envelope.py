"""Properties of the answer to every event."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.strategies import items
from tests.unit.transform.records import (
    Json,
    change_record,
    compact,
    event_of,
    firehose_event,
    firehose_record,
    item_record,
)
from transform_lambda import handler as module
from transform_lambda.batching import RESPONSE_LIMIT_BYTES
from transform_lambda.configuration import Configuration
from transform_lambda.handler import handler

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
good = st.builds(item_record, items, st.sampled_from(["INSERT", "MODIFY", "REMOVE"])).map(compact)
garbage = st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good payload with some bytes replaced, dropped or doubled."""
    payload = bytearray(draw(good))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(payload) - 1))
        payload[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.just(payload[at : at + 9])
        )
    return bytes(payload)


@st.composite
def odd_members(draw: st.DrawFn) -> bytes:
    """A change record with one member removed or replaced by any JSON."""
    record = change_record("MODIFY", draw(items), draw(items))
    part = draw(st.sampled_from([record, record["dynamodb"]]))
    name = draw(st.sampled_from(sorted(part)))
    if draw(st.booleans()):
        part[name] = draw(json_values)
    else:
        del part[name]
    return json.dumps(record).encode()


def size(response: Json) -> int:
    """The bytes of a response as the runtime serializes it."""
    return len(json.dumps(response))


@contextmanager
def with_partition_keys() -> Iterator[None]:
    """The function with a delivery stream that takes partition keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CONFIGURATION", Configuration(event_stream_name="ddb-lake"))
        yield


def check(event: Json, response: Json, *, dated: bool = False) -> None:
    """Firehose's requirements for an answer."""
    assert list(response) == ["records"]
    assert [answer["recordId"] for answer in response["records"]] == [
        record["recordId"] for record in event["records"]
    ]
    for answer in response["records"]:
        if answer["result"] == "Ok":
            line = base64.b64decode(answer["data"], validate=True)
            assert line.endswith(b"}\n")
            row = json.loads(line)
            assert row["change_id"]
            day = {"partitionKeys": {"dt": row["change_time"][:10]}}
            assert answer.get("metadata") == (day if dated else None)
        else:
            assert answer == {"recordId": answer["recordId"], "result": "ProcessingFailed"}
    assert size(response) <= RESPONSE_LIMIT_BYTES


one_of = st.one_of(good, garbage, damaged(), odd_members())


@given(st.lists(one_of, max_size=8))
def test_every_record_is_answered_in_order(payloads: list[bytes]) -> None:
    """For good, damaged, foreign and random payloads in any mix."""
    event = firehose_event(*payloads)
    check(event, handler(event, None))


@given(st.lists(one_of, max_size=8))
def test_partition_keys_add_each_rows_own_day_and_change_nothing_else(payloads: list[bytes]) -> None:
    """The results and the bytes of the rows are the same as without them."""
    event = firehose_event(*payloads)
    bare = handler(event, None)
    with with_partition_keys():
        dated = handler(event, None)
    check(event, dated, dated=True)
    for answer in dated["records"]:
        answer.pop("metadata", None)
    assert dated == bare


@given(
    st.lists(good, min_size=1, max_size=4),
    st.lists(garbage | damaged() | odd_members(), max_size=4),
    st.randoms(),
)
def test_bad_neighbours_do_not_change_a_row(goods: list[bytes], bads: list[bytes], random: Random) -> None:
    """A good record becomes the same row with any neighbours."""
    alone = {payload: handler(firehose_event(payload), None)["records"][0]["data"] for payload in goods}
    payloads = goods + bads
    random.shuffle(payloads)
    answers = handler(firehose_event(*payloads), None)["records"]
    for payload, answer in zip(payloads, answers, strict=True):
        if payload in alone:
            assert answer["data"] == alone[payload]


@given(json_values)
def test_no_event_raises(event: Any) -> None:
    """Every JSON value is answered with records."""
    assert isinstance(handler(event, None)["records"], list)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["recordId", "data", "kinesisRecordMetadata"]), json_values)
        | json_values
    )
)
def test_no_records_raise(records: list[Any]) -> None:
    """Every record with a text as its id is answered, in order, with any other content."""
    answers = handler({"records": records}, None)["records"]
    ids = [record["recordId"] for record in records if isinstance(record, dict) and "recordId" in record]
    texts = [record_id for record_id in ids if isinstance(record_id, str)]
    assert [answer["recordId"] for answer in answers if isinstance(answer["recordId"], str)] == texts


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 1_000, 100_000, 900_000, 4_700_000, 6_000_000]), st.text(max_size=3)),
        max_size=12,
    ),
    st.sampled_from(["x", "é", '"', "\x01"]),
    st.booleans(),
)
def test_response_never_exceeds_lambdas_limit(
    records: list[tuple[int, str]], character: str, dated: bool
) -> None:
    """For rows of any size, longer or shorter than their records, and ids of any characters."""
    event = event_of(
        [
            firehose_record(item_record({"pk": {"S": character * (length // len(character.encode()))}}))
            | {"recordId": record_id}
            for length, record_id in records
        ]
    )
    with with_partition_keys() if dated else nullcontext():
        check(event, handler(event, None), dated=dated)
