"""`python -m tests.soak.reconciliation`: reconcile generated sides of any size, and measure its memory.

The code is that of `scripts.reconcile` below the clients. The table's items and the lake's rows are generated
while they are read, so the process has nothing of them but what reconcile keeps. Every n-th key differs or
changes meanwhile; the exit code is 1 if the result is not exactly these keys, or if the memory is too much.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import orjson

from scripts.core.athena import Workgroup
from scripts.core.console import Output
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.reconciling.looks import Looking
from scripts.core.reconciling.table_reads import Budget, TableReader
from scripts.core.source_stream import Clock
from tests.soak.memory import peak_megabytes
from transform_lambda.canonical import canonical_json, image_digest

TABLE = "orders"
START = datetime(2026, 11, 20, 10, tzinfo=UTC)
BEFORE, LATER = "2026-11-20T09:00:00.000000Z", "2026-11-20T10:00:30.000000Z"
PAGE = 1000  # items
CASES = ("missing", "stale", "extra", "changed")
Item = dict[str, Any]


@dataclass
class Sides:
    """`items` numbered keys. Of those that `every` divides, each in turn is another one of the cases.

    A `changed` key has a newer change in the lake than the scan, which a second read of the table shows.
    """

    items: int
    every: int
    moment: datetime = START
    kinds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CASES, 0))

    def case(self, number: int) -> str | None:
        """What is wrong with a key."""
        return CASES[number // self.every % len(CASES)] if number % self.every == 0 else None

    def key(self, number: int) -> str:
        """The `change_key`."""
        return canonical_json({"pk": {"S": f"customer-{number:012d}"}}).decode()

    def item(self, number: int, version: int = 1) -> Item:
        """The item, of about 250 bytes."""
        return {
            "pk": {"S": f"customer-{number:012d}"},
            "version": {"N": str(version)},
            "note": {"S": "x" * 180},
        }

    # ── DynamoDB ──

    def _answer(self, **response: Any) -> dict[str, Any]:
        headers = {"date": format_datetime(self.moment, usegmt=True)}
        return response | {"ResponseMetadata": {"HTTPHeaders": headers}}

    def describe_table(self, TableName: str) -> dict[str, Any]:
        """The table."""
        del TableName
        return self._answer(Table={"KeySchema": [{"AttributeName": "pk"}], "ItemCount": self.items})

    def scan(self, **request: Any) -> dict[str, Any]:
        """A page of the items."""
        first = int(request.get("ExclusiveStartKey", {}).get("number", 0))
        last = min(first + PAGE, self.items)
        page = [self.item(number) for number in range(first, last) if self.case(number) != "extra"]
        more = {"LastEvaluatedKey": {"number": last}} if last < self.items else {}
        return self._answer(Items=page, ConsumedCapacity={"CapacityUnits": 60.0}, **more)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """The items as they are later."""
        numbers = [int(key["pk"]["S"][9:]) for key in request["RequestItems"][TABLE]["Keys"]]
        found = [self.item(number, 2 if self.case(number) == "changed" else 1) for number in numbers]
        return self._answer(
            Responses={TABLE: found}, UnprocessedKeys={}, ConsumedCapacity=[{"CapacityUnits": 1.0}]
        )

    # ── Athena ──

    def stream(self, sql: str, _database: str) -> Iterator[list[str]]:
        """The rows of the queries that reconcile makes."""
        if "change_time, change_type\nFROM ranked" in sql:
            named = re.findall(r'customer-(\d{12})"', sql)
            for number in map(int, named) if named else range(self.items):
                version = {"missing": 0, "stale": 5, "changed": 2}.get(self.case(number) or "", 1)
                if version:
                    digest = image_digest(self.item(number, version)) or ""
                    time_text = LATER if self.case(number) == "changed" else BEFORE
                    yield [self.key(number), digest, time_text, "MODIFY"]
            return
        for number in range(self.items):
            version = {"missing": 0, "stale": 5, "changed": 2}.get(self.case(number) or "", 1)
            if version:
                yield [self.key(number), image_digest(self.item(number, version)) or ""]

    def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.moment += timedelta(seconds=seconds)


def compare(items: int, every: int, folder: Path, out: Output) -> dict[str, Any]:
    """Reconcile, check the result, and measure. Raises AssertionError if the result is wrong."""
    sides, began = Sides(items, every), time.monotonic()
    table = TableReader(sides, TABLE, Budget(1e9, sleep=sides.sleep))
    lake = LakeReader(cast("Workgroup", sides), "ddb_lake", TABLE)
    clock = Clock(1.0, lambda: sides.moment, sides.sleep)
    looking = Looking(table, lake, clock, 60.0, folder, out)
    found = looking.differences()
    changing = looking.compare_scan(found.add, lambda _: None)
    expected = dict.fromkeys(CASES, 0)
    for number in range(0, items, every):
        expected[str(sides.case(number))] += 1
    changed = expected.pop("changed")
    wrong = 0
    for difference in found:
        number = int(orjson.loads(difference.key)["pk"]["S"][9:])
        wrong += sides.case(number) != difference.kind
    if found.counts != expected or wrong or changing.rows:
        raise AssertionError(
            f"{found.counts} instead of {expected}, {wrong} wrong, {changing.rows} undecided"
        )
    return {
        "items": items,
        "differences": expected,
        "changed_meanwhile": changed,
        "seconds": round(time.monotonic() - began, 1),
        "peak_megabytes": peak_megabytes(),
        "disk_megabytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 2**20,
    }


def main() -> int:
    """Run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.reconciliation", description=__doc__)
    parser.add_argument("--items", type=int, default=10_000_000, help="default: %(default)s")
    parser.add_argument("--every", type=int, default=100_000, help="every n-th key differs or changes")
    parser.add_argument("--memory", type=int, default=1000, metavar="MB", help="default: %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ddb-lake-soak-") as folder:
        result = compare(args.items, args.every, Path(folder), Output())
    print(json.dumps(result, indent=2))
    if result["peak_megabytes"] >= args.memory:
        print(f"error: {result['peak_megabytes']} MB, not below {args.memory} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
