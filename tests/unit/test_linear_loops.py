"""Work grows with the input, not with its square: steps are counted at n and at 2n.

A loop that searches a list of all names for each name compares n * n times. So the objects in these tests
count how often they are compared or returned. A clock would give another result on every machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, overload

import pytest

from catalog_lambda.columns import Names, plan
from lake.comparison import compare
from sandbox.athena.engine.results import Column, Result, from_csv, page, to_csv
from sandbox.athena.errors import QueryError
from sandbox.athena.sql.trino_types import VARCHAR
from sandbox.athena.statements import dispatch, writing
from sandbox.delivery import outlet, progress
from sandbox.delivery.buffers import Buffer
from sandbox.delivery.outlet import Outlet
from sandbox.delivery.pipeline import Pipeline
from sandbox.delivery.processor import OK, Record, Verdict
from sandbox.delivery.progress import ShardProgress, Ticket
from scripts.core.athena import fetch
from scripts.core.views import read_types

N = 150


class Counted(str):
    """A text that counts how often such texts are compared."""

    __slots__ = ()
    comparisons: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def counted(make: Callable[[int], Any], work: Callable[[Any], object], n: int) -> int:
    """The number of text comparisons for an input of size n."""
    data = make(n)
    Counted.comparisons = 0
    work(data)
    return Counted.comparisons


def names(n: int) -> list[str]:
    """Different names."""
    result: list[str] = [Counted(f"name_{number}") for number in range(n)]
    return result


def assert_linear(work: Callable[[int], int]) -> None:
    """2n takes at most twice the steps of n, and a few more."""
    once, twice = work(N), work(2 * N)
    assert twice <= 2 * once + 50, f"{once} steps for {N}, {twice} for {2 * N}"


def test_the_counter_counts() -> None:
    """It detects a list that is searched for each name. Otherwise these tests would prove nothing."""
    with pytest.raises(AssertionError, match="steps for"):
        assert_linear(lambda n: counted(names, lambda data: [each for each in data if each in data[::-1]], n))


@pytest.mark.parametrize("spelling", [str, str.upper], ids=["added", "refused"])
def test_columns_are_planned_in_one_pass(spelling: Callable[[str], str]) -> None:
    """A crawl of items whose maps have data as keys finds thousands of names at once."""

    def wanted(n: int) -> list[str]:
        result: list[str] = [Counted(spelling(name)) for name in names(n)]
        return result * 2

    assert_linear(lambda n: counted(wanted, lambda data: plan([], [], Names(found=data), most=10 * N), n))


def test_the_types_of_a_file_are_checked_in_one_pass(tmp_path: Any) -> None:
    """The table can also have thousands of columns."""

    def file(n: int) -> tuple[Any, list[str]]:
        (path := tmp_path / f"{n}.yaml").write_text(
            "".join(f"name_{number}: bigint\n" for number in range(n))
        )
        return path, names(n)

    assert_linear(lambda n: counted(file, lambda data: read_types(*data), n))


def test_a_lake_is_compared_in_one_pass() -> None:
    """Items and changes are matched by key."""

    def lake(n: int) -> tuple[list[Any], list[dict[str, str | None]]]:
        keys = [Counted(f'{{"pk":{{"S":"{number}"}}}}') for number in range(n)]
        items = [({"pk": {"S": str(number)}}, {"pk": {"S": str(number)}}) for number in range(n)]
        changes: list[dict[str, str | None]] = [
            {
                "change_id": Counted(key),
                "change_key": key,
                "change_time": "t",
                "change_type": "INSERT",
                "change_before": None,
                "change_after": "x",
                "change_sequence": "1",
            }
            for key in keys
        ]
        return items, changes

    assert_linear(lambda n: counted(lake, lambda data: compare("t", data[0], data[1], []), n))


def test_the_columns_of_a_written_table_are_named_in_one_pass() -> None:
    """CREATE TABLE AS with a column per attribute. A repeated name is still found."""
    assert_linear(
        lambda n: counted(names, lambda data: writing._require_names(data, [VARCHAR] * len(data)), n)
    )
    with pytest.raises(QueryError, match="'a' specified more than once"):
        writing._require_names(["a", "b", "a"], [VARCHAR] * 3)


class Rows(Sequence[list[str | None]]):
    """Rows that count how many of them are returned."""

    def __init__(self, n: int) -> None:
        self.size, self.handed_out = n, 0

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> list[str | None]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[str | None]]: ...

    def __getitem__(self, index: int | slice) -> Any:
        wanted = range(self.size)[index]
        if isinstance(wanted, int):
            self.handed_out += 1
            return [str(wanted)]
        self.handed_out += len(wanted)
        return [[str(number)] for number in wanted]


def pages(result: Result, limit: int) -> Iterator[dict[str, Any]]:
    """Every page of a result, as GetQueryResults returns them."""
    token: str | None = "0"
    while token is not None:
        answer = page(result, int(token), limit)
        yield answer
        token = answer.get("NextToken")


@pytest.mark.parametrize("text", [False, True])
def test_a_result_is_paged_in_one_pass(text: bool) -> None:
    """Each page returns its own rows. Together they are the result; column names, if any, come first."""

    def handed_out(n: int) -> int:
        rows: Any = Rows(n)
        result = Result([Column("a", "varchar")], rows, text=text)
        found = [
            row["Data"][0]["VarCharValue"] for each in pages(result, 7) for row in each["ResultSet"]["Rows"]
        ]
        assert found == [*([] if text else ["a"]), *map(str, range(n))]
        return int(rows.handed_out)

    assert_linear(handed_out)


def test_results_are_fetched_in_one_pass() -> None:
    """Each page is read once, and a row keeps its missing values."""

    def page_count(n: int) -> int:
        result = Result([Column("a", "varchar")], [[str(number)] for number in range(n)])
        found = list(pages(result, 7))
        athena = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: found))
        assert len(fetch(athena, "id", has_header=True)[1]) == n
        return len(found)

    assert_linear(page_count)


def test_the_csv_of_a_result_is_read_once() -> None:
    """Cell by cell. A missing quote is an error and does not start a search at every character."""
    rows: list[list[str | None]] = [["a", None], ['"', "x\ny"], ["", ","]]
    assert from_csv(to_csv([Column("n", "varchar"), Column("m", "varchar")], rows)) == rows
    with pytest.raises(ValueError, match="not the CSV that was written"):
        from_csv(b'"a"\n"open')


def test_a_statement_is_stripped_once() -> None:
    """For any number and content of comments before it."""
    assert dispatch.bare("-- a\n/* ; */ -- b\n  SHOW TABLES ; \n") == "SHOW TABLES"
    assert dispatch.bare("/* open") == "/* open"
    assert dispatch.bare(" -- nothing") == dispatch.bare(" \n") == ""


class CountedTicket(Ticket):
    """A batch that counts how often batches are compared."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return self is other

    __hash__ = object.__hash__


