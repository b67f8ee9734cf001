"""Lines for the lake, written by the shipped function from DynamoDB items."""

import base64
import json
from typing import Any

from transform_lambda.handler import handler

Item = dict[str, Any]  # an item in DynamoDB JSON


def record(
    item: Item,
    *,
    old: Item | None = None,
    removed: bool = False,
    event_id: str = "e-1",
    micros: int = 1_793_000_000_000_000,
    ttl: bool = False,
) -> dict[str, Any]:
    """A change record as the table's stream carries it; the key is `pk`, the time in microseconds.

    An INSERT of `item`, a MODIFY where there is an `old` one, or the REMOVE of `item`.
    """
    images: dict[str, Any] = {"OldImage": item} if removed else {"NewImage": item}
    if old:
        images["OldImage"] = old
    return {
        "awsRegion": "us-east-1",
        "eventID": event_id,
        "eventName": "REMOVE" if removed else "MODIFY" if old else "INSERT",
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"} if ttl else None,
        "recordFormat": "application/json",
        "tableName": "orders",
        "dynamodb": {
            "ApproximateCreationDateTime": micros,
            "ApproximateCreationDateTimePrecision": "MICROSECOND",
            "Keys": {"pk": item["pk"]},
            **images,
            "SizeBytes": 100,
        },
        "eventSource": "aws:dynamodb",
    }


def lines(records: list[dict[str, Any]]) -> list[bytes]:
    """Each record's row, without its newline. Raises ValueError when the function refuses one."""
    event = {
        "invocationId": "i",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:111111111111:deliverystream/ddb-lake",
        "region": "us-east-1",
        "records": [
            {
                "recordId": str(number),
                "approximateArrivalTimestamp": 1_793_000_000_000,
                "kinesisRecordMetadata": {"sequenceNumber": str(number)},
                "data": base64.b64encode(json.dumps(one).encode()).decode(),
            }
            for number, one in enumerate(records)
        ],
    }
    answers = handler(event, None)["records"]
    if refused := [answer["recordId"] for answer in answers if answer["result"] != "Ok"]:
        raise ValueError(f"the function refused record {refused[0]}")
    return [base64.b64decode(answer["data"]).removesuffix(b"\n") for answer in answers]


def item_lines(*items: Item) -> list[bytes]:
    """The rows of inserts of these items."""
    return lines([record(item, event_id=f"e-{number}") for number, item in enumerate(items)])
