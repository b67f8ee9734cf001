"""The Spark side: the statement's result, kept on the workers' disks while it is examined and written."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import views
from .arguments import Arguments
from .columns import Column, columns_of
from .errors import JobError
from .items import Row
from .tasks import Examined, Group, Outcome

_OWN_ERROR = re.compile(r"InputError: ([^\n]*)")
# What Spark says of a statement itself: these messages quote the statement, and no row.
_OF_THE_STATEMENT = ("AnalysisException", "ParseException")


class SparkResult:
    """The rows of a statement, computed once."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.columns: Sequence[Column] = columns_of(frame.schema.jsonValue())

    def examined(self, examine: Callable[[Iterable[Row]], Iterator[Examined]]) -> list[Group]:
        """The examined rows, grouped by why they are refused; keys are counted by shuffling only keys."""
        from pyspark.sql import functions as f  # noqa: PLC0415

        schema = "key string, size bigint, units bigint, column string, why string"
        session = self._frame.sparkSession
        rows = session.createDataFrame(self._frame.rdd.mapPartitions(examine), schema, verifySchema=False)
        counts = [f.count(f.lit(1)), f.sum("size"), f.sum("units")]
        by_key = rows.groupBy("key", "column", "why").agg(
            *(count.alias(name) for count, name in zip(counts, ("n", "size", "units"), strict=True))
        )
        repeated = f.col("key").isNotNull() & (f.col("n") > 1)
        groups = by_key.groupBy("column", "why").agg(
            f.sum("n"),
            f.sum("size"),
            f.sum("units"),
            f.count(f.when(repeated, 1)),
            f.sum(f.when(repeated, f.col("n")).otherwise(0)),
        )
        return [Group(*row) for row in groups.collect()]

    def written(self, write: Callable[[Iterable[Row]], Outcome], tasks: int) -> list[Outcome]:
        """The outcome of each task, when all have ended. Rows are spread evenly over the tasks."""

        def whole(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
            return [tuple(write(rows))]

        spread = self._frame.repartition(tasks)
        return [Outcome(*outcome) for outcome in spread.rdd.mapPartitions(whole).collect()]


class SparkEngine:
    """Spark with the views of a run."""

    def __init__(self, session: Any, changes_table: Callable[[], dict[str, Any]]) -> None:
        """`changes_table` asks Glue for the raw table's definition."""
        self._session, self._changes_table = session, changes_table
        self.slots = int(session.sparkContext.defaultParallelism)
        session.conf.set("spark.sql.session.timeZone", "UTC")
        # As in Athena, a CAST that fails and a sum that overflows is an error, and never a null.
        session.conf.set("spark.sql.ansi.enabled", "true")
        # A sum or product of decimals with more digits than 38 is an error too, and is never rounded.
        session.conf.set("spark.sql.decimalOperations.allowPrecisionLoss", "false")

    @contextmanager
    def result(
        self, statement: str, arguments: Arguments, log: Callable[[str], None]
    ) -> Iterator[SparkResult]:
        """The result of the statement over the views of the arguments. Raises JobError."""
        from pyspark import StorageLevel  # noqa: PLC0415

        with _spark_errors():
            views.settled_tables(self._session, arguments.lake)
            if arguments.days:
                lake, days = arguments.lake, arguments.days
                count = views.changes(self._session, lake, days, self._changes_table())
                log(f"changes: {count:,} objects")
            for source in arguments.inputs:
                views.other(self._session, source)
            # In parentheses only a query is valid SQL: the job runs no DROP, INSERT or SET.
            query = statement.strip().removesuffix(";")
            frame = self._session.sql(f"SELECT * FROM (\n{query}\n)")  # noqa: S608  it is the user's own
            # Kept, so that what is examined is what is written; on disk, so that it may exceed the memory.
            frame = frame.persist(StorageLevel.DISK_ONLY)
            try:
                yield SparkResult(frame)
            finally:
                frame.unpersist()
                views.remove(self._session, arguments)


@contextmanager
def _spark_errors() -> Iterator[None]:
    """Turns Spark's exceptions into JobErrors that quote no value."""
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        raise _job_error(error) from None


def _job_error(error: Exception) -> JobError:
    text = str(error)
    if found := _OWN_ERROR.search(text):
        reason, _, step = found.group(1).partition(". Next: ")
        return JobError(reason, step or "Correct the object")
    kind = type(error).__name__
    if kind in _OF_THE_STATEMENT:
        return JobError(text.strip().partition("\n\n")[0].replace("\n", " ")[:500], _advice(text))
    named = re.search(r"\[([A-Z][A-Z0-9_.]+)\]", text)
    code = named.group(1) if named else kind
    return JobError(f"Spark could not run the statement: {code}", "Read the error log of the run")


def _advice(text: str) -> str:
    if "TABLE_OR_VIEW_NOT_FOUND" in text:
        return (
            "Name a settled table as lake.DATABASE.TABLE, an input by --inputs, and the raw table as changes "
            "with --changes-days"
        )
    if "PATH_NOT_FOUND" in text:
        return "Correct the address in --inputs"
    return "Correct the statement. It must be one query: SELECT or WITH"
