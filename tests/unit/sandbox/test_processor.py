"""The function's part of delivery: the event, the attempts, the results."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from sandbox.delivery import processor
from sandbox.delivery.description import Buffering, Processor
from sandbox.delivery.processor import DROPPED, FAILED, OK, Record, Verdict, event, fragment, judge, process

RECORDS = [Record(str(n), 1_700_000_000_000 + n, f"key{n}", f"data{n}".encode()) for n in range(3)]
FUNCTION = Processor("arn:function", "arn:role", Buffering(1, 1), retries=2)


def answer(*records: dict[str, Any]) -> bytes:
    """A function's answer."""
    return json.dumps({"records": list(records)}).encode()


def ok(number: int, **more: Any) -> dict[str, Any]:
    """An Ok record of the answer."""
    data = base64.b64encode(f"new{number}".encode()).decode()
    return {"recordId": str(number), "result": "Ok", "data": data, **more}


def codes(verdicts: list[Verdict]) -> list[str]:
    """The error code of each result."""
    return [verdict.error_code for verdict in verdicts]


def test_event_has_the_documented_format() -> None:
    """Names, types and nesting as the developer guide and Lambda's Firehose event show them."""
    built = json.loads(event("arn:stream", "arn:delivery", "eu-west-1", [fragment(RECORDS[1], "shard-7")]))
    assert len(built.pop("invocationId")) == 36
    assert built == {
        "sourceKinesisStreamArn": "arn:stream",
        "deliveryStreamArn": "arn:delivery",
        "region": "eu-west-1",
        "records": [
            {
                "recordId": "1",
                "approximateArrivalTimestamp": 1_700_000_000_001,
                "data": base64.b64encode(b"data1").decode(),
                "kinesisRecordMetadata": {
                    "sequenceNumber": "1",
                    "subsequenceNumber": 0,
                    "partitionKey": "key1",
                    "shardId": "shard-7",
                    "approximateArrivalTimestamp": 1_700_000_000_001,
                },
            }
        ],
    }


def test_envelope_never_exceeds_its_reserved_size() -> None:
    """Batches are cut so that fragments and envelope stay below 6 MB together."""
    longest = event(f"arn:{'s' * 250}", f"arn:{'d' * 250}", "ap-southeast-2", [])
    assert len(longest) <= processor.ENVELOPE_BYTES


def test_every_result_of_the_function_is_used() -> None:
    """Ok with its new data, Dropped, ProcessingFailed with the documented code."""
    response = answer(
        {"recordId": "2", "result": "ProcessingFailed"}, ok(0), {"recordId": "1", "result": "Dropped"}
    )
    verdicts = judge(response, RECORDS, 1, 5)
    assert [verdict.result for verdict in verdicts] == [OK, DROPPED, FAILED]
    assert verdicts[0].data == b"new0"
    assert codes(verdicts) == ["", "", "Lambda.ProcessingFailedStatus"]


def test_missing_record_fails_alone() -> None:
    """Lambda.MissingRecordId; the others are delivered."""
    assert codes(judge(answer(ok(0), ok(2)), RECORDS, 1, 0)) == ["", "Lambda.MissingRecordId", ""]


def test_duplicate_record_fails_alone() -> None:
    """Lambda.DuplicatedRecordId, with any two answers."""
    assert codes(judge(answer(ok(0), ok(1), ok(1), ok(2)), RECORDS, 1, 0)) == [
        "",
        "Lambda.DuplicatedRecordId",
        "",
    ]


