"""Put records back into the Kinesis stream of the table, at least once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scripts.core.answers import count
from scripts.core.console import CommandError

# Kinesis Data Streams API Reference, "PutRecords": up to 500 records in a request. The limit of a request was
# 5 MiB with the partition keys and is higher today, so this size is accepted by every stream.
REQUEST_RECORDS = 500
REQUEST_BYTES = 5 * 1024 * 1024
ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds

Entry = dict[str, Any]


class StreamRecords:
    """The stream of one table. `sleep` waits for some seconds."""

    def __init__(self, kinesis: Any, stream: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._kinesis, self.stream, self._sleep = kinesis, stream, sleep

    def send(self, records: Sequence[bytes]) -> None:
        """Put all records into the stream. Some may be there twice after an error.

        A request can succeed for some records only; the others are sent again (same page).

        Raises CommandError if the stream does not take a record for about a minute.
        """
        for entries in _requests(records):
            waiting, code = entries, ""
            for attempt in range(ATTEMPTS):
                if attempt:
                    self._sleep(min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE))
                answer = self._kinesis.put_records(StreamName=self.stream, Records=waiting)
                failed = [
                    (entry, result["ErrorCode"])
                    for entry, result in zip(waiting, answer["Records"], strict=True)
                    if result.get("ErrorCode")
                ]
                waiting = [entry for entry, _ in failed]
                if not waiting:
                    break
                code = failed[0][1]
            else:
                raise CommandError(
                    f"stream {self.stream} did not take {count(len(waiting), 'record')}: {code}",
                    "Run the command again when the stream has room. Records that it has already are sent "
                    "twice then, and the lake counts each change once.",
                )


def _requests(records: Sequence[bytes]) -> Iterator[list[Entry]]:
    """The records in requests of an allowed size. Equal records have equal partition keys."""
    request: list[Entry] = []
    size = 0
    for record in records:
        entry = {"Data": record, "PartitionKey": hashlib.sha256(record).hexdigest()[:32]}
        length = len(record) + 32
        if request and (len(request) == REQUEST_RECORDS or size + length > REQUEST_BYTES):
            yield request
            request, size = [], 0
        request.append(entry)
        size += length
    if request:
        yield request
