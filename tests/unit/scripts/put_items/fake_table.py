"""A table in memory, for what writes through BatchWriteItem."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from scripts.put_items.values import Item


class FakeTable:
    """BatchWriteItem on a dictionary: refuses what AWS refuses, leaves unprocessed what it is told to."""

    def __init__(
        self, unprocessed: Callable[[int], int] = lambda _: 0, error: ClientError | None = None
    ) -> None:
        self.items: dict[str, Item] = {}
        self.history: list[tuple[str, str]] = []
        self.batches: list[int] = []
        self._unprocessed, self._error = unprocessed, error
        self._lock = threading.Lock()

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """Put what is processed; the rest comes back."""
        ((_, requests),) = RequestItems.items()
        with self._lock:
            self.batches.append(len(requests))
            if self._error:
                raise self._error
            keys = [request["PutRequest"]["Item"]["pk"]["S"] for request in requests]
            assert len(keys) <= 25
            assert len(set(keys)) == len(keys), "Provided list of item keys contains duplicates"
            left = self._unprocessed(len(requests))
            for request in requests[: len(requests) - left]:
                item = request["PutRequest"]["Item"]
                self.items[item["pk"]["S"]] = item
                self.history.append((item["pk"]["S"], item["v"]["N"]))
            return {"UnprocessedItems": {"shop": requests[len(requests) - left :]} if left else {}}
