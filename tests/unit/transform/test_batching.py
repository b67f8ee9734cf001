"""The response never exceeds Lambda's limit, counted as the runtime serializes it."""

import json
from typing import Any

import pytest

from tests.unit.transform.records import (
    Json,
    change_record,
    event_of,
    firehose_event,
    firehose_record,
    item_record,
)
from transform_lambda import handler as module
from transform_lambda.batching import (
    PARTITION_KEYS_LENGTH,
    RESPONSE_LIMIT_BYTES,
    fits_alone,
    left_out,
)
from transform_lambda.configuration import Configuration
from transform_lambda.handler import handler

FAILED = "ProcessingFailed"


def size(response: Json) -> int:
    """Bytes of a response in the longer of the runtime's two forms."""
    text = json.dumps(response)
    assert len(text.encode()) >= len(json.dumps(response, ensure_ascii=False).encode())
    return len(text.encode())


def row_of_size(length: int) -> Json:
    """A record whose row has about this length."""
    return item_record({"pk": {"S": "x" * length}})


@pytest.mark.parametrize(
    "ids",
    [
        [],
        ["1"],
        ["1", "2"],
        [f"{number:056d}" for number in range(1_000)],
        ['"\\', "é", "\U0001f600", 7, 1.5],
    ],
)
def test_budget_is_exact(ids: list[Any]) -> None:
    """An answer with exactly the free bytes fits; with one byte more it is left out."""
    for spare in (0, 1):
        answers = [{"recordId": record_id, "result": FAILED} for record_id in ids]
        lengths: list[int | None] = [None] * len(ids)
        if ids:
            answers[0] = {"recordId": ids[0], "result": "Ok", "data": ""}
            length = RESPONSE_LIMIT_BYTES - size({"records": answers}) + spare
            lengths[0], answers[0]["data"] = length, "x" * length
            assert size({"records": answers}) == RESPONSE_LIMIT_BYTES + spare
        assert left_out(ids, lengths) == ({0} if ids and spare else set())


def test_longest_rows_are_left_out_first_and_no_more_than_needed() -> None:
    """The rule uses lengths only. Of equal rows the first is left out. A failed record has no length."""
    ids = ["1", "2", "3", "4", "5"]
    assert left_out(ids, [1_000_000] * 5) == set()
    assert left_out(ids, [1_000_000, 3_000_000, 1_000_000, 3_000_000, None]) == {1}
    assert left_out(ids, [5_000_000, 3_000_000, 6_000_000, 3_000_000, 100]) == {0, 2}
    assert left_out(ids, [None] * 5) == set()


def test_row_fits_alone_up_to_the_last_byte() -> None:
    """A response of one record is counted in the same way."""
    frame = size({"records": [{"recordId": "é", "result": "Ok", "data": ""}]})
    assert fits_alone("é", RESPONSE_LIMIT_BYTES - frame)
    assert not fits_alone("é", RESPONSE_LIMIT_BYTES - frame + 1)


def test_partition_keys_are_counted_to_the_last_byte() -> None:
    """An answer with a day is longer by exactly the number that the budget uses."""
    bare = {"recordId": "1", "result": "Ok", "data": "x"}
    dated = bare | {"metadata": {"partitionKeys": {"dt": "2026-11-20"}}}
    assert size(dated) - size(bare) == PARTITION_KEYS_LENGTH


@pytest.mark.parametrize("stream", ["", "ddb-lake"])
def test_response_is_filled_completely_with_and_without_partition_keys(
    monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    """With thousands of rows, whose days are counted too. The other rows are left for a replay."""
    monkeypatch.setattr(module, "CONFIGURATION", Configuration(event_stream_name=stream))
    record = firehose_record(row_of_size(300))
    answers = handler(event_of([record] * 8_000), None)["records"]
    assert {answer["result"] for answer in answers} == {"Ok", FAILED}
    assert RESPONSE_LIMIT_BYTES - size({"records": [answers[-1]]}) < size({"records": answers})
    assert size({"records": answers}) <= RESPONSE_LIMIT_BYTES


def test_rows_that_do_not_fit_fail_and_smaller_rows_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """A large record is left for a replay; a small one after it is delivered."""
    event = firehose_event(*[row_of_size(900_000)] * 6, change_record("INSERT", {"pk": {"S": "small"}}))
    response = handler(event, None)
    assert [answer["result"] for answer in response["records"]] == [FAILED] + ["Ok"] * 6
    assert size(response) <= RESPONSE_LIMIT_BYTES
    line = json.loads(capsys.readouterr().out)
    assert line["reasons"] == {"ResponseFullError": 1}
    assert line["too_large"] == []


def test_a_large_row_never_pushes_out_its_neighbours(capsys: pytest.CaptureFixture[str]) -> None:
    """In a batch that is too large, the longest row is left out, at any position."""
    small = [item_record({"pk": {"S": f"{number}"}, "note": {"S": "x" * 150}}) for number in range(2_500)]
    for position in (0, 1_250, 2_500):
        payloads = [*small[:position], row_of_size(3_500_000), *small[position:]]
        answers = handler(firehose_event(*payloads), None)["records"]
        assert [number for number, answer in enumerate(answers) if answer["result"] != "Ok"] == [position]
    capsys.readouterr()


def test_record_that_can_never_fit_has_its_own_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """No replay can deliver it. The log has its sequence number, to find it."""
    records = [firehose_record(row_of_size(5_000_000), 0, "0042"), firehose_record(row_of_size(10), 1)]
    response = handler(event_of(records), None)
    assert [answer["result"] for answer in response["records"]] == [FAILED, "Ok"]
    line = json.loads(capsys.readouterr().out)
    assert line["reasons"] == {"RowTooLargeError": 1}
    assert line["too_large"] == ["42"]


def test_log_names_a_few_of_the_records_that_can_never_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """The log stays one line. A record without a sequence number is `unknown`."""
    records = [firehose_record(row_of_size(5_000_000), number, None) for number in range(12)]
    response = handler(event_of([*records, firehose_record(row_of_size(10), 12)]), None)
    assert [answer["result"] for answer in response["records"]] == [FAILED] * 12 + ["Ok"]
    line = json.loads(capsys.readouterr().out)
    assert line["reasons"] == {"RowTooLargeError": 12}
    assert line["too_large"] == ["unknown"] * 10


@pytest.mark.parametrize("length", [1, 1_500, 60_000])
def test_response_to_the_largest_events_fits(length: int) -> None:
    """A request of 6 MB with records of any size, all of which become longer rows."""
    image = {"pk": {"S": "a"}, "m" * 200: {"M": {f"attribute{n}": {"N": "1"} for n in range(length // 50)}}}
    record = firehose_record(item_record(image))
    event = event_of([record] * (RESPONSE_LIMIT_BYTES // len(json.dumps(record))))
    response = handler(event, None)
    assert len(response["records"]) == len(event["records"])
    assert size(response) <= RESPONSE_LIMIT_BYTES
    assert any(answer["result"] == "Ok" for answer in response["records"])


def test_smallest_response_is_shorter_than_its_event() -> None:
    """All records failed, and they are the shortest records that Firehose can send."""
    event = event_of([{"recordId": "", "approximateArrivalTimestamp": 1_649_930_049_000, "data": ""}] * 1_000)
    response = handler(event, None)
    assert size(response) < len(json.dumps(event, separators=(",", ":")))
