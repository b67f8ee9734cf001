"""Firehose's envelope: one answer per record, in order, for all kinds of records."""

import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.transform.records import (
    Json,
    change_record,
    event_of,
    firehose_event,
    firehose_record,
    item_record,
    results,
    row_of,
)
from transform_lambda import handler as module
from transform_lambda.configuration import Configuration
from transform_lambda.flatten import RowSettings
from transform_lambda.handler import handler

# A function that returns the answers to these payloads.
Ask = Callable[..., list[Json]]

GOOD = change_record("INSERT", {"pk": {"S": "a"}})


def logged(capsys: pytest.CaptureFixture[str]) -> Json:
    """The only summary line of one invocation."""
    [line] = capsys.readouterr().out.splitlines()
    read: Json = json.loads(line)
    return read


def test_every_record_is_answered_once_and_in_order() -> None:
    """Firehose matches answers by recordId: none may be missing or repeated."""
    payloads = [GOOD, b"not json", GOOD, b"", change_record("PUT"), GOOD]
    event = firehose_event(*payloads)
    answers = handler(event, None)["records"]
    assert [answer["recordId"] for answer in answers] == [record["recordId"] for record in event["records"]]
    failed = "ProcessingFailed"
    assert [answer["result"] for answer in answers] == ["Ok", failed, "Ok", failed, failed, "Ok"]


def test_answer_has_the_documented_shape() -> None:
    """recordId, result and, for a row, data in base64."""
    good, bad = handler(firehose_event(GOOD, b"?"), None)["records"]
    assert set(good) == {"recordId", "result", "data"}
    assert set(bad) == {"recordId", "result"}
    assert base64.b64decode(good["data"], validate=True).endswith(b"}\n")


def test_a_bad_record_does_not_change_the_rows_of_its_neighbours() -> None:
    """Only the bad record fails."""
    alone = handler(firehose_event(GOOD), None)["records"][0]["data"]
    answers = handler(firehose_event(b"\xff", GOOD, b"[" * 5_000, GOOD, change_record()), None)["records"]
    assert answers[1]["data"] == answers[3]["data"] == alone


def test_sequence_number_comes_from_the_kinesis_metadata() -> None:
    """With a Kinesis source, Firehose sends it beside the data. Without one the column is null."""
    for sequence, column in (("7", "7".zfill(129)), (None, None)):
        [answer] = handler(event_of([firehose_record(GOOD, 0, sequence)]), None)["records"]
        assert json.loads(base64.b64decode(answer["data"]))["change_sequence"] == column


@pytest.mark.parametrize(
    "metadata", [None, {}, [], "x", {"sequenceNumber": None}, {"sequenceNumber": {"deep": 1}}]
)
def test_invalid_kinesis_metadata_is_treated_as_missing(metadata: Any) -> None:
    """The row does not depend on optional parts of the envelope."""
    record = firehose_record(GOOD) | {"kinesisRecordMetadata": metadata}
    [answer] = handler(event_of([record]), None)["records"]
    assert answer["result"] == "Ok"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda _: None,
        lambda _: 1,
        lambda data: [data],
        lambda data: data + "\n",
        lambda data: "?" + data,
        lambda data: "é" + data,
        lambda data: data + "===",
        lambda data: data.rstrip("="),
    ],
)
def test_data_that_is_not_base64_text_fails(
    spoilt: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The data must be standard base64 completely. Skipping invalid characters could produce a wrong row."""
    record = firehose_record(change_record(eventID="a"))
    assert record["data"].endswith("=")
    [answer] = handler(event_of([record | {"data": spoilt(record["data"])}]), None)["records"]
    assert answer == {"recordId": record["recordId"], "result": "ProcessingFailed"}
    assert logged(capsys)["reasons"] == {"EnvelopeError": 1}


def test_record_without_data_fails() -> None:
    """There is nothing to transform, but the id must be answered."""
    assert handler(event_of([{"recordId": "1"}]), None)["records"] == [
        {"recordId": "1", "result": "ProcessingFailed"}
    ]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "x",
        1,
        {},
        {"records": None},
        {"records": {}},
        {"records": "x"},
        {"Records": []},
        {"key1": "v"},
    ],
)
def test_event_without_records_gets_an_empty_answer(event: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Firehose always sends records. Another event has no id to answer; the log has a warning."""
    assert handler(event, None) == {"records": []}
    assert logged(capsys)["reasons"] == {"EventShapeError": 1}


DAILY = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "111111111111",
    "time": "2026-11-20T09:15:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:111111111111:rule/ddb-lake-TransformFunctionDailyRule"],
    "detail": {},
}


