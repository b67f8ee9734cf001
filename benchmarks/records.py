"""Change records for the benchmark: MODIFY, about 1.8 KB, with nesting, lists and sets of every kind."""

import base64
import json
import random
from typing import Any

Json = dict[str, Any]

_FIRST_SEQUENCE_NUMBER = 49_661_076_801_743_525_278_240_094_264_031_636_452_583_540_156_006_400_000

_CITIES = ("Seoul", "Lisbon", "Nairobi", "Montréal", "Osaka", "Bergen")
_WORDS = (
    "leave",
    "at",
    "the",
    "door",
    "ring",
    "twice",
    "fragile",
    "gift",
    "wrap",
    "please",
    "before",
    "noon",
)


def _item(rng: random.Random, number: int) -> Json:
    """One order of a shop, in DynamoDB JSON: 10 top-level attributes, 29 AttributeValues."""
    return {
        "pk": {"S": f"customer#{number % 977:06d}"},
        "sk": {"S": f"order#2026-11-{number % 28 + 1:02d}#{number:08d}"},
        "status": {"S": rng.choice(("placed", "packed", "shipped"))},
        "total": {"N": f"{rng.randrange(100, 1_000_000) / 100:.2f}"},
        "paid": {"BOOL": rng.random() < 0.9},
        "note": {"S": " ".join(rng.choices(_WORDS, k=12))},
        "coupons": {"SS": rng.sample(("WELCOME", "SUMMER26", "FRIEND", "FREESHIP"), k=3)},
        "discounts": {"NS": rng.sample(("5", "10", "12.5", "2.75"), k=2)},
        "shipping": {
            "M": {
                "name": {"S": f"Customer {number % 977}"},
                "address": {
                    "M": {
                        "street": {"S": f"{rng.randrange(1, 200)} Harbour Street"},
                        "city": {"S": rng.choice(_CITIES)},
                        "geo": {
                            "M": {"lat": {"N": f"{rng.uniform(-90, 90):.6f}"}, "lon": {"N": "126.978388"}}
                        },
                    }
                },
            }
        },
        "lines": {
            "L": [
                {
                    "M": {
                        "sku": {"S": f"SKU-{rng.randrange(10_000):05d}"},
                        "quantity": {"N": str(rng.randrange(1, 9))},
                        "price": {"N": f"{rng.randrange(100, 20_000) / 100:.2f}"},
                    }
                }
                for _ in range(2)
            ]
        },
    }


def change_records(count: int, seed: int = 20261120) -> list[Json]:
    """This many MODIFY records, in which the status, the note and one line changed."""
    rng = random.Random(seed)  # noqa: S311 - test data, not secrets
    records = []
    for number in range(count):
        old = _item(rng, number)
        new = json.loads(json.dumps(old))
        new["status"] = {"S": "delivered"}
        new["note"] = {"S": " ".join(rng.choices(_WORDS, k=12))}
        new["lines"]["L"][0]["M"]["quantity"] = {"N": str(rng.randrange(1, 99))}
        records.append(
            {
                "awsRegion": "us-east-1",
                "eventID": f"6f773704-d244-414f-9590-{number:012x}",
                "eventName": "MODIFY",
                "userIdentity": None,
                "recordFormat": "application/json",
                "tableName": "orders",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_795_000_000_000_000 + number * 1_234,
                    "ApproximateCreationDateTimePrecision": "MICROSECOND",
                    "Keys": {"pk": old["pk"], "sk": old["sk"]},
                    "NewImage": new,
                    "OldImage": old,
                    "SizeBytes": 1_000,
                },
                "eventSource": "aws:dynamodb",
            }
        )
    return records


def firehose_event(records: list[Json], *, compact: bool = True) -> Json:
    """The event that Firehose sends with these records: compact, as AWS writes JSON, or with spaces."""
    separators = (",", ":") if compact else None
    return {
        "invocationId": "6f773704-d244-414f-9590-5e9e9045409d",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:111111111111:deliverystream/ddb-lake",
        "sourceKinesisStreamArn": "arn:aws:kinesis:us-east-1:111111111111:stream/ddb-lake",
        "region": "us-east-1",
        "records": [
            {
                "recordId": f"{_FIRST_SEQUENCE_NUMBER + number}0000",
                "approximateArrivalTimestamp": 1_795_000_000_000 + number,
                "data": base64.b64encode(
                    json.dumps(record, separators=separators, ensure_ascii=False).encode()
                ).decode(),
                "kinesisRecordMetadata": {
                    "sequenceNumber": str(_FIRST_SEQUENCE_NUMBER + number),
                    "subsequenceNumber": 0,
                    "partitionKey": "9f86d081884c7d659a2feaa0c55ad015",
                    "shardId": "shardId-000000000000",
                    "approximateArrivalTimestamp": 1_795_000_000_000 + number,
                },
            }
            for number, record in enumerate(records)
        ],
    }
