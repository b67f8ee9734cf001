"""Work grows with the input, not with its square: steps are counted at n and at 2n.

A loop that looks for each thing in a list of all things compares n * n times. So what is compared or handed
out here counts itself; a clock would say something else on every machine.
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
    """A text that counts how often one is compared with another."""

    __slots__ = ()
    comparisons: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def counted(make: Callable[[int], Any], work: Callable[[Any], object], n: int) -> int:
    """The comparisons of texts that the work on an input of size n takes."""
    given = make(n)
    Counted.comparisons = 0
    work(given)
    return Counted.comparisons


def names(n: int) -> list[str]:
    """Different names."""
    made: list[str] = [Counted(f"name_{number}") for number in range(n)]
    return made


def assert_linear(work: Callable[[int], int]) -> None:
    """At 2n at most twice the steps, and a few."""
    once, twice = work(N), work(2 * N)
    assert twice <= 2 * once + 50, f"{once} steps for {N}, {twice} for {2 * N}"


def test_the_counter_counts() -> None:
    """A list looked through for each name is found out, or every test here would show nothing."""
    with pytest.raises(AssertionError, match="steps for"):
        assert_linear(lambda n: counted(names, lambda given: [one for one in given if one in given[::-1]], n))


@pytest.mark.parametrize("spelling", [str, str.upper], ids=["added", "refused"])
def test_columns_are_planned_in_one_pass(spelling: Callable[[str], str]) -> None:
    """A crawl of a table whose maps are keyed by data brings thousands of names at once."""

    def wanted(n: int) -> list[str]:
        made: list[str] = [Counted(spelling(name)) for name in names(n)]
        return made * 2

    assert_linear(lambda n: counted(wanted, lambda given: plan([], [], Names(found=given), most=10 * N), n))


def test_the_types_of_a_file_are_checked_in_one_pass(tmp_path: Any) -> None:
    """Against the table's columns, thousands of them too."""

    def file(n: int) -> tuple[Any, list[str]]:
        (path := tmp_path / f"{n}.yaml").write_text(
            "".join(f"name_{number}: bigint\n" for number in range(n))
        )
        return path, names(n)

    assert_linear(lambda n: counted(file, lambda given: read_types(*given), n))


def test_a_lake_is_compared_in_one_pass() -> None:
    """Items and changes meet by their key."""

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

    assert_linear(lambda n: counted(lake, lambda given: compare("t", given[0], given[1], []), n))


def test_the_columns_of_a_written_table_are_named_in_one_pass() -> None:
    """CREATE TABLE AS with a column per attribute; a name that comes twice is still found."""
    assert_linear(
        lambda n: counted(names, lambda given: writing._require_names(given, [VARCHAR] * len(given)), n)
    )
    with pytest.raises(QueryError, match="'a' specified more than once"):
        writing._require_names(["a", "b", "a"], [VARCHAR] * 3)


class Rows(Sequence[list[str | None]]):
    """Rows that count how many of them are handed out."""

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
    """Every page of a result, as GetQueryResults is asked for them."""
    token: str | None = "0"
    while token is not None:
        answer = page(result, int(token), limit)
        yield answer
        token = answer.get("NextToken")


@pytest.mark.parametrize("text", [False, True])
def test_a_result_is_paged_in_one_pass(text: bool) -> None:
    """Each page hands out its own rows; together they are the result, names first where it has them."""

    def handed_out(n: int) -> int:
        rows: Any = Rows(n)
        result = Result([Column("a", "varchar")], rows, text=text)
        found = [
            row["Data"][0]["VarCharValue"] for one in pages(result, 7) for row in one["ResultSet"]["Rows"]
        ]
        assert found == [*([] if text else ["a"]), *map(str, range(n))]
        return int(rows.handed_out)

    assert_linear(handed_out)


def test_results_are_fetched_in_one_pass() -> None:
    """Every row of every page once, with what it lacks."""

    def asked(n: int) -> int:
        result = Result([Column("a", "varchar")], [[str(number)] for number in range(n)])
        found = list(pages(result, 7))
        athena = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: found))
        assert len(fetch(athena, "id", has_header=True)[1]) == n
        return len(found)

    assert_linear(asked)


