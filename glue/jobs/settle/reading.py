"""Raw objects to rows, on the workers of Spark. Each object is read once; its rows are kept for the run."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from raw_lines.rows import UnreadableObjectError, changes_of
from settled.names import OBJECT, TAG, ending, has_pair, stored_column

from .objects import RawObject
from .storage import Storage

_TASK_BYTES = 32 * 1024**2  # of compressed raw objects in one task
_MOST_TASKS = 2_000

Row = dict[str, str | None]


@dataclass
class Taken:
    """What a portion of objects contains: columns and rows per table's ending, and what cannot be read."""

    columns: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    objects: list[tuple[str, dict[str, int]]] = field(default_factory=list)  # path, rows per ending
    lines: int = 0
    unreadable: list[str] = field(default_factory=list)
    gone: int = 0

    @property
    def left_out(self) -> int:
        """Lines that are not changes."""
        return self.lines - sum(self.rows.values())


class Portion:
    """The parsed rows of some raw objects, kept by Spark until `close`."""

    def __init__(
        self, session: Any, storage: Storage, objects: Sequence[RawObject], only: Collection[str]
    ) -> None:
        from pyspark import StorageLevel  # noqa: PLC0415

        self._session = session
        tasks = list(_spread(objects))
        names = frozenset(only)

        def parse(partition: Iterator[list[RawObject]]) -> Iterator[tuple[str, Any]]:
            for task in partition:
                for one in task:
                    yield from _parsed(storage, one, names)

        context = session.sparkContext
        self._rows = context.parallelize(tasks, max(1, len(tasks))).mapPartitions(parse)
        self._rows.persist(StorageLevel.MEMORY_AND_DISK)

    def taken(self) -> Taken:
        """Read everything, and tell what there is."""
        result = Taken()
        for columns, rows, objects, lines, unreadable, gone in self._rows.mapPartitions(_summed).collect():
            for name, found in columns.items():
                result.columns[name] |= found
            for name, count in rows.items():
                result.rows[name] += count
            result.objects += objects
            result.lines += lines
            result.unreadable += unreadable
            result.gone += gone
        return result

    def frame(self, name: str, columns: Sequence[str], without: Collection[tuple[str, str]]) -> Any:
        """The rows of one ending as texts, in these columns, without those of objects already taken in."""
        from pyspark.sql.types import StringType, StructField, StructType  # noqa: PLC0415

        wanted, known = tuple(columns), frozenset(without)

        def texts(partition: Iterator[tuple[str, Any]]) -> Iterator[tuple[str | None, ...]]:
            for kind, row in partition:
                if kind == name and (row[OBJECT], row[TAG]) not in known:
                    yield tuple([row.get(column) for column in wanted])

        schema = StructType([StructField(column, StringType()) for column in wanted])
        return self._session.createDataFrame(self._rows.mapPartitions(texts), schema, verifySchema=False)

    def close(self) -> None:
        """Forget the rows."""
        self._rows.unpersist()


def _spread(objects: Sequence[RawObject]) -> Iterator[list[RawObject]]:
    """The objects in tasks of about one size, the largest first."""
    total = sum(one.size for one in objects)
    count = min(_MOST_TASKS, max(1, -(-total // _TASK_BYTES)), len(objects))
    tasks: list[list[RawObject]] = [[] for _ in range(count)]
    sizes = [0] * count
    for one in sorted(objects, key=lambda one: (-one.size, one.path)):
        least = sizes.index(min(sizes))
        tasks[least].append(one)
        sizes[least] += one.size
    yield from (task for task in tasks if task)


_ENDED = ""  # no ending of a table is empty


def _parsed(storage: Storage, one: RawObject, only: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The rows of an object, each with its table's ending, then a line about the object itself."""
    body = storage.read(one)
    if body is None:
        yield _ENDED, {"gone": 1}
        return
    lines, endings = 0, dict[str, int]()
    try:
        for change in changes_of(one.key, body):
            lines += 1
            source = (change or {}).get("change_table") or ""
            if change is None or not has_pair(source) or (only and source not in only):
                continue
            row = {stored_column(name): text for name, text in change.items() if text is not None}
            name = ending(source)
            endings[name] = endings.get(name, 0) + 1
            yield name, {**row, "dt": one.day, OBJECT: one.path, TAG: one.tag}
    except UnreadableObjectError as error:
        yield _ENDED, {"unreadable": str(error)}
        return
    yield _ENDED, {"object": (one.path, endings), "lines": lines}


def _summed(partition: Iterator[tuple[str, Any]]) -> Iterator[tuple[Any, ...]]:
    columns: dict[str, set[str]] = defaultdict(set)
    rows: dict[str, int] = defaultdict(int)
    objects, unreadable, lines, gone = list[Any](), list[str](), 0, 0
    for kind, row in partition:
        if kind != _ENDED:
            columns[kind].update(row)
            rows[kind] += 1
        elif "object" in row:
            objects.append(row["object"])
            lines += row["lines"]
        elif "unreadable" in row:
            unreadable.append(row["unreadable"])
        else:
            gone += row["gone"]
    yield dict(columns), dict(rows), objects, lines, unreadable, gone