def test_the_daily_call_is_answered_at_once_and_writes_no_log_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The call keeps the function Active. A daily empty summary would only hide the real ones."""
    monkeypatch.delattr(module, "_answers")
    assert handler(DAILY, None) == {"records": []}
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize(
    "event",
    [
        DAILY | {"source": "aws.glue"},
        DAILY | {"detail-type": "Glue Job State Change"},
        {"source": "aws.events"},
        {"detail-type": "Scheduled Event"},
    ],
)
def test_another_event_is_not_the_daily_call(event: Json, capsys: pytest.CaptureFixture[str]) -> None:
    """Every other call without records is logged."""
    assert handler(event, None) == {"records": []}
    assert logged(capsys)["reasons"] == {"EventShapeError": 1}


def test_records_are_answered_even_in_an_event_like_the_daily_call() -> None:
    """Treating a batch as the daily call would lose the batch."""
    answers = handler(firehose_event(GOOD) | {"source": "aws.events", "detail-type": "Scheduled Event"}, None)
    assert [answer["result"] for answer in answers["records"]] == ["Ok"]
    assert handler(DAILY | {"records": []}, None) == {"records": []}


def test_record_without_an_id_is_counted_and_its_neighbours_answered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A record without an id cannot be answered. Firehose never sends one."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    odd: list[Any] = [None, 1, "x", [], {}, {"recordId": None}, {"recordId": deep}, {"recordId": 10**5_000}]
    answers = handler(event_of([*odd, firehose_record(GOOD, 3), *odd]), None)["records"]
    assert [answer["recordId"] for answer in answers] == [f"{3:056d}"]
    assert logged(capsys) | {"milliseconds": 0} == {
        "level": "WARNING",
        "message": "transformed",
        "request_id": None,
        "records": 17,
        "ok": 1,
        "failed": 0,
        "unanswerable": 16,
        "reasons": {},
        "too_large": [],
        "milliseconds": 0,
    }


@pytest.mark.parametrize("record_id", [0, 7, -1, 1.5, "", 'quote"d', "é", "\ud800", "x" * 10_000])
def test_unusual_ids_are_returned_unchanged(record_id: Any) -> None:
    """The answer has the same id, for every scalar."""
    [answer] = handler(event_of([{"recordId": record_id, "data": "?"}]), None)["records"]
    assert answer == {"recordId": record_id, "result": "ProcessingFailed"}


def test_record_with_a_number_as_id_is_answered_as_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Firehose's ids are text. How it handles a number is unknown, but it keeps failed records."""
    [answer] = handler(event_of([firehose_record(GOOD) | {"recordId": 7}]), None)["records"]
    assert answer == {"recordId": 7, "result": "ProcessingFailed"}
    assert logged(capsys)["reasons"] == {"EnvelopeError": 1}


def test_repeated_ids_are_each_answered() -> None:
    """There is one answer per record, even if two records have the same id."""
    answers = handler(event_of([firehose_record(GOOD, 1), firehose_record(b"", 1)]), None)["records"]
    assert [answer["result"] for answer in answers] == ["Ok", "ProcessingFailed"]