@pytest.mark.parametrize("newest_first", [False, True])
def test_arrivals_are_noted_in_one_pass(monkeypatch: pytest.MonkeyPatch, newest_first: bool) -> None:
    """Batches arrive in any order. At the end, the shard has advanced to the last one."""
    monkeypatch.setattr(progress, "Ticket", CountedTicket)

    def under_way(n: int) -> tuple[ShardProgress, list[Ticket]]:
        shard = ShardProgress("s")
        tickets = []
        for number in range(n):
            tickets.append(shard.open(0.0))
            shard.add(tickets[-1], str(number), 1)
            shard.caught_up(float(number))
        return shard, tickets

    def arrive(data: tuple[ShardProgress, list[Ticket]]) -> None:
        shard, tickets = data
        for ticket in tickets[::-1] if newest_first else tickets:
            shard.release(ticket)
        assert (shard.complete_through, shard.last_delivered) == (len(tickets) - 1, str(len(tickets) - 1))

    assert_linear(lambda n: counted(under_way, arrive, n))


class CountedPending(outlet._Pending):
    """A pending object that counts how often such objects are compared."""

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return self is other

    __hash__ = object.__hash__


def test_delivered_objects_are_moved_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage many objects wait, and S3 may accept the newest first."""

    def waiting(n: int) -> tuple[Outlet, list[CountedPending]]:
        result: Any = object.__new__(Outlet)
        result.__dict__.update(delivered=0, failed=0, expired=0, objects=0)
        result._lock = threading.Lock()
        buffer: Any = SimpleNamespace(records=1, lane=("", ()), tickets={}, packed=0)
        objects = [CountedPending(buffer, {}, None) for _ in range(n)]  # type: ignore[arg-type]
        result._pending = dict.fromkeys(objects)
        return result, objects

    def deliver(data: tuple[Outlet, list[CountedPending]]) -> None:
        result, objects = data
        for each in reversed(objects):
            result._done(each, expired=False)
        assert result.delivered == len(objects)
        assert not result._pending

    assert_linear(lambda n: counted(waiting, deliver, n))
    assert Buffer.__hash__ is object.__hash__


def test_active_partitions_are_counted_once_per_batch() -> None:
    """Not once per record of a replay with many different days. At most 500 become active."""
    calls = []

    def partitions() -> set[Any]:
        calls.append(1)
        return {("", (("dt", "old"),))}

    result: Any = object.__new__(Pipeline)
    result.stream = SimpleNamespace(backup=None, partition_keys=("dt",), processor=None)
    found: dict[str, int] = {}

    def add(lane: Any, rows: Sequence[bytes], *_: Any) -> None:
        found[lane[0]] = found.get(lane[0], 0) + len(rows)

    result._main = SimpleNamespace(partitions=partitions, buffers=SimpleNamespace(add=add))
    record = Record("1", 0, "k", b"x")
    result._verdicts = lambda _: [
        Verdict(record, OK, b"x", {"dt": str(n)}) for n in [*range(600), *range(10)]
    ]
    shard: Any = SimpleNamespace(release=lambda _: None)
    result._process(shard, SimpleNamespace(records=[record], ticket=None))
    assert calls == [1]
    assert found == {"": 499 + 10, "activePartitionExceeded": 101}