def test_answer_without_records_fails_all_of_them() -> None:
    """An empty object is JSON, but returns nothing."""
    assert set(codes(judge(b"{}", RECORDS, 1, 0))) == {"Lambda.MissingRecordId"}


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"null",
        b"[]",
        b"not json",
        b'{"records": {}}',
        b'{"records": [1]}',
        answer({"result": "Ok", "data": ""}),
        answer({"recordId": 1, "result": "Ok", "data": ""}),
        answer({"recordId": "0", "result": "ok", "data": ""}),
        answer({"recordId": "0", "result": "Ok"}),
        answer({"recordId": "0", "result": "Ok", "data": "not base64!"}),
        answer({"recordId": "0", "result": "Ok", "data": "bmV3MA==\n"}),
        answer(ok(0, metadata={"partitionKeys": {"k": 1}})),
        answer(ok(0, metadata={"partitionKeys": ["k"]})),
    ],
)
def test_answer_outside_the_status_model_fails_the_batch(response: bytes) -> None:
    """It cannot be parsed, so none of its records can be trusted."""
    assert set(codes(judge(response, RECORDS, 1, 0))) == {"Lambda.JsonProcessingException"}


def test_partition_keys_are_kept() -> None:
    """metadata.partitionKeys, a map of texts; other metadata is ignored."""
    response = answer(ok(0, metadata={"partitionKeys": {"day": "x"}}), ok(1, metadata={}), ok(2))
    assert [verdict.partition_keys for verdict in judge(response, RECORDS, 1, 0)] == [
        {"day": "x"},
        None,
        None,
    ]


class Function:
    """A Lambda client whose invocations have scripted results."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.payloads: list[bytes] = []

    def invoke(self, Payload: bytes, **_: Any) -> dict[str, Any]:
        self.payloads.append(Payload)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        error, body = step
        return {
            "Payload": io.BytesIO(body),
            **({"FunctionError": error} if error else {}),
        }


GOOD = (None, answer(ok(0), ok(1), ok(2)))
THROWN = ("Unhandled", b'{"errorMessage": "boom"}')
TIMED_OUT = ("Unhandled", b'{"errorMessage": "2026-11-20T00:00:00Z x Task timed out after 3.00 seconds"}')


def refused(code: str) -> ClientError:
    """A refused invocation."""
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Invoke")


def run(*script: Any) -> tuple[list[Verdict], Function, list[str]]:
    """Process RECORDS. Returns the verdicts, the function and the failures."""
    function = Function(*script)
    failed: list[str] = []
    numbers = iter(range(100))
    new_event: Callable[[], bytes] = lambda: str(next(numbers)).encode()  # noqa: E731
    verdicts = process(
        client=lambda: function,
        processor=FUNCTION,
        records=RECORDS,
        new_event=new_event,
        failed_attempt=failed.append,
    )
    return verdicts, function, failed


def test_failed_invocation_is_repeated_with_a_new_event() -> None:
    """Each attempt is a separate invocation."""
    verdicts, function, failed = run(THROWN, ReadTimeoutError(endpoint_url="x"), GOOD)
    assert codes(verdicts) == ["", "", ""]
    assert function.payloads == [b"0", b"1", b"2"]
    assert failed == ["Lambda.FunctionError", "Lambda.InternalServerError"]


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (THROWN, "Lambda.FunctionError"),
        (TIMED_OUT, "Lambda.FunctionTimedOut"),
        (refused("AccessDeniedException"), "Lambda.InvokeAccessDenied"),
        (refused("ResourceNotFoundException"), "Lambda.ResourceNotFound"),
        (refused("TooManyRequestsException"), "Lambda.InvokeLimitExceeded"),
        (refused("ServiceException"), "Lambda.InternalServerError"),
        ((None, b" " * (processor.PAYLOAD_LIMIT + 1)), "Lambda.FunctionError"),
    ],
)
def test_whole_batch_fails_after_the_last_retry(step: Any, code: str) -> None:
    """NumberOfRetries is added to the first attempt; every record has the code and the attempts."""
    verdicts, function, _ = run(step, step, step)
    assert codes(verdicts) == [code] * 3
    assert {verdict.attempts for verdict in verdicts} == {3}
    assert not function.script


def test_wrong_answer_is_not_retried() -> None:
    """The function was invoked successfully: only its records failed."""
    verdicts, function, _ = run((None, b"{}"))
    assert len(function.payloads) == 1
    assert {verdict.attempts for verdict in verdicts} == {1}
