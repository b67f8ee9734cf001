"""Firehose's envelope around the transformation: event in, answers out, one summary line in the log.

Contract: Firehose Developer Guide, "Required parameters for data transformation". Every recordId is
answered once and in order, with `Ok` or `ProcessingFailed`. Firehose counts `Dropped` as success, so a
dropped record would be lost silently; the function never uses it. A failed answer has no data, which leaves
more room for rows. AWS's CloudWatch Logs blueprint does the same, and its failed records were seen complete,
as rawData, under the error prefix (CloudSnorkel/CloudWatch2S3#9). The guide requires data for transformed
records and does not mention failed ones [unverified].

For the delivery stream named in the settings, each row has its change's own day as the partition key
`dt` (same guide, "Understand partitioning keys": `metadata.partitionKeys`, text by name).
"""

import contextlib
import gc
import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import pybase64

from transform_lambda.batching import PARTITION_KEYS_LENGTH, fits_alone, left_out
from transform_lambda.change import change_day, change_sequence, transform
from transform_lambda.configuration import Configuration
from transform_lambda.errors import EnvelopeError, ResponseFullError, RowTooLargeError

CONFIGURATION = Configuration.from_environment(os.environ)

# A batch creates hundreds of thousands of dicts and lists, without reference cycles. Reference counting frees
# them, so the collector would only walk through them (tests/unit/transform/test_runtime.py). By default it
# runs for every 700 (Python library, gc.set_threshold). Running it rarely saves 1 % of CPU time on batches of
# records of 1.75 KB, and 8 to 20 % on items with thousands of values (benchmarks/README.md).
COLLECTOR_THRESHOLD = 1_000_000
gc.freeze()  # the modules live as long as the process
gc.set_threshold(COLLECTOR_THRESHOLD)

# The log names the records that no retry and no replay can deliver, by sequence number: at most this many.
_NAMED_IN_LOG = 10


@dataclass(slots=True)
class _Summary:
    """The log line of one invocation: counts and reasons, never a payload, a name or a key."""

    records: int = 0
    ok: int = 0
    failed: int = 0
    unanswerable: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    too_large: list[str] = field(default_factory=list)
    milliseconds: float = 0.0


def handler(event: Any, context: Any) -> dict[str, list[dict[str, Any]]]:
    """Answer a Firehose transformation event; never raises.

    The stack's rule calls it once a day to keep it Active; this call is answered at once and not counted.
    Firehose always sends `records`, a list of objects with a `recordId`. A record without an id cannot be
    answered (Firehose would report Lambda.MissingRecordId), so the log only counts it. An event without
    `records`, such as a console test event, is answered with an empty list.
    """
    if _is_scheduled(event):
        return {"records": []}
    started = time.perf_counter()
    summary = _Summary()
    records = event.get("records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        summary.reasons["EventShapeError"] = 1
        records = []
    answerable = [record for record in records if _has_id(record)]
    summary.records, summary.unanswerable = len(records), len(records) - len(answerable)
    answers = _answers(answerable, summary, partitions=_partitions(event))
    summary.milliseconds = round((time.perf_counter() - started) * 1000, 1)
    with contextlib.suppress(Exception):  # a failed log line must not fail the batch
        _log(summary, context)
    return {"records": answers}


def _is_scheduled(event: Any) -> bool:
    """Whether the caller is an EventBridge schedule and not a delivery stream.

    Scheduled events have this shape (EventBridge user guide, "Creating a scheduled rule").
    Firehose always sends `records`.
    """
    return (
        isinstance(event, dict)
        and "records" not in event
        and event.get("source") == "aws.events"
        and event.get("detail-type") == "Scheduled Event"
    )


def _has_id(record: Any) -> bool:
    """Whether record can be answered: it has an id that the runtime can serialize."""
    record_id = record.get("recordId") if isinstance(record, dict) else None
    # Firehose only sends text. A number is returned unchanged.
    return isinstance(record_id, str) or (isinstance(record_id, int | float) and abs(record_id) < 2**63)


def _partitions(event: Any) -> bool:
    """Whether the calling delivery stream takes partition keys.

    The stream's name decides, not a switch: when one delivery stream replaces another, both call this
    function for a while.
    """
    caller = event.get("deliveryStreamArn") if isinstance(event, dict) else None
    name = CONFIGURATION.event_stream_name
    return bool(name) and isinstance(caller, str) and caller.endswith(f":deliverystream/{name}")


def _answers(records: list[dict[str, Any]], summary: _Summary, *, partitions: bool) -> list[dict[str, Any]]:
    rows: list[tuple[str, str] | None] = []
    for record in records:
        try:
            rows.append(_row_data(record))
        except Exception as error:  # noqa: BLE001 - one bad record must not fail the other records
            _count(error, record, summary)
            rows.append(None)
    record_ids = [record["recordId"] for record in records]
    more = PARTITION_KEYS_LENGTH if partitions else 0
    lengths = [None if row is None else len(row[0]) + more for row in rows]
    for position in sorted(left_out(record_ids, lengths)):
        alone = fits_alone(record_ids[position], lengths[position] or 0)
        _count(ResponseFullError() if alone else RowTooLargeError(), records[position], summary)
        rows[position] = None
    summary.failed = sum(row is None for row in rows)
    summary.ok = len(rows) - summary.failed
    return [
        _answer(record_id, row, partitions=partitions)
        for record_id, row in zip(record_ids, rows, strict=True)
    ]


def _answer(record_id: Any, row: tuple[str, str] | None, *, partitions: bool) -> dict[str, Any]:
    if row is None:
        return {"recordId": record_id, "result": "ProcessingFailed"}
    data, time = row
    answer = {"recordId": record_id, "result": "Ok", "data": data}
    if partitions:
        answer["metadata"] = {"partitionKeys": {"dt": change_day(time)}}
    return answer


def _row_data(record: dict[str, Any]) -> tuple[str, str]:
    """The base64 text of one record's row, and its change_time.

    :raises RecordError: the record is not a DynamoDB change record
    """
    data = record.get("data")
    if type(data) is not str or type(record["recordId"]) is not str:
        raise EnvelopeError("data or recordId is not text")
    try:
        payload = pybase64.b64decode(data, validate=True)
    except ValueError:
        raise EnvelopeError("data is not base64") from None
    line, time = transform(payload, _sequence(record), CONFIGURATION.rows)
    return pybase64.b64encode_as_string(line), time


def _sequence(record: dict[str, Any]) -> Any:
    metadata = record.get("kinesisRecordMetadata")
    return metadata.get("sequenceNumber") if type(metadata) is dict else None


def _count(error: Exception, record: dict[str, Any], summary: _Summary) -> None:
    reason = type(error).__name__
    summary.reasons[reason] = summary.reasons.get(reason, 0) + 1
    if isinstance(error, RowTooLargeError) and len(summary.too_large) < _NAMED_IN_LOG:
        sequence = change_sequence(_sequence(record))  # digits only: the log must not contain payload
        summary.too_large.append(sequence.lstrip("0") if sequence else "unknown")


def _log(summary: _Summary, context: Any) -> None:
    level = "INFO" if summary.ok == summary.records and not summary.reasons else "WARNING"
    if not CONFIGURATION.logs(level):
        return
    request = getattr(context, "aws_request_id", None)
    line = {"level": level, "message": "transformed", "request_id": request} | asdict(summary)
    print(json.dumps(line), flush=True)