def test_invocation_writes_one_summary_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It has counts, and reasons by class, so that an operator can set alarms on them."""
    context = SimpleNamespace(aws_request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd")
    handler(firehose_event(GOOD, b"", b"{}", b"{", GOOD), context)
    line = logged(capsys)
    assert line.pop("milliseconds") >= 0
    assert line == {
        "level": "WARNING",
        "message": "transformed",
        "request_id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "records": 5,
        "ok": 2,
        "failed": 3,
        "unanswerable": 0,
        "reasons": {"JsonError": 2, "ChangeShapeError": 1},
        "too_large": [],
    }


def test_summary_contains_the_duration_of_the_invocation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In milliseconds, to a tenth."""
    readings = [100.0, 100.25004]
    monkeypatch.setattr("transform_lambda.handler.time.perf_counter", lambda: readings.pop(0))
    handler(firehose_event(GOOD), None)
    assert logged(capsys)["milliseconds"] == 250.0


@pytest.mark.parametrize("context", [None, object(), SimpleNamespace(aws_request_id=object())])
def test_a_failed_log_line_does_not_fail_the_batch(context: object) -> None:
    """The line is left out, and the answer is the same."""
    assert len(handler(firehose_event(GOOD), context)["records"]) == 1


def test_closed_output_does_not_fail_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is true if nothing can be written at all."""

    def closed(*args: object, **kwargs: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(module, "print", closed, raising=False)
    assert len(handler(firehose_event(GOOD), None)["records"]) == 1


@pytest.mark.parametrize(
    ("log_level", "payload", "lines"),
    [
        ("DEBUG", GOOD, 1),
        ("INFO", GOOD, 1),
        ("INFO", b"", 1),
        ("WARNING", GOOD, 0),
        ("WARNING", b"", 1),
        ("ERROR", b"", 0),
    ],
)
def test_log_level_decides_which_lines_are_written(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    log_level: str,
    payload: Json | bytes,
    lines: int,
) -> None:
    """A clean invocation is INFO, one with a failed record WARNING."""
    monkeypatch.setattr(module, "CONFIGURATION", Configuration(log_level=log_level))
    handler(firehose_event(payload), None)
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_log_never_contains_a_payload_a_name_or_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    """Marker texts are in all parts of good and bad records. None of them is logged."""
    canary = "CANARY"
    event = firehose_event(
        item_record({canary: {"S": canary}, "pk": {"S": canary}}),
        item_record({canary: {canary: canary}}),
        item_record({"n": {"N": canary}}),
        item_record({"b": {"B": canary + "!"}}),
        change_record(canary),
        change_record(tableName=canary, eventID=canary, keys={canary: {"M": {}}}),
        change_record(change={"ApproximateCreationDateTime": canary}),
        canary.encode(),
        f'{{"{canary}":1,"{canary}":2}}'.encode(),
    )
    event["records"].append(
        {"recordId": canary, "data": canary + "!", "kinesisRecordMetadata": {canary: canary}}
    )
    event["invocationId"] = event["deliveryStreamArn"] = canary
    handler(event, None)
    captured = capsys.readouterr()
    assert canary not in captured.out + captured.err
    assert captured.err == ""


def test_depth_setting_reaches_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLATTEN_MAX_DEPTH limits the columns."""
    payload = item_record({"a": {"M": {"b": {"M": {"c": {"N": "1"}}}}}})
    assert row_of(payload)["a__b__c"] == 1
    monkeypatch.setattr(module, "CONFIGURATION", Configuration(RowSettings(max_depth=2)))
    assert row_of(payload)["a__b"] == {"c": 1}


EVENT_STREAM = "ddb-lake-event"
STREAM_ARN = "arn:aws:firehose:us-east-1:111111111111:deliverystream/"


