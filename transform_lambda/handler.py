"""Firehose's envelope around the transformation: event in, answers out, one summary line in the log.

Contract: Firehose Developer Guide, "Required parameters for data transformation". Every recordId is
answered once and in order, with `Ok` or `ProcessingFailed`; `Dropped` counts as success there, so it would
be silent loss and is never used.
"""

import contextlib
import json
import os
import time
from collections import Counter
from typing import Any

import pybase64

from transform_lambda.batching import ResponseBudget, fits_alone
from transform_lambda.change import transform
from transform_lambda.configuration import Configuration
from transform_lambda.errors import EnvelopeError, RecordError, ResponseFullError, RowTooLargeError

CONFIGURATION = Configuration.from_environment(os.environ)


def handler(event: Any, context: Any) -> dict[str, list[dict[str, Any]]]:
    """Answer a Firehose transformation event; never raises.

    Firehose always sends `records`. Anything else (a console test event, say) has no id that could be
    answered, so the answer is an empty list, and the log says EventShapeError.
    """
    started = time.perf_counter()
    records = event.get("records") if isinstance(event, dict) else None
    reasons: Counter[str] = Counter()
    if not isinstance(records, list):
        reasons["EventShapeError"] += 1
        records = []
    answerable = [record for record in records if _has_id(record)]
    answers = _answers(answerable, reasons)
    with contextlib.suppress(Exception):  # a log line that cannot be written must not cost a batch
        _log(context, len(records), answers, reasons, started)
    return {"records": answers}


def _has_id(record: Any) -> bool:
    if not isinstance(record, dict) or "recordId" not in record:
        return False
    if isinstance(record["recordId"], str):
        return True
    try:
        json.dumps(record["recordId"])
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _answers(records: list[dict[str, Any]], reasons: Counter[str]) -> list[dict[str, Any]]:
    budget = ResponseBudget([record["recordId"] for record in records])
    answers = []
    for record in records:
        record_id = record["recordId"]
        try:
            data = _transformed(record)
            if not budget.take(len(data)):
                if fits_alone(record_id, len(data)):
                    raise ResponseFullError
                raise RowTooLargeError
        except Exception as error:  # noqa: BLE001 - whatever one record does, its neighbours are answered
            reasons[type(error).__name__] += 1
            answers.append({"recordId": record_id, "result": "ProcessingFailed"})
        else:
            answers.append({"recordId": record_id, "result": "Ok", "data": data})
    return answers


def _transformed(record: dict[str, Any]) -> str:
    """The base64 text of one record's row."""
    data = record.get("data")
    if type(data) is not str or type(record["recordId"]) is not str:
        raise EnvelopeError("data is not text")
    try:
        payload = pybase64.b64decode(data, validate=True)
    except ValueError:
        raise EnvelopeError("data is not base64") from None
    metadata = record.get("kinesisRecordMetadata")
    sequence = metadata.get("sequenceNumber") if type(metadata) is dict else None
    try:
        line = transform(payload, sequence, CONFIGURATION.flatten_max_depth)
    except RecursionError:
        raise RecordError("nested too deep") from None
    return pybase64.b64encode_as_string(line)


def _log(
    context: Any, received: int, answers: list[dict[str, Any]], reasons: Counter[str], started: float
) -> None:
    ok = sum(answer["result"] == "Ok" for answer in answers)
    level = "INFO" if ok == received and not reasons else "WARNING"
    if CONFIGURATION.log_level == "ERROR" or (CONFIGURATION.log_level == "WARNING" and level == "INFO"):
        return
    summary = {
        "level": level,
        "message": "transformed",
        "request_id": getattr(context, "aws_request_id", None),
        "records": received,
        "ok": ok,
        "failed": len(answers) - ok,
        "unanswerable": received - len(answers),
        "reasons": dict(sorted(reasons.items())),
        "milliseconds": round((time.perf_counter() - started) * 1000, 3),
    }
    print(json.dumps(summary), flush=True)
