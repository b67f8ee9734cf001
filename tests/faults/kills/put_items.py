"""`python -m scripts.put_items --file`: a file's items, in parallel batches, into a table that throttles."""

from __future__ import annotations

import itertools
import threading
from typing import Any

from scripts.put_items import command
from scripts.put_items.reading.dialect import Dialect
from scripts.put_items.reading.source import Source
from scripts.put_items.table import Table
from scripts.put_items.writing import Writer
from tests.faults.kills.disk import Disk, Points

ITEMS, KEYS = 240, 12  # each key is in the file twenty times; its last version must be in the table
TABLE = Table("orders", "111111111111", "eu-west-1", {"pk": "HASH"}, {"pk": "S"})


class _Client:
    """BatchWriteItem: not atomic, and every third request leaves some items unprocessed."""

    def __init__(self, disk: Disk, points: Points) -> None:
        self._items, self._disk, self._points = disk.folder("table"), disk, points
        self._requests = itertools.count(1)
        self._lock = threading.Lock()

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """Put the items one by one."""
        [requests] = RequestItems.values()
        with self._lock:
            number = next(self._requests)
            self._points.at("before the first batch" if number == 1 else "before a batch")
            taken = requests if number % 3 else requests[: len(requests) // 2 + 1]
            for place, request in enumerate(taken):
                item = request["PutRequest"]["Item"]
                self._items[item["pk"]["S"]] = item["n"]["N"].encode()
                self._disk.note(f"put {item['pk']['S']}")
                if place == len(taken) // 2:
                    self._points.at("within a batch")
            left = requests[len(taken) :]
            self._points.at("after a throttled batch" if left else "after a batch")
        return {"UnprocessedItems": {"orders": left} if left else {}}


class _Writer(Writer):
    """Waits for nothing."""

    def __init__(self, client: Any, table: Table, workers: int) -> None:
        super().__init__(client, table, workers, sleep=lambda _: None)


class PutItems:
    """The table has the last version of each key of the file."""

    name = "put_items"

    def prepare(self, disk: Disk) -> None:
        """The file."""
        disk.folder("table")
        lines = "".join(f'{{"pk": "k{n % KEYS}", "n": {n}}}\n' for n in range(ITEMS))
        (disk.root / "items.json").write_text(lines, encoding="utf-8")

    def run(self, disk: Disk, points: Points) -> int:
        """The command's work on the file."""
        ports: Any = command
        ports.Writer = _Writer
        file = disk.root / "items.json"
        points.at("before the file is read")
        source = Source(file, TABLE, {}, None, Dialect(None, None), plain=False)
        report = command.put_file(_Client(disk, points), TABLE, source, 2, dry_run=False)
        points.at("after the last batch")
        return 0 if report["written"] == ITEMS else 1

    def state(self, disk: Disk) -> Any:
        """The table."""
        found = dict(disk.folder("table"))
        right = {f"k{n % KEYS}": str(n).encode() for n in range(ITEMS)}
        wrong = sorted(key for key in right if found.get(key) != right[key])
        assert not wrong, f"{len(wrong)} keys do not have their last version, such as {wrong[0]}"
        return found