def test_the_csv_of_a_result_is_read_once() -> None:
    """Cell behind cell; what is not closed is an error, not a search from every character on."""
    rows: list[list[str | None]] = [["a", None], ['"', "x\ny"], ["", ","]]
    assert from_csv(to_csv([Column("n", "varchar"), Column("m", "varchar")], rows)) == rows
    with pytest.raises(ValueError, match="not the CSV that was written"):
        from_csv(b'"a"\n"open')


def test_a_statement_is_stripped_once() -> None:
    """However many comments come first, and whatever stands in them."""
    assert dispatch.bare("-- a\n/* ; */ -- b\n  SHOW TABLES ; \n") == "SHOW TABLES"
    assert dispatch.bare("/* open") == "/* open"
    assert dispatch.bare(" -- nothing") == dispatch.bare(" \n") == ""


class CountedTicket(Ticket):
    """A batch that counts how often one is compared with another."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return self is other

    __hash__ = object.__hash__


@pytest.mark.parametrize("newest_first", [False, True])
def test_arrivals_are_noted_in_one_pass(monkeypatch: pytest.MonkeyPatch, newest_first: bool) -> None:
    """Batches arrive in any order; the shard has advanced to the last of them at the end."""
    monkeypatch.setattr(progress, "Ticket", CountedTicket)

    def under_way(n: int) -> tuple[ShardProgress, list[Ticket]]:
        shard = ShardProgress("s")
        tickets = []
        for number in range(n):
            tickets.append(shard.open(0.0))
            shard.add(tickets[-1], str(number), 1)
            shard.caught_up(float(number))
        return shard, tickets

    def arrive(given: tuple[ShardProgress, list[Ticket]]) -> None:
        shard, tickets = given
        for ticket in tickets[::-1] if newest_first else tickets:
            shard.release(ticket)
        assert (shard.complete_through, shard.last_delivered) == (len(tickets) - 1, str(len(tickets) - 1))

    assert_linear(lambda n: counted(under_way, arrive, n))


class CountedPending(outlet._Pending):
    """An object on its way that counts how often one is compared with another."""

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return self is other

    __hash__ = object.__hash__


def test_delivered_objects_are_moved_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage many wait, and the newest may be the first that S3 takes."""

    def waiting(n: int) -> tuple[Outlet, list[CountedPending]]:
        made: Any = object.__new__(Outlet)
        made.__dict__.update(delivered=0, failed=0, expired=0, objects=0)
        made._lock = threading.Lock()
        buffer: Any = SimpleNamespace(records=1, lane=("", ()), tickets={}, packed=0)
        objects = [CountedPending(buffer, {}, None) for _ in range(n)]  # type: ignore[arg-type]
        made._pending = dict.fromkeys(objects)
        return made, objects

    def deliver(given: tuple[Outlet, list[CountedPending]]) -> None:
        made, objects = given
        for one in reversed(objects):
            made._done(one, expired=False)
        assert made.delivered == len(objects)
        assert not made._pending

    assert_linear(lambda n: counted(waiting, deliver, n))
    assert Buffer.__hash__ is object.__hash__


def test_active_partitions_are_counted_once_per_batch() -> None:
    """Not for every record of a replay, whose days are all different; no more than 500 become active."""
    asked = []

    def partitions() -> set[Any]:
        asked.append(1)
        return {("", (("dt", "old"),))}

    made: Any = object.__new__(Pipeline)
    made.stream = SimpleNamespace(backup=None, partition_keys=("dt",), processor=None)
    found: dict[str, int] = {}

    def add(lane: Any, rows: Sequence[bytes], *_: Any) -> None:
        found[lane[0]] = found.get(lane[0], 0) + len(rows)

    made._main = SimpleNamespace(partitions=partitions, buffers=SimpleNamespace(add=add))
    record = Record("1", 0, "k", b"x")
    made._verdicts = lambda _: [Verdict(record, OK, b"x", {"dt": str(n)}) for n in [*range(600), *range(10)]]
    shard: Any = SimpleNamespace(release=lambda _: None)
    made._process(shard, SimpleNamespace(records=[record], ticket=None))
    assert asked == [1]
    assert found == {"": 499 + 10, "activePartitionExceeded": 101}
