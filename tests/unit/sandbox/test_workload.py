"""The demo's writes: every type, every kind of change, and the same writes for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.demo import BATCH_ITEMS, _batches
from sandbox.workload import Delete, KeySchema, Put, Workload

SCHEMAS = [KeySchema(("pk", "S")), KeySchema(("State#Date", "B"), ("n", "N"))]


def types(value: dict[str, Any]) -> Iterator[str]:
    """The type tags of an attribute value and of all below it."""
    [(tag, content)] = value.items()
    yield tag
    below = content.values() if tag == "M" else content if tag == "L" else ()
    for inner in below:
        yield from types(inner)


def test_every_attribute_type_is_written() -> None:
    """DynamoDB has ten types."""
    written = {
        tag
        for write in Workload(SCHEMAS[0], items=50)
        if isinstance(write, Put)
        for value in write.item.values()
        for tag in types(value)
    }
    assert written == {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_items_are_inserted_then_updated_then_deleted(schema: KeySchema) -> None:
    """A third of the items gets a second revision, a tenth is deleted, and `writes` is their sum."""
    workload = Workload(schema, items=90)
    writes = list(workload)
    assert len(writes) == workload.writes == 90 + 30 + 9
    counted = Counter(repr(write.key) for write in writes if isinstance(write, Put))
    assert sorted(counted.values()) == [1] * 60 + [2] * 30
    assert all(repr(write.key) in counted for write in writes if isinstance(write, Delete))


def test_same_seed_gives_the_same_writes() -> None:
    """So that a run that finds a bug can be repeated."""
    first, again, other = (list(Workload(SCHEMAS[0], items=40, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_batch_has_no_key_twice() -> None:
    """BatchWriteItem rejects a batch that has, and one of more than 25."""
    workload = Workload(SCHEMAS[0], items=90)
    batches = list(_batches(workload))
    assert [write for batch in batches for write in batch] == list(Workload(SCHEMAS[0], items=90))
    assert max(map(len, batches)) <= BATCH_ITEMS
    assert all(len({repr(write.key) for write in batch}) == len(batch) for batch in batches)
