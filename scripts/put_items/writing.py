"""Write items into the table in parallel batches, and retry while DynamoDB throttles."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .errors import CommandError, error_code
from .table import Table
from .values import Item, key_of

BATCH_ITEMS = 25  # API_BatchWriteItem
# A request may have 16 MB; a control character is one byte stored and six on the wire (\u0000).
BATCH_BYTES = 2_500_000
ATTEMPTS_WITHOUT_PROGRESS = 12  # with the backoff below: about two minutes

THROTTLES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
    )
)


class Writer:
    """Puts items through BatchWriteItem, several batches at once.

    Items of one key go through one worker, one after another, and never into one batch. So the last of them
    in the file is the last in the table, and each of them is a separate change.
    """

    def __init__(
        self, client: Any, table: Table, workers: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client, self.table, self._sleep = client, table, sleep
        self._queues: list[queue.Queue[tuple[Any, Item, int] | None]] = [
            queue.Queue(maxsize=4 * BATCH_ITEMS) for _ in range(workers)
        ]
        self._threads = [threading.Thread(target=self._work, args=(q,), daemon=True) for q in self._queues]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.written = 0
        self.retried = 0
        self.failure: BaseException | None = None

    def put(self, items: Iterable[tuple[Item, int]], on_progress: Callable[[int], None]) -> None:
        """Put all items. Raises the first failing batch's exception after every worker has stopped."""
        for thread in self._threads:
            thread.start()
        try:
            for item, size in items:
                key = key_of(item, self.table)
                self._give(self._queues[hash(key) % len(self._queues)], (key, item, size))
                on_progress(self.written)
                if self._stop.is_set():
                    break
            for q in self._queues:
                self._give(q, None)
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(0.1)
                    on_progress(self.written)
        except BaseException:
            self._stop.set()
            for thread in self._threads:
                thread.join()
            raise
        if self.failure is not None:
            raise self.failure

    def _give(self, q: queue.Queue[Any], entry: Any) -> None:
        while not self._stop.is_set():
            try:
                q.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return

    def _work(self, q: queue.Queue[tuple[Any, Item, int] | None]) -> None:
        batch: dict[Any, Item] = {}
        total = 0
        try:
            while not self._stop.is_set():
                try:
                    entry = q.get(timeout=0.1)
                except queue.Empty:
                    continue
                if entry is None:
                    self._send(list(batch.values()))
                    return
                key, item, size = entry
                if key in batch or len(batch) == BATCH_ITEMS or total + size > BATCH_BYTES:
                    self._send(list(batch.values()))
                    batch, total = {}, 0
                batch[key] = item
                total += size
        except BaseException as error:  # noqa: BLE001  `put` raises it again
            with self._lock:
                self.failure = self.failure or error
            self._stop.set()

    def _send(self, items: list[Item]) -> None:
        """Write one batch, and send its unprocessed items again until all are written."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        requests: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        fruitless = 0
        while requests:
            try:
                answer = self._client.batch_write_item(RequestItems={self.table.name: requests})
                left = [r for rest in answer.get("UnprocessedItems", {}).values() for r in rest]
            except ClientError as error:
                if error_code(error) not in THROTTLES:
                    raise
                left = requests
            with self._lock:
                self.written += len(requests) - len(left)
                self.retried += len(left)
            fruitless = fruitless + 1 if len(left) == len(requests) else 0
            if fruitless == ATTEMPTS_WITHOUT_PROGRESS:
                raise CommandError(
                    f"table {self.table.name} is throttled: {fruitless} attempts wrote nothing",
                    "Raise its write capacity, switch it to on-demand, or wait. Then put the file again.",
                )
            requests = left
            if requests:
                # Exponential backoff with full jitter, as API_BatchWriteItem recommends.
                self._sleep(random.uniform(0, min(20.0, 0.05 * 2 ** (fruitless + 1))))  # noqa: S311  no secret
                if self._stop.is_set():
                    return
