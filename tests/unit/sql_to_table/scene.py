"""A run of the job in this process: the result's rows in memory, and a table in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from glue.jobs.sql_to_table import arguments
from glue.jobs.sql_to_table.columns import Column
from glue.jobs.sql_to_table.items import Row
from glue.jobs.sql_to_table.job import Counts, Ports, run
from glue.jobs.sql_to_table.tasks import Examined, Group, Outcome, Target
from scripts.put_items.table import Table
from tests.unit.scripts.put_items.fake_table import FakeTable

TABLE = Table("shop", "111111111111", "eu-west-1", {"pk": "HASH"}, {"pk": "S", "by": "N"})


def given(**changed: str) -> list[str]:
    """The arguments of a run, with those that the stack and Glue add."""
    values = {
        "table": "shop",
        "statement": "SELECT 1",
        "items-per-second": "1000000",
        "lake-region": "eu-west-1",
        "database": "ddb_lake",
        "changes-table": "changes",
        "settled-location": "s3://lake/settled/",
        "JOB_RUN_ID": "jr_1",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    return [text for name, value in values.items() if value for text in (f"--{name}", value)]


def columns(**types: Any) -> tuple[Column, ...]:
    """Columns with their types."""
    return tuple(Column(name, type_) for name, type_ in types.items())


class Memory(Target):
    """The table in memory instead of its client."""

    def __init__(self, table: FakeTable) -> None:
        super().__init__("eu-west-1")
        object.__setattr__(self, "_table", table)

    def client(self) -> Any:
        return self._table  # type: ignore[attr-defined]


@dataclass
class Scene:
    """The rows of a result, and the table that a run writes them into."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    table: FakeTable = field(default_factory=FakeTable)
    keys: Table = TABLE
    slots: int = 3
    log: list[str] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)  # the number of rows of each
    changes_between: Sequence[Row] | None = None  # other rows when they are written

    def run(self, **changed: str) -> Counts:
        """One run."""
        self.log, self.tasks = [], []
        ports = Ports(self, lambda: self.keys, lambda: "SELECT 1", Memory(self.table), self.log.append)
        return run(ports, arguments.read(given(**changed)))

    # glue.jobs.sql_to_table.job.Engine and Result

    @contextmanager
    def result(self, *_: object) -> Iterator[Scene]:
        yield self

    def examined(self, examine: Callable[[Iterable[Row]], Iterator[Examined]]) -> list[Group]:
        by_key: dict[tuple[Any, ...], list[Examined]] = defaultdict(list)
        for one in examine(iter(self.rows)):
            by_key[one.key, one.column, one.why].append(one)
        groups: dict[tuple[str, str], list[list[Examined]]] = defaultdict(list)
        for (_, column, why), rows in by_key.items():
            groups[column, why].append(rows)
        return [
            Group(
                *reason,
                sum(map(len, keys)),
                sum(one.size for rows in keys for one in rows),
                sum(one.units for rows in keys for one in rows),
                sum(1 for rows in keys if rows[0].key and len(rows) > 1),
                sum(len(rows) for rows in keys if rows[0].key and len(rows) > 1),
            )
            for reason, keys in groups.items()
        ]

    def written(self, write: Callable[[Iterable[Row]], Outcome], tasks: int) -> list[Outcome]:
        rows = self.rows if self.changes_between is None else self.changes_between
        shares = [rows[number::tasks] for number in range(tasks)]
        self.tasks = list(map(len, shares))
        return [write(iter(share)) for share in shares]
