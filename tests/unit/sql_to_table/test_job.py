"""A run: every row is examined before one is written, and no item is lost without a word."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from glue.jobs.sql_to_table.errors import JobError
from glue.jobs.sql_to_table.tasks import Outcome
from tests.unit.scripts.put_items.fake_table import FakeTable
from tests.unit.sql_to_table.scene import Scene, columns

COLUMNS = columns(pk="string", v="long")


def rows(count: int) -> list[tuple[str, int]]:
    """Rows of different keys."""
    return [(f"key-{number:05d}", number) for number in range(count)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts take no time."""
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)


def test_every_row_becomes_an_item() -> None:
    """Spread over the tasks, in batches of at most 25."""
    scene = Scene(COLUMNS, rows(1_003))
    counts = scene.run()
    assert scene.table.items == {key: {"pk": {"S": key}, "v": {"N": str(v)}} for key, v in rows(1_003)}
    assert (counts.items, counts.written, counts.units) == (1_003, 1_003, 1_003)
    assert len(scene.tasks) == 3
    assert max(scene.table.batches) <= 25
    assert "1,003 items written into shop, 0 sent again" in scene.log


def test_a_second_run_changes_no_item() -> None:
    """It puts the same items again."""
    scene = Scene(COLUMNS, rows(100))
    scene.run()
    before = dict(scene.table.items)
    assert scene.run().written == 100
    assert scene.table.items == before


def test_unprocessed_items_are_sent_again() -> None:
    """As often as it takes, while some of them are written."""
    scene = Scene(COLUMNS, rows(500), FakeTable(unprocessed=lambda count: count // 2))
    counts = scene.run()
    assert len(scene.table.items) == counts.written == 500
    assert counts.retried > 0


def test_a_throttled_table_fails_the_run_with_the_counts() -> None:
    """When nothing more is written, however often it is sent."""
    scene = Scene(COLUMNS, rows(300), FakeTable(unprocessed=lambda count: 0 if count == 25 else count))
    scene.rows = rows(301)
    with pytest.raises(JobError) as raised:
        scene.run(items_per_second="100")  # one task
    written = len(scene.table.items)
    assert f"{written:,} of 301 items were written into shop, {301 - written:,} were not" in str(raised.value)
    assert "Choose a lower rate" in str(raised.value)
    assert "run the job again" in str(raised.value)


@pytest.mark.parametrize(
    ("error", "why", "step"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret"}}, "BatchWriteItem"),
         "DynamoDB answered AccessDeniedException", "to the parameters of the job's stack"),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "BatchWriteItem"),
         "DynamoDB answered ResourceNotFoundException", "was deleted"),
        (EndpointConnectionError(endpoint_url="https://x"), "EndpointConnectionError", "network"),
    ],
)  # fmt: skip
def test_a_refused_write_fails_the_run_and_the_other_tasks_end(error: Any, why: str, step: str) -> None:
    """The message has the code, the counts and the next step, and not the text of the answer."""
    scene = Scene(COLUMNS, rows(900), FakeTable(error=error))
    with pytest.raises(JobError) as raised:
        scene.run()
    assert "0 of 900 items were written into shop, 900 were not" in str(raised.value)
    assert why in str(raised.value)
    assert step in str(raised.value)
    assert "secret" not in str(raised.value)


def test_rows_without_a_key_are_counted_and_nothing_is_written() -> None:
    """By column, with those that have other faults."""
    scene = Scene(COLUMNS, [*rows(5), (None, 1), (None, 2), ("k" * 3_000, 3)])
    with pytest.raises(JobError) as raised:
        scene.run()
    assert "nothing was written: of 8 rows" in str(raised.value)
    assert "2 rows: column pk: a key is null" in str(raised.value)
    assert "1 rows: column pk: has 3,000 bytes" in str(raised.value)
    assert scene.table.batches == []


def test_rows_of_one_key_are_counted_and_nothing_is_written() -> None:
    """One would overwrite the other, and which one is chance."""
    scene = Scene(COLUMNS, [*rows(5), *rows(2), *rows(1)])
    with pytest.raises(JobError, match="5 rows have 2 keys that are not unique") as raised:
        scene.run()
    assert "key-0" not in str(raised.value)
    assert scene.table.batches == []


def test_an_item_above_400_kb_is_counted_and_nothing_is_written() -> None:
    """Before DynamoDB refuses the batch that it is in."""
    scene = Scene(columns(pk="string", v="string"), [("a", "x"), ("b", "x" * 409_600)])
    with pytest.raises(
        JobError, match=r"1 rows: has about 409,60\d bytes; DynamoDB accepts 409,600 per item"
    ):
        scene.run()
    assert scene.table.batches == []


def test_only_some_reasons_are_named() -> None:
    """The others are counted: the error of a run in Glue is short."""
    scene = Scene(COLUMNS, [("k" * (3_000 + number), 1) for number in range(30)])
    with pytest.raises(JobError, match="and 20 more reasons"):
        scene.run()


def test_columns_are_refused_before_a_row_is_read() -> None:
    """The schema is enough."""
    scene = Scene(columns(pk="string", v="double"), [("a", 1)])
    scene.examined = None  # type: ignore[method-assign,assignment]
    with pytest.raises(JobError, match="column v: a double"):
        scene.run()


def test_a_dry_run_counts_and_shows_the_schema() -> None:
    """It writes nothing."""
    scene = Scene(COLUMNS, rows(7))
    counts = scene.run(dry_run="true", items_per_second="")
    assert (counts.items, counts.written) == (7, 0)
    assert scene.table.batches == []
    assert scene.log[:2] == ["pk: string becomes S, partition key", "v: long becomes N"]
    assert scene.log[-1] == "dry run: nothing was written"


def test_a_dry_run_finds_what_a_run_would_refuse() -> None:
    """That is what it is for."""
    with pytest.raises(JobError, match="a key is null"):
        Scene(COLUMNS, [(None, 1)]).run(dry_run="true")


def test_an_empty_result_writes_nothing_and_succeeds() -> None:
    """A day without orders is no fault."""
    assert Scene(COLUMNS, []).run().written == 0


@pytest.mark.parametrize("others", [rows(9), rows(11), [*rows(9), (None, 1)]])
def test_a_result_that_changes_between_is_a_failure(others: list[Any]) -> None:
    """More or fewer rows than were examined, or others."""
    with pytest.raises(JobError, match=r"of 10 items were written .* the result has changed"):
        Scene(COLUMNS, rows(10), changes_between=others).run()


def test_a_task_that_loses_an_item_is_found() -> None:
    """The items written are those examined, whatever the tasks report."""
    scene = Scene(COLUMNS, rows(10))
    scene.written = lambda *_: [Outcome(9, 0)]  # type: ignore[method-assign]
    with pytest.raises(JobError, match="9 of 10 items"):
        scene.run()


def test_nothing_is_logged_but_counts_and_names() -> None:
    """No value of a row, in a run that succeeds and in one that fails."""
    scene = Scene(columns(pk="string", v="string"), [("secret-1", "secret"), (None, "secret")])
    with pytest.raises(JobError) as raised:
        scene.run()
    good = Scene(columns(pk="string", v="long"), [("secret-1", 1)])
    good.run()
    assert "secret" not in str(raised.value) + repr(scene.log) + repr(good.log)
