"""Firehose's envelope around the transformation: event in, answers out, one summary line in the log.

Contract: Firehose Developer Guide, "Required parameters for data transformation". Every recordId is
answered once and in order, with `Ok` or `ProcessingFailed`. `Dropped` counts as success there, so it would
be silent loss and is never used. A failed answer carries no data, so that its bytes are left to the rows:
AWS's CloudWatch Logs blueprint answers that way, and the records it failed were seen whole, as rawData, under
the error prefix (CloudSnorkel/CloudWatch2S3#9). That page asks data of transformed records; of failed ones
it says nothing [unverified].

For the delivery stream named in the settings, each row carries its change's own day as the partition key
`dt` (same guide, "Understand partitioning keys": `metadata.partitionKeys`, text by name).
"""

import contextlib
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

# Records that no retry and no replay can deliver are named in the log, by sequence number: this many.
_NAMED_IN_LOG = 10


@dataclass(slots=True)
class _Summary:
    """What the log says of one invocation: counts and reasons, never a payload, a name or a key."""

    records: int = 0
    ok: int = 0
    failed: int = 0
    unanswerable: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    too_large: list[str] = field(default_factory=list)
    milliseconds: float = 0.0


def handler(event: Any, context: Any) -> dict[str, list[dict[str, Any]]]:
    """Answer a Firehose transformation event; never raises.

    The daily call of the stack's rule, which keeps the function Active, is answered at once and not counted.
    Firehose always sends `records`, a list of objects with a `recordId`. What has no id cannot be answered
    (Firehose would call it Lambda.MissingRecordId) and is only counted in the log; an event without
    `records`, a console test event say, is answered with an empty list.
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
    with contextlib.suppress(Exception):  # a log line that cannot be written must not cost a batch
        _log(summary, context)
    return {"records": answers}


def _is_scheduled(event: Any) -> bool:
    """Whether a schedule of EventBridge asks, and no delivery stream.

    The shape is that of a scheduled event (EventBridge user guide, "Creating a scheduled rule").
    Firehose always sends `records`.
    """
    return (
        isinstance(event, dict)
        and "records" not in event
        and event.get("source") == "aws.events"
        and event.get("detail-type") == "Scheduled Event"
    )


def _has_id(record: Any) -> bool:
    """Whether record can be answered: it has an id, and the runtime can serialize it."""
    record_id = record.get("recordId") if isinstance(record, dict) else None
    # Only text is ever sent; another scalar is given back as it came.
    return isinstance(record_id, str) or (isinstance(record_id, int | float) and abs(record_id) < 2**63)


def _partitions(event: Any) -> bool:
    """Whether the asking delivery stream takes partition keys.

    The name decides, not a switch: while one delivery stream succeeds another, both ask this function.
    """
    asking = event.get("deliveryStreamArn") if isinstance(event, dict) else None
    name = CONFIGURATION.event_stream_name
    return bool(name) and isinstance(asking, str) and asking.endswith(f":deliverystream/{name}")


def _answers(records: list[dict[str, Any]], summary: _Summary, *, partitions: bool) -> list[dict[str, Any]]:
    rows: list[tuple[str, str] | None] = []
    for record in records:
        try:
            rows.append(_row_data(record))
        except Exception as error:  # noqa: BLE001 - whatever one record does, its neighbours are answered
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
        sequence = change_sequence(_sequence(record))  # digits only, so nothing of the payload
        summary.too_large.append(sequence.lstrip("0") if sequence else "unknown")


def _log(summary: _Summary, context: Any) -> None:
    level = "INFO" if summary.ok == summary.records and not summary.reasons else "WARNING"
    if not CONFIGURATION.logs(level):
        return
    request = getattr(context, "aws_request_id", None)
    line = {"level": level, "message": "transformed", "request_id": request} | asdict(summary)
    print(json.dumps(line), flush=True)
