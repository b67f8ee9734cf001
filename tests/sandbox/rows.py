"""Lines for the lake, written by the shipped function from DynamoDB items."""

import base64
from typing import Any

from tests.unit.transform.records import change_record, event_of, firehose_record
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
    return change_record(
        "REMOVE" if removed else "MODIFY" if old else "INSERT",
        new=None if removed else item,
        old=item if removed else old,
        keys={"pk": item["pk"]},
        change={"ApproximateCreationDateTime": micros},
        eventID=event_id,
        userIdentity={"type": "Service", "principalId": "dynamodb.amazonaws.com"} if ttl else None,
    )


def lines(records: list[dict[str, Any]]) -> list[bytes]:
    """Each record's row, without its newline. Raises ValueError when the function rejects one."""
    event = event_of([firehose_record(change, number, str(number)) for number, change in enumerate(records)])
    answers = handler(event, None)["records"]
    if refused := [answer["recordId"] for answer in answers if answer["result"] != "Ok"]:
        raise ValueError(f"the function refused record {int(refused[0])}")
    return [base64.b64decode(answer["data"]).removesuffix(b"\n") for answer in answers]


def item_lines(*items: Item) -> list[bytes]:
    """The rows of inserts of these items."""
    return lines([record(item, event_id=f"e-{number}") for number, item in enumerate(items)])
