"""How items are written: batches, order, retries, and what is said when it does not go on."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from botocore.exceptions import ClientError

from scripts.put_items.errors import CommandError
from scripts.put_items.values import Item
from scripts.put_items.writing import ATTEMPTS_WITHOUT_PROGRESS, Writer
from tests.unit.scripts.edge import refused
from tests.unit.scripts.put_items.fake_table import FakeTable
from tests.unit.scripts.put_items.files import TABLE


def versions(count: int, keys: int) -> list[tuple[Item, int]]:
    """Items of few keys, each with the number it has in the file."""
    draw = random.Random(4711)  # noqa: S311  the same draws every time
    return [({"pk": {"S": f"k{draw.randrange(keys)}"}, "v": {"N": str(n)}}, 20) for n in range(count)]


def write(client: FakeTable, items: list[tuple[Item, int]], workers: int = 3) -> Writer:
    """Write items without waiting between attempts."""
    writer = Writer(client, TABLE, workers, sleep=lambda _: None)
    writer.put(items, lambda _: None)
    return writer


def test_batches_have_25_items() -> None:
    """One worker, distinct keys: full batches, then the rest."""
    client = FakeTable()
    write(client, [({"pk": {"S": f"k{n}"}, "v": {"N": "0"}}, 20) for n in range(60)], workers=1)
    assert client.batches == [25, 25, 10]


def test_a_batch_stays_below_the_16_mb_of_a_request() -> None:
    """Items of 400 KB go six together: control characters are six times as long on the wire."""
    client = FakeTable()
    write(client, [({"pk": {"S": f"k{n}"}, "v": {"N": "0"}}, 409_600) for n in range(12)], workers=1)
    assert client.batches == [6, 6]
    assert 6 * 409_600 * 6 < 16 * 1024 * 1024


@pytest.mark.parametrize("workers", [1, 4])
def test_every_version_of_a_key_is_written_in_the_files_order(workers: int) -> None:
    """No batch names a key twice, no version is left out, and the file's last is the table's last."""
    client, items = FakeTable(), versions(400, keys=7)
    writer = write(client, items, workers)
    for key in {item["pk"]["S"] for item, _ in items}:
        given = [item["v"]["N"] for item, _ in items if item["pk"]["S"] == key]
        assert [version for written, version in client.history if written == key] == given
    assert writer.written == 400


def test_unprocessed_items_are_sent_again_and_keep_their_order() -> None:
    """BatchWriteItem is not atomic; what it leaves is sent until taken, before its key's next version."""
    draw = random.Random(1)  # noqa: S311  the same draws every time
    client, items = FakeTable(unprocessed=draw.randrange), versions(200, keys=5)
    writer = write(client, items)
    assert Counter(client.history) == Counter((item["pk"]["S"], item["v"]["N"]) for item, _ in items)
    for key in {item["pk"]["S"] for item, _ in items}:
        written = [int(version) for name, version in client.history if name == key]
        assert written == sorted(written)
    assert writer.retried > 0


@pytest.mark.parametrize("throttle", ["unprocessed", "exception"])
def test_a_throttled_table_ends_with_a_next_step(throttle: str) -> None:
    """Throttling is waited for, ever longer, but not for ever."""
    waits: list[float] = []
    error = refused("ProvisionedThroughputExceededException") if throttle == "exception" else None
    writer = Writer(FakeTable(unprocessed=lambda n: n, error=error), TABLE, 1, sleep=waits.append)
    with pytest.raises(CommandError, match="is throttled") as given_up:
        writer.put(versions(3, keys=3), lambda _: None)
    assert "put the file again" in given_up.value.next_step
    assert len(waits) == ATTEMPTS_WITHOUT_PROGRESS - 1
    assert 0 < sum(waits) < 120


def test_the_first_failure_stops_every_worker() -> None:
    """An error that waiting does not cure is raised where the writer was called, not in a thread."""
    client = FakeTable(error=refused("AccessDeniedException", "no dynamodb:BatchWriteItem"))
    with pytest.raises(ClientError, match="AccessDenied"):
        write(client, versions(5000, keys=5000))
    assert len(client.batches) <= 3
