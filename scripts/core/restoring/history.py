"""What the lake knows about a table at a moment: where it begins, gaps, and the items of that moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.core.athena import Finished, Result, Workgroup
from scripts.core.console import CommandError, nearest
from scripts.core.delivery_time import DELIVERY_TIME
from scripts.core.restoring import statements
from scripts.core.road_switch import kept_switch

MOST_GAPS = 20  # that a report names; there can be very many
_VIEWS = ("current_", "history_", "gaps_")


@dataclass(frozen=True)
class Overview:
    """The changes of a table: first and last time, number of SNAPSHOT rows, and whether by both roads."""

    begins: str
    newest: str
    copies: int
    both_roads: bool


@dataclass
class Gaps:
    """Places where a change is missing (their number, the first of them), and items that are older.

    `older` counts items whose rows are all later than the moment; from `known_from` on, all are known.
    """

    number: int = 0
    older: int = 0
    known_from: str = ""
    first: list[dict[str, str]] = field(default_factory=list)


@dataclass
class History:
    """One table's history in one lake. `bytes_scanned` and `queries` grow with each statement."""

    workgroup: Workgroup
    database: str
    table: str
    moment: str
    switched_at: str | None = None
    bytes_scanned: int = 0
    queries: list[str] = field(default_factory=list)

    def find_switch(self) -> None:
        """Take the switch between two roads from the table's views. Raises CommandError if they differ."""
        glue = self.workgroup.connection.client("glue")
        names = [
            table["Name"]
            for page in glue.get_paginator("get_tables").paginate(DatabaseName=self.database)
            for table in page["TableList"]
            if table.get("TableType") == "VIRTUAL_VIEW" and table["Name"].startswith(_VIEWS)
        ]
        self.switched_at = kept_switch(self.workgroup, self.database, names, self.table)

    def overview(self) -> Overview:
        """Where the table's changes begin and end. Raises CommandError if it has none at the moment."""
        found = {row[0] or "": row for row in self._rows(statements.overview())}
        if self.table not in found:
            known = (
                f"Use the name of a table that has: {nearest(self.table, found)}."
                if found
                else f"Wait. {DELIVERY_TIME} Then run the command again."
            )
            raise CommandError(f"the lake has no changes of table {self.table}", known)
        _, begins, newest, copies, streams, kinesis = found[self.table]
        overview = Overview(
            str(begins), str(newest), int(copies or 0), (streams, kinesis) == ("true", "true")
        )
        if self.moment < overview.begins:
            raise CommandError(
                f"the lake begins at {overview.begins}, later than {self.moment}; items older than that are "
                "in it only if a backfill wrote them",
                "Give a later time with --as-of.",
                begins=overview.begins,
            )
        return overview

    def gaps(self) -> Gaps:
        """What is missing in the lake and can concern the moment."""
        gaps = Gaps()
        names = ("key", "state", "missing", "time")
        for row in self.workgroup.rows(
            self._finish(statements.gaps(self.table, self.moment, self.switched_at))
        ):
            gap = dict(zip(names, row, strict=True))
            if gap["missing"] == "older":
                gaps.older += 1
                gaps.known_from = max(gaps.known_from, gap["time"])
            else:
                gaps.number += 1
            if len(gaps.first) < MOST_GAPS:
                gaps.first.append(gap)
        return gaps

    def states(self) -> Finished:
        """The items: key, digest and image."""
        return self._finish(statements.states(self.table, self.moment, self.switched_at))

    def lines(self) -> Finished:
        """The items without an image: key, digest and line."""
        return self._finish(statements.lines(self.table, self.moment, self.switched_at))

    def _finish(self, sql: str) -> Finished:
        done = self.workgroup.finish(sql, self.database)
        self._count(done)
        return done

    def _rows(self, sql: str) -> list[list[str | None]]:
        done = self.workgroup.execute(sql, self.database)
        self._count(done)
        return done.rows

    def _count(self, done: Finished | Result) -> None:
        self.bytes_scanned += done.bytes_scanned
        self.queries.append(done.query_id)
