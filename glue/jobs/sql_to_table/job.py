"""One run of the job: examine every row of the result, then write each as an item.

The order is the guarantee. Nothing is written until every row is known to be an item that the table accepts,
with a key of its own. A run only puts items, so a run that ends anywhere is repeated by the next one:

1. describe the table, and compare its keys with the result's columns
2. compute the result, examine every row, and count the items of each key; if one is wrong, the run fails
3. write the items, at the rate that all tasks share; if one is not written, the run fails with the counts
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from scripts.put_items.errors import CommandError, error_code
from scripts.put_items.table import Table, describe

from . import arguments as options
from . import columns, pace
from .arguments import Arguments, Rate
from .columns import Column
from .errors import JobError
from .items import Row, Shape
from .tasks import Examined, Group, Outcome, Target, examine, write

_NAMED_IN_ERROR = 10  # reasons in the error message


class Result(Protocol):
    """The rows of the statement."""

    columns: Sequence[Column]

    def examined(self, examine: Callable[[Iterable[Row]], Iterator[Examined]]) -> list[Group]:
        """The examined rows by reason."""

    def written(self, write: Callable[[Iterable[Row]], Outcome], tasks: int) -> list[Outcome]:
        """The outcome of each of the tasks, all of which run at once."""


class Engine(Protocol):
    """What a run needs of Spark (`engine.SparkEngine`). `slots` is how many tasks run at once."""

    slots: int

    def result(
        self, statement: str, arguments: Arguments, log: Callable[[str], None]
    ) -> AbstractContextManager[Result]:
        """The result of the statement. Raises JobError."""


@dataclass(frozen=True)
class Ports:
    """The systems that a run uses. `log` writes a line: counts and names, never a value."""

    engine: Engine
    table: Callable[[], Table]
    statement: Callable[[], str]
    target: Target
    log: Callable[[str], None]


@dataclass(frozen=True)
class Counts:
    """What a run has examined and written."""

    items: int
    size: int
    units: int
    written: int = 0
    retried: int = 0


def run(ports: Ports, given: Arguments) -> Counts:
    """Write the result of the statement into the table. Raises JobError."""
    table = ports.table()
    with ports.engine.result(ports.statement(), given, ports.log) as result:
        columns.check(result.columns, table, given.numbers)
        for line in columns.described(result.columns, table, given.numbers):
            ports.log(line)
        names = tuple(column.name for column in result.columns)
        shape = Shape(names, given.numbers, table)
        counts = _accepted(result.examined(partial(examine, shape)), table)
        ports.log(f"{counts.items:,} items, {counts.size:,} bytes, {counts.units:,} write units")
        if given.dry_run or given.rate is None:
            ports.log("dry run: nothing was written")
            return counts
        return _write(ports, shape, counts, given.rate, result)


def _accepted(groups: Sequence[Group], table: Table) -> Counts:
    """The counts of the rows, if the table accepts all. Raises JobError with every reason."""
    refused = sorted((group for group in groups if group.why), key=lambda group: -group.rows)
    reasons = [
        f"{group.rows:,} rows: {f'column {group.column}: ' if group.column else ''}{group.why}"
        for group in refused
    ]
    accepted = [group for group in groups if not group.why]
    reasons += [
        f"{group.rows_of_repeated_keys:,} rows have {group.repeated_keys:,} keys that are not unique "
        f"({', '.join(table.keys)})"
        for group in accepted
        if group.repeated_keys
    ]
    if reasons:
        hidden = reasons[_NAMED_IN_ERROR:]
        more = [f"and {len(hidden):,} more reasons"] if hidden else []
        total = sum(group.rows for group in groups)
        raise JobError(
            f"nothing was written: of {total:,} rows of the result, table {table.name} would refuse or "
            f"overwrite some. {'; '.join([*reasons[:_NAMED_IN_ERROR], *more])}",
            "Change the statement so that each row is an item with a key of its own",
        )
    return Counts(
        sum(group.rows for group in accepted),
        sum(group.size for group in accepted),
        sum(group.units for group in accepted),
    )


def _write(ports: Ports, shape: Shape, counts: Counts, rate: Rate, result: Result) -> Counts:
    """Write the examined rows."""
    tasks = pace.tasks(rate, ports.engine.slots)
    ports.log(f"writing at {rate.text} in {tasks} tasks")
    share = pace.Pace(rate, tasks)
    outcomes = result.written(partial(write, shape, ports.target, share), tasks)
    written = sum(outcome.written for outcome in outcomes)
    failed = [outcome for outcome in outcomes if outcome.failure]
    if failed or written != counts.items:
        why = "; ".join(dict.fromkeys(outcome.failure for outcome in failed)) or "the result has changed"
        step = failed[0].next_step if failed else "Use no function that differs between two runs"
        raise JobError(
            f"{written:,} of {counts.items:,} items were written into {shape.table.name}, "
            f"{counts.items - written:,} were not: {why}",
            f"{step}. Then run the job again: it writes every item again, which changes none",
        )
    retried = sum(outcome.retried for outcome in outcomes)
    ports.log(f"{written:,} items written into {shape.table.name}, {retried:,} sent again")
    return Counts(counts.items, counts.size, counts.units, written, retried)


def main(given: Sequence[str]) -> Counts:
    """Run once with Spark, DynamoDB, Glue and S3. Raises JobError if the result cannot be written."""
    read = options.read(given)
    import boto3  # noqa: PLC0415  the package itself loads without it
    from pyspark.sql import SparkSession  # noqa: PLC0415

    from .engine import SparkEngine  # noqa: PLC0415

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def changes_table() -> dict[str, Any]:
        glue = boto3.client("glue", region_name=read.lake.region)
        answer: Any = glue.get_table(DatabaseName=read.lake.database, Name=read.lake.changes_table)
        table: dict[str, Any] = answer["Table"]
        return table

    started = time.monotonic()
    session = SparkSession.builder.appName("sql-to-table").getOrCreate()
    target = Target(read.table_region)
    counts = run(
        Ports(
            SparkEngine(session, changes_table),
            partial(_described, target, read.table),
            partial(_statement, read),
            target,
            log,
        ),
        read,
    )
    log(f"done in {time.monotonic() - started:.0f} s")
    return counts


def _described(target: Target, name: str) -> Table:
    """The table. Raises JobError if it does not exist or the role may not write to it."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return describe(target.client(), name, target.region)
    except CommandError as error:
        raise JobError(error.message, "Correct --table, or wait until the table is ACTIVE") from None
    except ClientError as error:
        if error_code(error) != "AccessDeniedException":
            raise
        raise JobError(
            f"the job's role may not write to {name}",
            "Add the table's ARN to the parameter TargetTableArns of the job's stack",
        ) from None


def _statement(given: Arguments) -> str:
    """The statement of the arguments, or of the object that they name."""
    if not given.statement_location:
        return given.statement
    import boto3  # noqa: PLC0415
    from botocore.exceptions import ClientError  # noqa: PLC0415

    bucket, key = options.bucket_and_key(given.statement_location, "--statement-location")
    try:
        body = boto3.client("s3", region_name=given.lake.region).get_object(Bucket=bucket, Key=key)["Body"]
        text: str = body.read().decode("utf-8")
    except (ClientError, UnicodeDecodeError) as error:
        why = error_code(error) if isinstance(error, ClientError) else "it is not text in UTF-8"
        raise JobError(
            f"the statement {given.statement_location} cannot be read: {why}",
            "Correct it, and check whether the parameter InputArns of the job's stack has the object",
        ) from None
    return text