def dated(time: Any, precision: str | None = "MICROSECOND") -> Json:
    """A change record with this time."""
    times = {"ApproximateCreationDateTime": time, "ApproximateCreationDateTimePrecision": precision}
    return change_record("INSERT", {"pk": {"S": "a"}}, change=times)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The answers to payloads from the delivery stream with this name."""
    monkeypatch.setattr(module, "CONFIGURATION", Configuration(event_stream_name=EVENT_STREAM))

    def answers(*payloads: Any, stream: str = EVENT_STREAM) -> list[Json]:
        return handler(firehose_event(*payloads) | {"deliveryStreamArn": STREAM_ARN + stream}, None)[
            "records"
        ]

    return answers


@pytest.mark.parametrize(
    ("time", "precision", "day"),
    [
        (1_767_225_599_999_999, "MICROSECOND", "2025-12-31"),
        (1_767_225_600_000_000, "MICROSECOND", "2026-01-01"),
        (1_767_225_600_000, "MILLISECOND", "2026-01-01"),
        (1_767_225_599, None, "2025-12-31"),
        (0, "MICROSECOND", "1970-01-01"),
        (253_402_300_799_999_999, "MICROSECOND", "9999-12-31"),
    ],
)
def test_partition_key_is_the_utc_day_of_the_change(
    ask: Ask, time: Any, precision: str | None, day: str
) -> None:
    """Text, yyyy-MM-dd, from the change's own time in any unit, correct to the microsecond at midnight."""
    [answer] = ask(dated(time, precision))
    assert answer["metadata"] == {"partitionKeys": {"dt": day}}
    assert json.loads(base64.b64decode(answer["data"]))["change_time"].startswith(day + "T")


def test_partition_key_is_not_taken_from_the_item(ask: Ask) -> None:
    """An item can have attributes that look like metadata. Only the change's own time counts."""
    fake = {"M": {"change_time": {"S": "1999-01-01T00:00:00.000000Z"}}}
    [answer] = ask(item_record({"a": {"L": [fake]}, "dt": {"S": "x"}, "change_time": {"S": "1999-01-01"}}))
    assert answer["metadata"] == {"partitionKeys": {"dt": "2022-04-14"}}


def test_failed_record_has_no_partition_key(ask: Ask) -> None:
    """It goes to the error prefix, for every day."""
    assert ask(b"?", dated("x")) == [
        {"recordId": f"{number:056d}", "result": "ProcessingFailed"} for number in range(2)
    ]


@pytest.mark.parametrize("stream", ["ddb-lake", "x-ddb-lake-event", "ddb-lake-event-2", ""])
def test_another_delivery_stream_gets_no_partition_keys(ask: Ask, stream: str) -> None:
    """While one delivery stream replaces another, both call the function, and each gets its own form."""
    [answer] = ask(GOOD, stream=stream)
    assert set(answer) == {"recordId", "result", "data"}


def test_without_the_setting_no_stream_gets_partition_keys() -> None:
    """The default answers have no metadata."""
    [answer] = handler(firehose_event(GOOD) | {"deliveryStreamArn": STREAM_ARN}, None)["records"]
    assert set(answer) == {"recordId", "result", "data"}


@pytest.mark.usefixtures("ask")
@pytest.mark.parametrize("arn", [None, 1, [], {}])
def test_invalid_delivery_stream_arn_gets_no_partition_keys(arn: Any) -> None:
    """The record is answered for every content of the envelope."""
    [answer] = handler(firehose_event(GOOD) | {"deliveryStreamArn": arn}, None)["records"]
    assert set(answer) == {"recordId", "result", "data"}


def test_an_unexpected_error_fails_only_one_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function never raises: Firehose would retry the batch and then fail all of it."""

    def broken(*args: object) -> None:
        raise ZeroDivisionError("CANARY")

    monkeypatch.setattr(module, "transform", broken)
    assert results(GOOD, GOOD) == ["ProcessingFailed"] * 2
    line = capsys.readouterr().out
    assert json.loads(line)["reasons"] == {"ZeroDivisionError": 2}
    assert "CANARY" not in line
