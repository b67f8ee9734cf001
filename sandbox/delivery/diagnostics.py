"""Delivery errors for people: the developer guide's codes, and the log stream of the description.

Source: developer guide, "Monitor Amazon Data Firehose using CloudWatch Logs": a JSON event with
`deliveryStreamARN`, `destination`, `deliveryStreamVersionId`, `message`, `errorCode` and, for the function,
`processor`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.delivery.description import DeliveryStream

log = logging.getLogger("delivery")

MESSAGES = {
    "DynamicPartitioning.MetadataExtractionFailed": "partitionKeys values must not be null or empty",
    "DynamicPartitioning.ActivePartitionExceeded": (
        "The limit of active partitions of the delivery stream was exceeded."
    ),
    "Lambda.DuplicatedRecordId": (
        "Multiple records were returned with the same record ID. Ensure that the Lambda function returns "
        "unique record IDs for each record."
    ),
    "Lambda.FunctionError": "The Lambda function was successfully invoked but it returned an error result.",
    "Lambda.FunctionTimedOut": (
        "The Lambda function invocation timed out. Increase the Timeout setting in the Lambda function."
    ),
    "Lambda.InternalServerError": "The Lambda service could not be reached or failed.",
    "Lambda.InvokeAccessDenied": (
        "Access was denied. Ensure that the access policy allows access to the Lambda function."
    ),
    "Lambda.InvokeLimitExceeded": (
        "The Lambda invocation limit was exceeded. Increase the concurrent execution limit of the function."
    ),
    "Lambda.JsonProcessingException": (
        "There was an error parsing returned records from the Lambda function. Ensure that the returned "
        "records follow the status model that is required by Amazon Data Firehose."
    ),
    "Lambda.MissingRecordId": (
        "One or more record Ids were not returned. Ensure that the Lambda function returns all received "
        "record Ids."
    ),
    "Lambda.ProcessingFailedStatus": "ProcessingFailed status set for record",
    "Lambda.ResourceNotFound": (
        "The Lambda function does not exist. Use a different function that does exist."
    ),
}
_SERVICE_CODES = {
    "AccessDenied": "AccessDenied",
    "AccessDeniedException": "AccessDenied",
    "NoSuchBucket": "NoSuchBucket",
    "ResourceNotFoundException": "ResourceNotFound",
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
}


def error_code(service: str, error: Exception) -> str:
    """The code of a failed call, e.g. `S3.AccessDenied`."""
    if not isinstance(error, ClientError):
        return f"{service}.InternalError"
    code = str(error.response.get("Error", {}).get("Code", "InternalError"))
    if error.operation_name == "AssumeRole":
        return f"{service}.AssumeRoleAccessDenied"
    return f"{service}.{_SERVICE_CODES.get(code, code)}"


@dataclass
class Diagnostics:
    """Keeps the last error and logs each kind of error at most once in `quiet_seconds` to CloudWatch Logs.

    Messages come from services and this package; they never contain a payload.
    """

    stream: Callable[[], DeliveryStream]
    logs: Callable[[], Any]
    quiet_seconds: float
    failures: int = 0
    last: dict[str, Any] | None = None
    _told: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def failed(self, code: str, error: Exception | None = None) -> None:
        """Record a failure that will be retried."""
        message = MESSAGES.get(code, "") if error is None else str(error)
        now = time.time()
        with self._lock:
            self.failures += 1
            self.last = {"code": code, "message": message, "at": now}
            quiet = now - self._told.get(code, 0.0) < self.quiet_seconds
            if not quiet:
                self._told[code] = now
        if not quiet:
            log.warning("%s: %s: %s", self.stream().name, code, message)
            self._tell(code, message, now)

    def _tell(self, code: str, message: str, now: float) -> None:
        stream = self.stream()
        target = stream.destination.log
        if target is None:
            return
        event = {
            "deliveryStreamARN": stream.arn,
            "destination": stream.destination.arn,
            "deliveryStreamVersionId": int(stream.version),
            "message": message,
            "errorCode": code,
        }
        if code.startswith("Lambda.") and stream.processor:
            event["processor"] = stream.processor.function_arn
        try:
            self.logs().put_log_events(
                logGroupName=target.group,
                logStreamName=target.stream,
                logEvents=[{"timestamp": int(now * 1000), "message": json.dumps(event)}],
            )
        except (ClientError, BotoCoreError) as error:
            log.warning("%s: its log stream was not written: %s", stream.name, error)
