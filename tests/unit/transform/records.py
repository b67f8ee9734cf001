"""Change records and Firehose events in the documented form, for the tests of the function."""

import base64
import json
from typing import Any

from transform_lambda.handler import handler

Json = dict[str, Any]

EVENT_ID = "6f773704-d244-414f-9590-5e9e9045409d"
SEQUENCE = "49661076801743525278240094264031636452583540156006400002"

# One attribute of each of the ten types, and its value in the row.
EVERY_TYPE: Json = {
    "a_string": {"S": 'text with "quotes", a \\ and é'},
    "b_number": {"N": "12.50"},
    "c_binary": {"B": "AP/+"},
    "d_boolean": {"BOOL": True},
    "e_null": {"NULL": True},
    "f_list": {"L": [{"S": "x"}, {"N": "1"}, {"M": {"Deep": {"BOOL": False}}}, {"L": []}]},
    "g_map": {"M": {"City": {"S": "Seoul"}, "geo": {"M": {"lat": {"N": "37.5"}}}, "empty": {"M": {}}}},
    "h_strings": {"SS": ["b", "a"]},
    "i_numbers": {"NS": ["2", "10", "1E-130"]},
    "j_binaries": {"BS": ["AQ==", "AA=="]},
}
EVERY_TYPE_ROW: Json = {
    "a_string": 'text with "quotes", a \\ and é',
    "b_number": 12.5,
    "c_binary": "AP/+",
    "d_boolean": True,
    "e_null": None,
    "f_list": ["x", 1, {"Deep": False}, []],
    "g_map__city": "Seoul",
    "g_map__geo__lat": 37.5,
    "g_map__empty": {},
    "h_strings": ["a", "b"],
    "i_numbers": [10, "1E-130", 2],
    "j_binaries": ["AA==", "AQ=="],
}


def change_record(
    change_type: str = "INSERT",
    new: Json | None = None,
    old: Json | None = None,
    *,
    keys: Json | None = None,
    change: Json | None = None,
    **members: Any,
) -> Json:
    """A change record in AWS's form. `change` replaces members of `dynamodb`, `members` of the record."""
    dynamodb: Json = {
        "ApproximateCreationDateTime": 1_649_930_048_474_123,
        "ApproximateCreationDateTimePrecision": "MICROSECOND",
        "Keys": {"pk": {"S": "a"}} if keys is None else keys,
    }
    if new is not None:
        dynamodb["NewImage"] = new
    if old is not None:
        dynamodb["OldImage"] = old
    return {
        "awsRegion": "us-east-1",
        "eventID": EVENT_ID,
        "eventName": change_type,
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "orders",
        "dynamodb": dynamodb | {"SizeBytes": 120} | (change or {}),
        "eventSource": "aws:dynamodb",
    } | members


def item_record(image: Json, change_type: str = "INSERT") -> Json:
    """A change record with this image as its item."""
    return change_record(change_type, **{"old" if change_type == "REMOVE" else "new": image})


def compact(record: Any) -> bytes:
    """JSON as AWS writes it."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def firehose_record(payload: Any, number: int = 0, sequence: str | None = SEQUENCE) -> Json:
    """One record of a Firehose event; payload is JSON or raw bytes."""
    data = payload if isinstance(payload, bytes) else compact(payload)
    record: Json = {
        "recordId": f"{number:056d}",
        "approximateArrivalTimestamp": 1_649_930_049_000,
        "data": base64.b64encode(data).decode(),
    }
    if sequence is not None:
        record["kinesisRecordMetadata"] = {
            "sequenceNumber": sequence,
            "subsequenceNumber": 0,
            "partitionKey": "9f86d081884c7d659a2feaa0c55ad015",
            "shardId": "shardId-000000000000",
            "approximateArrivalTimestamp": 1_649_930_049_000,
        }
    return record


def firehose_event(*payloads: Any) -> Json:
    """An event with one record per payload."""
    return event_of([firehose_record(payload, number) for number, payload in enumerate(payloads)])


def event_of(records: list[Any]) -> Json:
    """An event with the given Firehose records."""
    return {
        "invocationId": "invocation",
        "sourceKinesisStreamArn": "arn:aws:kinesis:us-east-1:111111111111:stream/ddb-lake",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:111111111111:deliverystream/ddb-lake",
        "region": "us-east-1",
        "records": records,
    }


def results(*payloads: Any) -> list[str]:
    """The results for the payloads."""
    return [answer["result"] for answer in handler(firehose_event(*payloads), None)["records"]]


def line_of(payload: Any) -> bytes:
    """The line for one payload."""
    [answer] = handler(firehose_event(payload), None)["records"]
    assert answer["result"] == "Ok"
    return base64.b64decode(answer["data"], validate=True)


def row_of(payload: Any) -> Json:
    """The row for one payload, with numbers read as doubles."""
    line = line_of(payload)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    row: Json = json.loads(line)
    return row
