"""The shipped views on the sample of a run's items: every row of each of them, on the sandbox's engine."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sandbox.athena.engine.database import MEMORY_LIMIT, shared_database
from scripts.core.views import definitions
from tests.faults.changes import TABLE, Changes, digest, key_of
from tests.faults.oracle import Oracle
from tests.sql.lake import Lake

NAME: Final = "orders"
COLUMNS: Final = ("pk",)
MEMORY_MEGABYTES: Final = 250  # of DuckDB
_CURRENT: Final = f"SELECT pk, change_after FROM current_{NAME}"
_HISTORY: Final = f"SELECT pk, count(*), count(DISTINCT change_number) FROM history_{NAME} GROUP BY pk"
_GAPS: Final = f"SELECT change_key, broken_state FROM gaps_{NAME}"


@contextmanager
def limited_memory() -> Iterator[None]:
    """DuckDB with less memory, for runs side by side. Others of this process use the engine too."""
    engine = shared_database().cursor()
    engine.execute(f"SET GLOBAL memory_limit = '{MEMORY_MEGABYTES}MB'")
    try:
        yield
    finally:
        engine.execute(f"SET GLOBAL memory_limit = '{MEMORY_LIMIT}'")


def lake_of(objects: Iterable[tuple[str, str, bytes]]) -> Lake:
    """A lake in memory with these objects (day, name, body) and the shipped views."""
    lake = Lake(COLUMNS)
    for day, name, body in objects:
        lake.put_bytes(body, day=day, name=name)
    for view in definitions(NAME, TABLE, COLUMNS, {}, None):
        lake.run(view.statement)
    return lake


@limited_memory()
def check(changes: Changes, oracle: Oracle) -> dict[str, Any]:
    """Compare current, history and gaps with the changes of the sample's items."""
    bodies: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
    for day, name, line in oracle.sample:
        bodies[day, name].append(line)
    lake = lake_of((day, name, _packed(lines)) for (day, name), lines in bodies.items())
    items = {
        key_of(item): item for item in range(changes.items) if oracle.in_sample(item) and changes.last[item]
    }
    problems = oracle.problems
    current = lake.ask(_CURRENT)
    shown = {str(row[0]): row[1] for row in current}
    if len(shown) != len(current):
        problems.add("current view", "an item is shown twice")
    for key, item in items.items():
        right = digest(item, changes.state[item])
        if (shown.pop(key) if key in shown else "") != right:
            problems.add("current view", f"{key} is not shown as it is in the table", item)
    for key in shown:
        problems.add("current view", f"{key} is shown, and is not an item of the table")
    counted = {str(row[0]): (row[1], row[2]) for row in lake.ask(_HISTORY)}
    for key, item in items.items():
        right_count = str(len(changes.of_item(item)))
        if counted.get(key) != (right_count, right_count):
            problems.add(
                "history view", f"{key} has {counted.get(key)} changes and numbers, not {right_count}", item
            )
    for row in lake.ask(_GAPS):
        key = json.loads(str(row[0]))["pk"]["S"]
        problems.add("gaps view", f"a gap of {key} at state {row[1]}, and nothing is missing", items.get(key))
    return {"items": len(items), "rows": len(oracle.sample), "items_shown": len(current)}


def _packed(lines: list[bytes]) -> bytes:
    packer = zlib.compressobj(level=1, wbits=31)  # gzip
    return packer.compress(b"".join(line + b"\n" for line in lines)) + packer.flush()
