"""The transform function's part of delivery: the event, the attempts, and the result of every record.

Sources: developer guide, "Transform source data in Amazon Data Firehose" (status model, 6 MB, retries),
"Handle failure in data transformation" (error lines), "Monitor Amazon Data Firehose using CloudWatch Logs"
(error codes).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pybase64
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.delivery.description import Processor

# Lambda quotas, "Invocation payload (request and response)": 6 MB each for synchronous invocations.
PAYLOAD_LIMIT = 6_291_456

OK = "Ok"
DROPPED = "Dropped"
FAILED = "ProcessingFailed"
_RESULTS = frozenset({OK, DROPPED, FAILED})

_INVOKE_ERRORS = {
    "AccessDenied": "Lambda.InvokeAccessDenied",
    "AccessDeniedException": "Lambda.InvokeAccessDenied",
    "ResourceNotFoundException": "Lambda.ResourceNotFound",
    "TooManyRequestsException": "Lambda.InvokeLimitExceeded",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One Kinesis record: `arrival` is its approximate arrival timestamp in milliseconds since the epoch."""

    sequence: str
    arrival: int
    partition_key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one record: new data, dropped, or an error."""

    record: Record
    result: str
    data: bytes = b""
    partition_keys: dict[str, str] | None = None
    error_code: str = ""
    attempts: int = 1
    ended_at: int = 0

    def failed(self, code: str) -> Verdict:
        """The same record, failed after the function."""
        return replace(self, result=FAILED, data=b"", error_code=code)


def fragment(record: Record, shard_id: str) -> bytes:
    """The record as one element of the event's `records`, serialized."""
    return orjson.dumps(
        {
            "recordId": record.sequence,
            "approximateArrivalTimestamp": record.arrival,
            "data": pybase64.b64encode(record.data).decode("ascii"),
            "kinesisRecordMetadata": {
                "sequenceNumber": record.sequence,
                "subsequenceNumber": 0,
                "partitionKey": record.partition_key,
                "shardId": shard_id,
                "approximateArrivalTimestamp": record.arrival,
            },
        }
    )


def event(source_arn: str, delivery_arn: str, region: str, fragments: Sequence[bytes]) -> bytes:
    """The event of one invocation. Every attempt is an invocation with a new `invocationId`."""
    head = orjson.dumps(
        {
            "invocationId": str(uuid.uuid4()),
            "sourceKinesisStreamArn": source_arn,
            "deliveryStreamArn": delivery_arn,
            "region": region,
        }
    )
    return head[:-1] + b',"records":[' + b",".join(fragments) + b"]}"


# The most bytes around the records: an id of 36 characters, the Region and two ARNs.
ENVELOPE_BYTES = 1024


def judge(payload: bytes, records: Sequence[Record], attempts: int, ended_at: int) -> list[Verdict]:
    """The function's answer → the result of every record, in the order of `records`.

    An answer that is not JSON, or a record outside the status model, fails the whole batch, because it cannot
    be parsed. A missing or duplicate id fails its record. [unverified] where AWS does not document it.
    """

    def fail(record: Record, code: str) -> Verdict:
        return Verdict(record, FAILED, error_code=code, attempts=attempts, ended_at=ended_at)

    try:
        answers = _answers(orjson.loads(payload))
    except ValueError:
        return [fail(record, "Lambda.JsonProcessingException") for record in records]
    verdicts = []
    for record in records:
        found = answers.get(record.sequence)
        if found is None:
            verdicts.append(fail(record, "Lambda.MissingRecordId"))
        elif len(found) > 1:
            verdicts.append(fail(record, "Lambda.DuplicatedRecordId"))
        elif found[0][0] == FAILED:
            verdicts.append(fail(record, "Lambda.ProcessingFailedStatus"))
        else:
            result, data, keys = found[0]
            verdicts.append(Verdict(record, result, data, keys, attempts=attempts, ended_at=ended_at))
    return verdicts


def _answers(answer: object) -> dict[str, list[tuple[str, bytes, dict[str, str] | None]]]:
    """The returned records by id. Raises ValueError for an answer outside the status model."""
    if not isinstance(answer, dict):
        raise ValueError("the answer is not an object")
    returned = [] if answer.get("records") is None else answer["records"]
    if not isinstance(returned, list):
        raise ValueError("records is not a list")
    answers: dict[str, list[tuple[str, bytes, dict[str, str] | None]]] = {}
    for returned_record in returned:
        if not isinstance(returned_record, dict) or not isinstance(returned_record.get("recordId"), str):
            raise ValueError("a record has no recordId")
        result, data = returned_record.get("result"), returned_record.get("data")
        if result not in _RESULTS:
            raise ValueError("a record has no valid result")
        decoded = b""
        if result == OK:
            if not isinstance(data, str):
                raise ValueError("a record has no data")
            decoded = pybase64.b64decode(data, validate=True)
        answers.setdefault(returned_record["recordId"], []).append(
            (result, decoded, _partition_keys(returned_record))
        )
    return answers


def _partition_keys(returned_record: dict[str, Any]) -> dict[str, str] | None:
    metadata = returned_record.get("metadata")
    if metadata is None:
        return None
    keys = metadata.get("partitionKeys") if isinstance(metadata, dict) else None
    if keys is None:
        return None
    if not isinstance(keys, dict) or not all(isinstance(value, str) for value in keys.values()):
        raise ValueError("metadata.partitionKeys is not a map of strings")
    return keys


class _AttemptFailedError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _attempt(client: Any, processor: Processor, payload: bytes) -> bytes:
    """One invocation. Raises _AttemptFailedError with Firehose's error code."""
    try:
        answer = client.invoke(FunctionName=processor.function_arn, Payload=payload)
        body: bytes = answer["Payload"].read()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise _AttemptFailedError(_INVOKE_ERRORS.get(code, "Lambda.InternalServerError")) from error
    except BotoCoreError as error:
        raise _AttemptFailedError("Lambda.InternalServerError") from error
    if answer.get("FunctionError"):
        raise _AttemptFailedError(
            "Lambda.FunctionTimedOut" if b"Task timed out" in body else "Lambda.FunctionError"
        )
    if len(body) > PAYLOAD_LIMIT:
        # Lambda returns a function error here; the emulator returns the answer.
        raise _AttemptFailedError("Lambda.FunctionError")
    return body


def process(
    *,
    client: Callable[[], Any],
    processor: Processor,
    records: Sequence[Record],
    new_event: Callable[[], bytes],
    failed_attempt: Callable[[str], None],
) -> list[Verdict]:
    """Invoke the function on a batch, with up to `retries` retries; the result of every record.

    `failed_attempt(error code)` is called after each failure and waits.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            try:
                body = _attempt(client(), processor, new_event())
            except ClientError as error:  # the role could not be assumed
                raise _AttemptFailedError("Lambda.InvokeAccessDenied") from error
        except _AttemptFailedError as error:
            if attempt <= processor.retries:
                failed_attempt(error.code)
                continue
            now = int(time.time() * 1000)
            return [
                Verdict(record, FAILED, error_code=error.code, attempts=attempt, ended_at=now)
                for record in records
            ]
        return judge(body, records, attempt, int(time.time() * 1000))
