"""Write the items into the table: within a budget, and only those that are not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scripts.core.console import CommandError
from scripts.core.restoring.checking import write_units
from scripts.put_items.errors import CommandError as PutError
from scripts.put_items.explain import explained
from scripts.put_items.progress import Progress
from scripts.put_items.table import Table
from scripts.put_items.values import Item
from scripts.put_items.writing import Writer
from transform_lambda.canonical import image_digest

WORKERS = 4
_BURST_SECONDS = 1.0  # of unused budget that may be spent later
_KEYS, _BYTES = 100, 4 * 1024 * 1024  # API_BatchGetItem: 100 items; it answers at most 16 MB
_ATTEMPTS = 12


@dataclass(frozen=True)
class Written:
    """The result: items written, items that were in the table already, and items sent again."""

    items: int
    already: int
    retried: int


def write(
    client: Any,
    table: Table,
    items: Iterable[tuple[Item, int]],
    total: int,
    budget: int | None,
    *,
    resume: bool,
) -> Written:
    """Write items, at most `budget` write units a second.

    :param total: the number of items, for the progress
    :param resume: whether the table may have some of them
    :raises CommandError: DynamoDB refuses or throttles the writes
    """
    missing = Missing(client, table, items) if resume else None
    waiting = items if missing is None else missing.items()
    writer, progress = Writer(client, table, WORKERS), Progress(total)
    try:
        writer.put(
            waiting if budget is None else paced(waiting, budget),
            lambda done: progress(done + (0 if missing is None else missing.found)),
        )
    except PutError as error:
        raise CommandError(
            error.message, "Wait, or lower --write-capacity. Then run the command again; it continues."
        ) from None
    except Exception as error:
        # a message of DynamoDB may quote an item; this one does not
        known = None if isinstance(error, CommandError) else explained(error)
        if known is None:
            raise
        raise CommandError(known.message, f"{known.next_step} The command continues.") from None
    finally:
        progress.close()
    return Written(writer.written, 0 if missing is None else missing.found, writer.retried)


def paced(
    items: Iterable[tuple[Item, int]],
    budget: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[Item, int]]:
    """The items, slowed down to `budget` write units a second."""
    due = clock()
    for item, size in items:
        now = clock()
        if due > now:
            sleep(due - now)
        due = max(due, now - _BURST_SECONDS) + write_units(size) / budget
        yield item, size


class Missing:
    """The items that the table does not have, or has with another state. `found` counts the others."""

    def __init__(
        self,
        client: Any,
        table: Table,
        items: Iterable[tuple[Item, int]],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._table, self._items, self._sleep = client, table, items, sleep
        self.found = 0

    def items(self) -> Iterator[tuple[Item, int]]:
        """The items to write."""
        batch: list[tuple[Item, int]] = []
        size = 0
        for entry in self._items:
            if batch and (len(batch) == _KEYS or size + entry[1] > _BYTES):
                yield from self._missing(batch)
                batch, size = [], 0
            batch.append(entry)
            size += entry[1]
        if batch:
            yield from self._missing(batch)

    def _missing(self, batch: list[tuple[Item, int]]) -> Iterator[tuple[Item, int]]:
        there = self._digests([{name: item[name] for name in self._table.keys} for item, _ in batch])
        for item, size in batch:
            if image_digest(item) in there:  # the digest covers the key
                self.found += 1
            else:
                yield item, size

    def _digests(self, keys: list[Item]) -> set[str | None]:
        """The digests of the items with these keys. A read that is late only writes an item again."""
        digests: set[str | None] = set()
        for attempt in range(_ATTEMPTS):
            answer = self._client.batch_get_item(RequestItems={self._table.name: {"Keys": keys}})
            for found in answer["Responses"].get(self._table.name, []):
                digests.add(image_digest(found))
            keys = answer.get("UnprocessedKeys", {}).get(self._table.name, {}).get("Keys", [])
            if not keys:
                return digests
            self._sleep(min(20.0, 0.05 * 2**attempt))
        return digests  # the others are written again
