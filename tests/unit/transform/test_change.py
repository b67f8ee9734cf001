"""The change record: reading it, and the metadata columns of its row."""

import json
from typing import Any

import pytest

from tests.unit.transform.records import EVENT_ID, EVERY_TYPE, SEQUENCE, Json, change_record, compact
from transform_lambda.change import (
    SEQUENCE_DIGITS,
    Change,
    change_actor,
    change_sequence,
    change_time,
    read_change,
    row_of,
    transform,
)
from transform_lambda.errors import ChangeShapeError
from transform_lambda.flatten import row_line
from transform_lambda.names import METADATA_COLUMNS

TTL_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


@pytest.mark.parametrize(
    ("value", "precision", "text"),
    [
        (1_649_930_048, None, "2022-04-14T09:54:08.000000Z"),
        (1_649_930_048_474, None, "2022-04-14T09:54:08.474000Z"),
        (1_649_930_048_474_123, None, "2022-04-14T09:54:08.474123Z"),
        (1_649_930_048_474, "MILLISECOND", "2022-04-14T09:54:08.474000Z"),
        (1_649_930_048_474_123, "MICROSECOND", "2022-04-14T09:54:08.474123Z"),
        (1_649_930_048_000_000, "MICROSECOND", "2022-04-14T09:54:08.000000Z"),
        (1_649_930_048, "SECOND", "2022-04-14T09:54:08.000000Z"),
        (1_649_930_048.0, None, "2022-04-14T09:54:08.000000Z"),
        (1_649_930_048.474, None, "2022-04-14T09:54:08.474000Z"),
        (1_649_930_048_474.0, "MILLISECOND", "2022-04-14T09:54:08.474000Z"),
        (1_649_930_048_474, "A_NEW_PRECISION", "2022-04-14T09:54:08.474000Z"),
        (1_649_930_048_474, 7, "2022-04-14T09:54:08.474000Z"),
        (1_649_930_048_474, ["MICROSECOND"], "2022-04-14T09:54:08.474000Z"),
        (0, None, "1970-01-01T00:00:00.000000Z"),
        (99_999_999_999, None, "5138-11-16T09:46:39.000000Z"),
        (100_000_000_000, None, "1973-03-03T09:46:40.000000Z"),
        (99_999_999_999_999, None, "5138-11-16T09:46:39.999000Z"),
        (100_000_000_000_000, None, "1973-03-03T09:46:40.000000Z"),
        (100, "MILLISECOND", "1970-01-01T00:00:00.100000Z"),
        (100, "MICROSECOND", "1970-01-01T00:00:00.000100Z"),
        (100_000_000_000, "SECOND", "5138-11-16T09:46:40.000000Z"),
        (253_402_300_799_999_999, "MICROSECOND", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_every_precision_becomes_the_same_text(value: Any, precision: Any, text: str) -> None:
    """The precision field decides the unit: second, millisecond or microsecond. Else the magnitude does."""
    assert change_time(value, precision) == text


@pytest.mark.parametrize(
    "value",
    [None, "1649930048", True, [], {}, -1, -0.5, 253_402_300_800_000_000, 10**30, 1e300, float("nan")],
)
def test_a_value_that_is_not_a_time_is_rejected(value: Any) -> None:
    """A change without a valid time cannot be ordered."""
    with pytest.raises(ChangeShapeError):
        change_time(value)


def test_sequence_numbers_sort_as_text() -> None:
    """They are padded to 129 digits, Kinesis's documented maximum, so text order is stream order."""
    numbers = ["0", "9", "10", SEQUENCE, "1" + "0" * 128]
    padded = [change_sequence(number) for number in numbers]
    texts = [number for number in padded if number is not None]
    assert padded == sorted(texts)
    assert {len(number) for number in texts} == {SEQUENCE_DIGITS}
    assert [int(number) for number in texts] == [int(number) for number in numbers]


@pytest.mark.parametrize("sequence", [None, "", "12a", "-1", "1" * 130, "\u0661", "1\n", 12, ["1"], {}])
def test_without_a_sequence_number_the_column_is_null(sequence: Any) -> None:
    """The number is absent or not in Kinesis's pattern. The row matters more than its exact position."""
    assert change_sequence(sequence) is None


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        (TTL_IDENTITY, "ttl"),
        ({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}, "ttl"),
        ({"type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}, "ttl"),
        ({"type": "Service", "principalId": "replication.dynamodb.amazonaws.com"}, "user"),
        ({"type": "User", "principalId": "dynamodb.amazonaws.com"}, "user"),
        ({}, "user"),
        (None, "user"),
        ("dynamodb.amazonaws.com", "user"),
    ],
)
def test_time_to_live_is_a_separate_actor(identity: Any, actor: str) -> None:
    """Both spellings of userIdentity mark a deletion by TTL; anything else is a user."""
    assert change_actor(identity) == actor


def metadata_of(record: Json) -> Json:
    row: Json = json.loads(transform(compact(record), SEQUENCE)[0])
    return row


def test_row_describes_the_change() -> None:
    """It has the change's id, item, table and digests. Unused columns are null."""
    row = metadata_of(change_record("INSERT", {"pk": {"S": "a"}}))
    assert row == {
        **dict.fromkeys(METADATA_COLUMNS),
        "change_id": EVENT_ID,
        "change_type": "INSERT",
        "change_time": "2022-04-14T09:54:08.474123Z",
        "change_sequence": SEQUENCE.zfill(129),
        "change_actor": "user",
        "change_key": '{"pk":{"S":"a"}}',
        "change_after": "53e3b8defa2c2079",
        "change_table": "orders",
        "pk": "a",
    }


@pytest.mark.parametrize(("change_type", "shown"), [("INSERT", "new"), ("MODIFY", "new"), ("REMOVE", "old")])
def test_row_contains_the_item(change_type: str, shown: str) -> None:
    """The item is NewImage for INSERT and MODIFY, and the last state for REMOVE."""
    images = {"INSERT": ("new",), "MODIFY": ("new", "old"), "REMOVE": ("old",)}[change_type]
    record = change_record(change_type, **{name: {"pk": {"S": "a"}, "v": {"S": name}} for name in images})
    assert metadata_of(record)["v"] == shown


@pytest.mark.parametrize("change_type", ["INSERT", "MODIFY", "REMOVE"])
@pytest.mark.parametrize("images", [{}, {"change": {"NewImage": None, "OldImage": None}}])
def test_row_without_an_image_contains_the_keys(change_type: str, images: Json) -> None:
    """A stream with keys only still produces rows."""
    row = metadata_of(change_record(change_type, **images))
    assert row["pk"] == "a"
    assert row["change_before"] is row["change_after"] is None


def test_digests_form_a_chain() -> None:
    """change_before equals change_after of the previous change, in any order of names and set members."""
    first = metadata_of(change_record("INSERT", EVERY_TYPE))
    shuffled = dict(reversed(EVERY_TYPE.items())) | {"h_strings": {"SS": ["a", "b"]}}
    second = metadata_of(change_record("MODIFY", {"pk": {"S": "a"}}, shuffled))
    third = metadata_of(change_record("REMOVE", None, {"pk": {"S": "a"}}))
    assert first["change_after"] == second["change_before"] != second["change_after"]
    assert second["change_after"] == third["change_before"]
    assert first["change_before"] is None
    assert third["change_after"] is None


def test_key_is_canonical_dynamodb_json() -> None:
    """It is sorted, compact and exact: one text per item, for all key types."""
    record = change_record("INSERT", keys={"z": {"N": "1.0"}, "a b": {"B": "AA=="}})
    assert metadata_of(record)["change_key"] == '{"a b":{"B":"AA=="},"z":{"N":"1.0"}}'


def test_table_of_a_dynamodb_streams_record_is_in_its_arn() -> None:
    """DynamoDB Streams has the table's name only in eventSourceARN."""
    arn = "arn:aws:dynamodb:us-east-1:111111111111:table/orders/stream/2026-11-20T00:00:00.000"
    record = change_record(eventSourceARN=arn)
    del record["tableName"]
    assert metadata_of(record)["change_table"] == "orders"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("820400000000000001192334", "820400000000000001192334".zfill(40)),
        ("1" * 40, "1" * 40),
        ("1" * 41, None),
        (None, None),
        (7, None),
    ],
)
def test_sequence_of_dynamodb_streams_has_40_digits(number: Any, expected: str | None) -> None:
    """It is in the record itself. Its width shows which stream delivered the change."""
    record = change_record(change={"SequenceNumber": number})
    assert json.loads(transform(compact(record))[0])["change_sequence"] == expected
    by_kinesis = json.loads(transform(compact(record), SEQUENCE)[0])
    assert by_kinesis["change_sequence"] == SEQUENCE.zfill(129)


@pytest.mark.parametrize(
    "arn",
    [
        None,
        7,
        "orders",
        "arn:aws:dynamodb:us-east-1:111111111111:table",
        "arn:aws:dynamodb:us-east-1:111111111111:table/",
        "arn:aws:kinesis:us-east-1:111111111111:stream/orders",
    ],
)
def test_arn_of_something_else_is_not_a_table(arn: Any) -> None:
    """No view would find a row with the name of a table that does not exist."""
    record = change_record(eventSourceARN=arn)
    del record["tableName"]
    with pytest.raises(ChangeShapeError):
        transform(compact(record))


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        "text",
        1,
        {},
        change_record("PUT"),
        change_record("insert"),
        change_record(None),  # type: ignore[arg-type]  # no change type
        change_record(["INSERT"]),  # type: ignore[arg-type]  # not text
        change_record("SNAPSHOT"),
        change_record(eventID=None),
        change_record(eventID=""),
        change_record(eventID=1),
        change_record(tableName=""),
        change_record(tableName=None),
        change_record(tableName=["orders"]),
        change_record(
            tableName=1, eventSourceARN="arn:aws:dynamodb:us-east-1:111111111111:table/orders/stream/1"
        ),
        change_record(dynamodb=None),
        change_record(dynamodb=[]),
        change_record(change={"Keys": None}),
        change_record(change={"Keys": {}}),
        change_record(change={"Keys": []}),
        change_record(change={"ApproximateCreationDateTime": None}),
        change_record(keys={"pk": {"M": {}}}),
        change_record(keys={"pk": {"BOOL": True}}),
        change_record(keys={"pk": {"X": "a"}}),
        change_record(keys={"pk": {"S": 1}}),
        change_record(keys={"pk": {"S": "a", "N": "1"}}),
        change_record(keys={"pk": {}}),
        change_record(keys={"pk": "S"}),
    ],
)
def test_a_payload_that_is_not_a_change_record_is_rejected(record: Any) -> None:
    """It is JSON, but not from DynamoDB."""
    with pytest.raises(ChangeShapeError):
        transform(compact(record))


