"""How items are written: batches, order, retries, and what is said when it does not go on."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from scripts import put_items
from scripts.put_items import (
    CommandError,
    Item,
    Source,
    Table,
    Writer,
    explained,
    put_file,
    put_sample,
    sample,
)
from tests.unit.scripts.edge import refused

TABLE = Table("shop", "111111111111", "us-east-1", {"pk": "HASH"}, {"pk": "S"})


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
def test_a_table_that_takes_nothing_is_given_up_with_the_next_step(throttle: str) -> None:
    """Throttling is waited for, ever longer, but not for ever."""
    waits: list[float] = []
    error = refused("ProvisionedThroughputExceededException") if throttle == "exception" else None
    writer = Writer(FakeTable(unprocessed=lambda n: n, error=error), TABLE, 1, sleep=waits.append)
    with pytest.raises(CommandError, match="is throttled") as given_up:
        writer.put(versions(3, keys=3), lambda _: None)
    assert "put the file again" in given_up.value.next_step
    assert len(waits) == put_items.ATTEMPTS_WITHOUT_PROGRESS - 1
    assert 0 < sum(waits) < 120


def test_the_first_failure_stops_every_worker() -> None:
    """An error that waiting does not cure is raised where the writer was called, not in a thread."""
    client = FakeTable(error=refused("AccessDeniedException", "no dynamodb:BatchWriteItem"))
    with pytest.raises(ClientError, match="AccessDenied"):
        write(client, versions(5000, keys=5000))
    assert len(client.batches) <= 3


def test_nothing_is_written_of_a_file_with_one_bad_record(tmp_path: Path) -> None:
    """The whole file is checked before the first write."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(['{"pk":"a","v":1}'] * 1000 + ['{"v":2}']))
    client = FakeTable()
    with pytest.raises(CommandError, match="record 1001"):
        put_file(client, TABLE, Source(path, TABLE, {}, None), 2, dry_run=False)
    assert client.batches == []


def test_a_dry_run_checks_and_writes_nothing(tmp_path: Path) -> None:
    """--dry-run counts the file's items."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"pk":"a","v":1}\n')
    client = FakeTable()
    done = put_file(client, TABLE, Source(path, TABLE, {}, None), 2, dry_run=True)
    assert (done["items"], done["written"], client.batches) == (1, 0, [])


def test_a_failure_half_way_says_how_far_it_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written is counted, and that putting the file again is harmless is said."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(f'{{"pk":"k{n}","v":1}}' for n in range(60)))

    class Breaking(FakeTable):
        def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
            if len(self.batches) == 1:
                raise refused("ResourceNotFoundException")
            return super().batch_write_item(RequestItems)

    with pytest.raises(ClientError):
        put_file(Breaking(), TABLE, Source(path, TABLE, {}, None), 1, dry_run=False)
    assert "25 of 60 items were written; putting the file again is harmless" in capsys.readouterr().err


class Calls:
    """Keeps the calls of the sample; one of them may fail."""

    def __init__(self, failing: str = "") -> None:
        self.names: list[str] = []
        self.requests: dict[str, dict[str, Any]] = {}
        self._failing = failing

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        def call(**request: Any) -> dict[str, Any]:
            self.names.append(name)
            self.requests[name] = request
            if name == self._failing:
                raise refused("AccessDeniedException", operation=name)
            return {}

        return call


def test_the_sample_is_inserted_updated_and_deleted() -> None:
    """The blog's three commands, on one new item: INSERT, MODIFY, REMOVE."""
    client, said = Calls(), list[str]()
    done = put_sample(client, TABLE, said.append)
    assert client.names == ["put_item", "update_item", "delete_item"]
    assert done["changes"] == ["INSERT", "MODIFY", "REMOVE"]
    assert client.requests["put_item"]["ConditionExpression"] == "attribute_not_exists(#key)"
    assert client.requests["update_item"]["Key"] == client.requests["delete_item"]["Key"]


def test_the_sample_has_all_ten_types() -> None:
    """S, N, B, BOOL, NULL, M, L, SS, NS, BS."""
    _, attributes = sample(TABLE, "0123456789ab")
    assert {tag for value in attributes.values() for tag in value} == set(put_items.TAGS)


@pytest.mark.parametrize(("type_", "value_type"), [("S", str), ("N", str), ("B", bytes)])
def test_the_sample_fits_the_tables_keys_and_indexes(type_: str, value_type: type) -> None:
    """Keys of any type and name; an attribute that an index has as key stays away."""
    table = Table(
        "t",
        "1",
        "r",
        {"State#Date": "HASH", "price": "RANGE"},
        {"State#Date": type_, "price": "N", "title": "N"},
    )
    key, attributes = sample(table, "0123456789ab")
    put_items.check_keys({**attributes, **key}, table)
    assert set(key) == {"State#Date", "price"}
    assert isinstance(next(iter(key["State#Date"].values())), value_type)
    assert not {"title", "price"} & set(attributes)


@pytest.mark.parametrize("taken", ["price", "address", "tags", "lines"])
def test_the_update_names_only_what_the_sample_has(taken: str) -> None:
    """A key cannot be updated, and a path needs its map: what a key took is left out."""
    table = Table("t", "1", "r", {"pk": "HASH", taken: "RANGE"}, {"pk": "S", taken: "S"})
    _, attributes = sample(table, "0123456789ab")
    request = put_items.update(attributes)
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    assert f"#{taken}" not in names
    used = set(re.findall(r"[#:]\w+", request["UpdateExpression"]))
    assert used == set(names) | set(values)
    assert set(names.values()) - {"city"} <= set(attributes)


def test_a_sample_whose_update_is_refused_is_taken_away_again() -> None:
    """Nothing half-written: the inserted item goes."""
    client = Calls(failing="update_item")
    with pytest.raises(ClientError):
        put_sample(client, TABLE, lambda _: None)
    assert client.names == ["put_item", "update_item", "delete_item"]


@pytest.mark.parametrize(
    "error",
    [
        refused("ValidationException", "The parameter cannot be converted to a numeric value: canary-4711"),
        ParamValidationError(report="Invalid type for parameter, value: canary-4711"),
    ],
)
def test_an_error_that_may_quote_an_item_is_told_without_the_quote(error: Exception) -> None:
    """DynamoDB and boto3 quote values in some messages; ours never do."""
    known = explained(error)
    assert known is not None
    assert "canary" not in known.message + known.next_step
