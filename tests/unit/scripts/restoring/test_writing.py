"""Items are written within the budget, those that are there already are not, and errors say how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scripts.core.console import CommandError
from scripts.core.restoring import writing
from scripts.core.restoring.writing import Missing, paced, write
from scripts.put_items.table import Table
from scripts.put_items.values import Item
from tests.unit.scripts.edge import refused
from tests.unit.scripts.put_items.fake_table import FakeTable
from tests.unit.scripts.restoring.fake_dynamodb import FakeDynamoDb

TABLE = Table("copy", "1" * 12, "eu-west-1", {"pk": "HASH"}, {"pk": "S"})


def items(number: int, size: int = 100) -> list[tuple[Item, int]]:
    """Items with their sizes."""
    return [({"pk": {"S": f"{n:04d}"}, "b": {"B": bytes([n % 256])}}, size) for n in range(number)]


def client(*there: Item) -> FakeDynamoDb:
    """A table that has some items."""
    made = FakeDynamoDb()
    made.add("copy")
    for item in there:
        made.batch_write_item({"copy": [{"PutRequest": {"Item": item}}]})
    made.calls.clear()
    return made


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds


@pytest.mark.parametrize(("size", "units"), [(1, 1), (1024, 1), (1025, 2), (10 * 1024, 10)])
def test_budget_limits_the_write_units_of_a_second(size: int, units: int) -> None:
    """A write takes one unit per started KB."""
    clock = Clock()
    assert len(list(paced(items(101, size), 10, clock, clock.sleep))) == 101
    assert clock.now == pytest.approx(100 * units / 10)


def test_unused_budget_of_more_than_a_second_is_lost() -> None:
    """A pause is not followed by a burst."""
    clock = Clock()

    def late() -> Iterator[tuple[Item, int]]:
        yield from items(1)
        clock.sleep(3600)
        yield from items(100)

    list(paced(late(), 10, clock, clock.sleep))
    assert clock.now - 3600 == pytest.approx(100 / 10 - 1, abs=0.2)


def test_only_missing_and_different_items_are_written() -> None:
    """An equal item is left as it is, also if DynamoDB answers a part of the reads later."""
    all_items = items(250)
    different: Item = {"pk": {"S": "0008"}, "b": {"B": b"other"}}
    made = client(*(item for item, _ in all_items[1:200:2]), different)
    made.unprocessed_reads = 2
    missing = Missing(made, TABLE, all_items, lambda _: None)
    left = {item["pk"]["S"] for item, _ in missing.items()}
    assert missing.found == 100
    assert left == {f"{n:04d}" for n in range(250) if n % 2 == 0 or n >= 200}


def test_large_items_are_read_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer has at most 16 MB, and memory is bounded."""
    monkeypatch.setattr(writing, "_BYTES", 1_000)
    made = client()
    assert len(list(Missing(made, TABLE, items(50, 300), lambda _: None).items())) == 50
    assert made.calls.count("batch_get_item") == -(-50 // 3)


@pytest.mark.parametrize("resume", [False, True])
def test_everything_is_written_once(resume: bool) -> None:
    """A first run reads nothing; a run that continues writes the rest."""
    all_items = items(60)
    made = client(*(item for item, _ in all_items[:20])) if resume else client()
    done = write(made, TABLE, all_items, 60, None, resume=resume)
    assert (done.items, done.already) == ((40, 20) if resume else (60, 0))
    assert made.calls.count("put") == done.items
    assert len(made.items["copy"]) == 60
    assert ("batch_get_item" in made.calls) == resume


def test_error_of_dynamodb_says_that_the_command_continues() -> None:
    """The message of a refused write does not show the item that DynamoDB quotes."""
    quoting = FakeTable(error=refused("ValidationException", "secret value", "BatchWriteItem"))
    with pytest.raises(CommandError) as error:
        write(quoting, TABLE, items(3), 3, None, resume=False)
    assert "secret" not in error.value.message + error.value.next_step
    assert "continues" in error.value.next_step


def test_throttling_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some attempts without a write."""
    monkeypatch.setattr("scripts.put_items.writing.random.uniform", lambda *_: 0.0)
    throttled: Any = FakeTable(error=refused("ThrottlingException"))
    with pytest.raises(CommandError, match="is throttled") as error:
        write(throttled, TABLE, items(3), 3, None, resume=False)
    assert "it continues" in error.value.next_step