def test_snapshot_of_an_item_becomes_a_normal_row() -> None:
    """A backfill builds the Change itself and gets the same columns."""
    change = Change(
        change_id="backfill-1",
        change_type="SNAPSHOT",
        change_time=change_time(1_649_930_048),
        change_sequence=None,
        change_actor="user",
        change_table="orders",
        keys={"pk": {"B": b"\x00"}},
        old_image=None,
        new_image={"pk": {"B": b"\x00"}, "tags": {"SS": ["b", "a"]}},
    )
    row = json.loads(row_line(row_of(change)))
    assert (row["change_type"], row["pk"], row["tags"]) == ("SNAPSHOT", "AA==", ["a", "b"])
    assert row["change_key"] == '{"pk":{"B":"AA=="}}'
    assert change.new_image == {"pk": {"B": b"\x00"}, "tags": {"SS": ["b", "a"]}}


def test_change_is_typed() -> None:
    """read_change returns the Change that row_of takes."""
    change = read_change(change_record("MODIFY", {"pk": {"S": "a"}}, {"pk": {"S": "a"}}), SEQUENCE)
    assert change == Change(
        change_id=EVENT_ID,
        change_type="MODIFY",
        change_time="2022-04-14T09:54:08.474123Z",
        change_sequence=SEQUENCE.zfill(129),
        change_actor="user",
        change_table="orders",
        keys={"pk": {"S": "a"}},
        old_image={"pk": {"S": "a"}},
        new_image={"pk": {"S": "a"}},
    )
