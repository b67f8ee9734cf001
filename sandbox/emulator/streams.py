"""Kinesis Data Streams with fast expiry, and readers authorised for the stream they read.

AWS facts
- A record is kept for the stream's retention period, counted from its arrival (Kinesis developer guide,
  "Changing the data retention period"). Records are stored in order of arrival, so checking the first
  is enough; MiniStack copies all of them at every put and every read.
- GetRecords is authorised on the stream (service authorization reference, "Actions defined by Amazon Kinesis
  Data Streams"), which its iterator contains; MiniStack uses only a StreamARN in the request.
"""

import json
import time
from typing import Any

from sandbox.emulator.seam import Seam

EXPIRE_RECORDS = Seam("services.kinesis", "_expire_records", "9f3968926430b696")
EXPIRE_ITERATORS = Seam("services.kinesis", "_expire_iterators", "283783a2fb44a733")
RESOURCE_ARN = Seam("core.iam_actions", "extract_resource_arn", "82f51700695c62fd")
SEAMS = (EXPIRE_RECORDS, EXPIRE_ITERATORS, RESOURCE_ARN)
_ITERATOR_SWEEP_SECONDS = 10.0
_BODY = 3  # of extract_resource_arn's arguments after the service: method, path, headers, body, …


def expire_records(stream: dict[str, Any], now: float | None = None) -> None:
    """Drop records of a stream that are older than its retention at `now` (epoch seconds)."""
    cutoff = (time.time() if now is None else now) - stream["RetentionPeriodHours"] * 3600
    for shard in stream["shards"].values():
        records = shard["records"]
        if records and records[0]["ApproximateArrivalTimestamp"] < cutoff:
            shard["records"] = [kept for kept in records if kept["ApproximateArrivalTimestamp"] >= cutoff]


def install() -> None:
    """Expire records only in streams that have old ones, and find the stream of an iterator."""
    expire_iterators = EXPIRE_ITERATORS.check()
    swept = 0.0

    def sweep_iterators() -> None:
        nonlocal swept
        if time.monotonic() - swept > _ITERATOR_SWEEP_SECONDS:
            swept = time.monotonic()
            expire_iterators()

    EXPIRE_RECORDS.replace(expire_records)
    EXPIRE_ITERATORS.replace(sweep_iterators)
    resource_arn = RESOURCE_ARN.check()

    def arn_of_request(service: str, *request: Any) -> Any:
        found = resource_arn(service, *request)
        if service != "kinesis" or found != "*":
            return found
        from ministack.services import kinesis  # noqa: PLC0415  only the emulator process loads MiniStack

        try:
            content = json.loads(request[_BODY] or b"{}")
        except ValueError:
            return found
        iterator = content.get("ShardIterator") if isinstance(content, dict) else None
        return (kinesis._shard_iterators.get(iterator) or {}).get("stream_arn") or found

    RESOURCE_ARN.replace(arn_of_request)
