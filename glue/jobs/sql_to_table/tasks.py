"""A task of Spark: examine the rows of a partition, or write them, on a worker.

What keeps items from being written is a result, not an exception: Spark would only repeat the task. Every
other error is raised and Spark repeats the task, which writes the same items again.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from scripts.put_items.errors import CommandError, error_code
from scripts.put_items.table import Table
from scripts.put_items.values import Item
from scripts.put_items.writing import Writer

from .items import RefusedError, Row, Shape
from .pace import Pace, units

_WORKERS = 4  # batches that one task sends at once
_REPORT_SECONDS = 60.0


class Examined(NamedTuple):
    """A row: its key, size and write units, or the column and reason for which the table would refuse it."""

    key: str | None
    size: int
    units: int
    column: str
    why: str


class Group(NamedTuple):
    """Rows with one reason: how many, their bytes and units, the keys that several of them have.

    `why` is empty for the rows that the table accepts.
    """

    column: str
    why: str
    rows: int
    size: int
    units: int
    repeated_keys: int
    rows_of_repeated_keys: int


class Outcome(NamedTuple):
    """The items that a task wrote and sent again; and the reason if it did not write all of its items."""

    written: int
    retried: int
    failure: str = ""
    next_step: str = ""


@dataclass(frozen=True)
class Target:
    """The table, from a worker: a client belongs to one process."""

    region: str

    def client(self) -> Any:
        """The client of this process."""
        return _client(self.region)


@cache
def _client(region: str) -> Any:
    import boto3  # noqa: PLC0415  the package itself loads without it

    return boto3.client("dynamodb", region_name=region)


def examine(shape: Shape, rows: Iterable[Row]) -> Iterator[Examined]:
    """What each row becomes, without writing it."""
    for row in rows:
        try:
            item, size = shape.item(row)
        except RefusedError as error:
            yield Examined(None, 0, 0, error.column, error.why)
        else:
            yield Examined(shape.key(item), size, units(size), "", "")


def write(shape: Shape, target: Target, pace: Pace, rows: Iterable[Row]) -> Outcome:
    """Write each row's item at the task's pace."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    writer = Writer(target.client(), shape.table, _WORKERS, pace.sleep)
    failure = next_step = ""
    try:
        writer.put(_due(shape, pace, rows), _Report(shape.table, pace).progress)
    except RefusedError as error:  # every row was examined, so this is another result
        failure, next_step = f"the result has changed since it was examined ({error})", _SAME_RESULT
    except CommandError as error:
        failure, next_step = error.message, "Choose a lower rate, or raise the table's write capacity"
    except ClientError as error:
        failure = f"DynamoDB answered {error_code(error)}"
        next_step = _STEPS.get(error_code(error), "Look the code up in the API reference of BatchWriteItem")
    except BotoCoreError as error:
        failure, next_step = f"a request failed ({type(error).__name__})", "Check the network of the job"
    return Outcome(writer.written, writer.retried, failure, next_step)


def _due(shape: Shape, pace: Pace, rows: Iterable[Row]) -> Iterator[tuple[Item, int]]:
    """Each row's item with its size, when it is due."""
    for row in rows:
        item, size = shape.item(row)
        pace.wait(size)
        yield item, size


_SAME_RESULT = "Use no function in the statement that differs between two runs, such as rand()"
_STEPS = {
    "AccessDeniedException": "Add the table, and its key if it has one, to the parameters of the job's stack",
    "ResourceNotFoundException": "Check whether the table was deleted while the job ran",
    "ValidationException": "Check whether the keys of the table or its indexes changed while the job ran",
}


class _Report:
    """Lines in the worker's log while it writes: counts only."""

    def __init__(self, table: Table, pace: Pace) -> None:
        self._name, self._now = table.name, pace.now
        self._next = self._now() + _REPORT_SECONDS

    def progress(self, written: int) -> None:
        """Called for each item."""
        if self._now() >= self._next:
            self._next = self._now() + _REPORT_SECONDS
            print(f"{written:,} items of this task written into {self._name}", file=sys.stderr, flush=True)
