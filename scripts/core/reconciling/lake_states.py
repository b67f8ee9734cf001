"""The newest change of each key in a lake, found by Athena with the rule of the view `current`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from repair.partitions import Partitions
from repair.reconciliation import Day
from scripts.core.athena import MAX_STATEMENT_BYTES, Workgroup, quoted
from scripts.core.console import CommandError
from scripts.core.lake_table import ROWS
from scripts.core.views import newest_changes

HAS_ITEM = "change_after IS NOT NULL"  # a deletion has none, and neither has a SNAPSHOT of no item
BACKFILLED = "\"$path\" LIKE '%/repair-backfill-%'"  # repair.objects.object_name
# Keys are looked up by name as long as these statements have room for them. Each reads the whole lake.
MOST_STATEMENTS = 4


@dataclass(frozen=True)
class LakeSummary:
    """The rows of one table in a lake."""

    rows: int = 0
    days: dict[str, Day] = field(default_factory=dict)
    backfilled: bool = False
    both_roads: bool = False


@dataclass(frozen=True)
class LakeReader:
    """The rows of one source table in a lake. `among` names those among which the newest is looked for."""

    workgroup: Workgroup
    database: str
    table: str
    switched_at: str | None = None
    among: str | None = None

    def summary(self, *, both: str, without: str = "") -> LakeSummary:
        """Count the rows. Raises CommandError if the lake has none of this table.

        :param both: the table and both sides, for a command in the message
        :param without: rows whose change_id begins with this text do not count as backfilled
        """
        other = f"AND change_id NOT LIKE {quoted(f'{without}%')}" if without else ""
        sql = f"""SELECT
  dt,
  count(*),
  count_if(change_type <> 'SNAPSHOT'),
  bool_or({BACKFILLED} {other}),
  bool_or(length(change_sequence) = 40),
  bool_or(length(change_sequence) <> 40)
FROM changes
WHERE {ROWS} AND change_table = {quoted(self.table)}
GROUP BY dt"""  # noqa: S608
        rows = list(self.workgroup.stream(sql, self.database))
        if not rows:
            raise CommandError(
                f"the lake has no row of table {self.table}",
                f"Bring its items into the lake: `python -m scripts.backfill {both}`. If items were changed "
                "more than some minutes ago, see docs/operations/restore-delivery.md first.",
            )
        days = {row[0]: Day(int(row[1]), int(row[2])) for row in rows}
        backfilled, streams, kinesis = (any(row[n] == "true" for row in rows) for n in (3, 4, 5))
        count = sum(day.rows for day in days.values())
        return LakeSummary(count, days, backfilled, streams and kinesis)

    def items(self, into: Partitions) -> None:
        """Store (digest,) of every key that has an item."""
        for key, digest in self._newest("change_key, change_after", condition=HAS_ITEM):
            into.add(key, digest)

    def newest(self, keys: Partitions, into: Partitions) -> None:
        """Store (digest or None, change_time, change_type) of these keys; perhaps of others too."""
        columns = "change_key, change_after, change_time, change_type"
        statements = list(self._lists(keys)) if self._are_few(keys) else ["true"]
        for rows in statements:
            for key, digest, time, change_type in self._newest(columns, rows=rows):
                into.add(key, digest or None, time, change_type)

    def _newest(self, columns: str, *, condition: str = "true", rows: str = "true") -> Iterator[list[str]]:
        sql = newest_changes(
            self.table, columns, condition=condition, rows=self._rows(rows), switched_at=self.switched_at
        )
        return self.workgroup.stream(sql, self.database)

    def _rows(self, rows: str) -> str:
        return rows if self.among is None else f"{self.among} AND {rows}"

    @property
    def _room(self) -> int:
        """The bytes that a statement has for keys."""
        return MAX_STATEMENT_BYTES - len(self._statement("").encode()) - 1024

    def _statement(self, rows: str) -> str:
        return newest_changes(
            self.table,
            "change_key, change_after, change_time, change_type",
            rows=self._rows(rows),
            switched_at=self.switched_at,
        )

    def _are_few(self, keys: Partitions) -> bool:
        # a quote in a key is written twice, and a key has two quotes and a comma
        return 2 * keys.key_bytes + 4 * keys.rows < MOST_STATEMENTS * self._room

    def _lists(self, keys: Iterable[tuple[str, object]]) -> Iterator[str]:
        """Conditions that together name every key, each short enough for a statement."""
        listed: list[str] = []
        size, room = 0, self._room
        for key, _ in keys:
            text = quoted(key)
            if listed and size + len(text.encode()) + 2 > room:
                yield f"change_key IN ({', '.join(listed)})"
                listed, size = [], 0
            listed.append(text)
            size += len(text.encode()) + 2
        if listed:
            yield f"change_key IN ({', '.join(listed)})"
