"""Reading the Kinesis stream: every shard from the delivery stream's start, parents before children."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.delivery.description import DeliveryStream
from sandbox.delivery.processor import Record
from sandbox.delivery.progress import ShardProgress
from sandbox.delivery.waiting import Backoff

# Kinesis quotas: GetRecords returns at most 10,000 records or 10 MB.
READ_LIMIT = 10_000


def list_shards(client: Any, stream_arn: str) -> list[dict[str, Any]]:
    """All shards of the stream, open and closed."""
    shards: list[dict[str, Any]] = []
    arguments: dict[str, Any] = {"StreamARN": stream_arn}
    while True:
        answer = client.list_shards(**arguments)
        shards += answer["Shards"]
        if not answer.get("NextToken"):
            return shards
        arguments = {"StreamARN": stream_arn, "NextToken": answer["NextToken"]}


def parents(shard: dict[str, Any]) -> list[str]:
    """The parent shards of this one."""
    return [shard[key] for key in ("ParentShardId", "AdjacentParentShardId") if shard.get(key)]


class ShardReader:
    """The records of one shard in order; a failed call is repeated until it succeeds or delivery stops."""

    def __init__(
        self,
        *,
        client: Callable[[], Any],
        stream: DeliveryStream,
        progress: ShardProgress,
        backoff: Backoff,
        failed: Callable[[Exception], None],
        stopping: threading.Event,
    ) -> None:
        self._client = client
        self._stream = stream
        self._progress = progress
        self._backoff = backoff
        self._failed = failed
        self._stopping = stopping
        self._iterator: str | None = None

    def _open(self) -> str:
        position: dict[str, Any] = {
            "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": self._stream.started,
        }
        if self._progress.last_read:
            position = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": self._progress.last_read,
            }
        answer = self._client().get_shard_iterator(
            StreamARN=self._stream.source_arn, ShardId=self._progress.shard_id, **position
        )
        iterator: str = answer["ShardIterator"]
        return iterator

    def reads(self) -> Iterator[tuple[list[Record], float, bool]]:
        """Yields (records, time of the read, whether it reached the end) until the shard closes.

        A failed read yields no records, so that records already read do not wait.
        """
        while not self._stopping.is_set():
            asked_at = time.time()
            try:
                if self._iterator is None:
                    self._iterator = self._open()
                answer = self._client().get_records(
                    StreamARN=self._stream.source_arn, ShardIterator=self._iterator, Limit=READ_LIMIT
                )
            except (ClientError, BotoCoreError) as error:
                self._iterator = None  # a new iterator continues after the last record
                if _code(error) != "ExpiredIteratorException":
                    self._failed(error)
                    self._backoff.wait(self._stopping)
                yield [], asked_at, False
                continue
            self._backoff.reset()
            self._iterator = answer.get("NextShardIterator")
            records = [
                Record(
                    record["SequenceNumber"],
                    int(record["ApproximateArrivalTimestamp"].timestamp() * 1000),
                    record["PartitionKey"],
                    record["Data"],
                )
                for record in answer["Records"]
            ]
            yield records, asked_at, not answer.get("MillisBehindLatest")
            if self._iterator is None:
                return


def _code(error: Exception) -> str:
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
