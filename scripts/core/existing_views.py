"""The views that a database has of source tables, and how they are behind their table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from scripts.core.answers import count
from scripts.core.console import CommandError
from scripts.core.road_switch import switch_in
from scripts.core.settled_tables import Table
from scripts.core.view_columns import OWN, shown_names
from scripts.core.view_notes import Note, current_form, noted
from scripts.core.views import View
from settled import names
from settled.unsettled import sql_of

# A column of each kind of view, which no view of somebody else has.
_MARKS = {"current": '"#age"', "gaps": "broken_state", "history": '"#number"'}
_SOURCE = re.compile(r"change_table\s*=\s*'((?:[^']|'')+)'", re.IGNORECASE)
_LISTED = 5  # columns in a message


@dataclass(frozen=True)
class ExistingView:
    """A view of ours in Glue: its SQL, and its columns with their types."""

    sql: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class ViewSet:
    """The views of one ending: those that exist of current, gaps and history, by name."""

    name: str
    source: str
    views: Mapping[str, ExistingView]

    @property
    def note(self) -> Note | None:
        """What the views note about themselves; None for views of an earlier version."""
        notes = [noted(view.sql) for view in self.views.values()]
        return next((note for note in notes if note), None)

    @property
    def raw(self) -> bool:
        """Whether they were created to read raw rows although settled tables exist."""
        return self.note is not None and self.note.raw

    @property
    def switched_at(self) -> str | None:
        """The cut between two roads. Raises CommandError if the views have different ones."""
        cuts = {switch_in(view.sql) for view in self.views.values()}
        if len(cuts) > 1:
            raise CommandError(
                f"the views of {self.source} have different switch times: "
                f"{', '.join(sorted(map(str, cuts)))}",
                f"Create the views of table {self.source}, ending {self.name}, again with --switched-at.",
            )
        return cuts.pop()

    @property
    def shown(self) -> Mapping[str, str]:
        """The columns of `current` (or `history`) and their types in Glue."""
        for kind in ("current", "history"):
            view = self.views.get(f"{kind}_{self.name}")
            if view:
                return view.columns
        return {}

    def columns(self, every: Sequence[str]) -> list[str]:
        """The columns of `changes` that the views show if they are created again.

        A view of an earlier version does not note how they were chosen. `changes` gets its columns at the
        end, so a column that is missing before one that is shown was left out: then no column is added.
        """
        note = self.note
        if note:
            only = [column for column in every if not note.columns or _matches(column, note.columns)]
            return [column for column in only if not _matches(column, note.without)]
        have = [column for column, shown in self._names(every) if shown in self.shown]
        if have and every[: len(have)] != have:
            return have
        return list(every)

    def types(self, every: Sequence[str]) -> dict[str, str]:
        """The types that the views give columns of `changes`, as a file of types has them."""
        kinds = {column: _kind(self.shown.get(shown, "string")) for column, shown in self._names(every)}
        return {column: kind for column, kind in kinds.items() if kind != "varchar"}

    def _names(self, every: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Columns of `changes` with the name under which the views show them, if they do."""
        for column, plain in zip(every, shown_names(every, OWN), strict=True):
            # the reserved name is only used where the view has no such column
            yield column, plain if plain in self.shown else column

    def behind(self, wanted: Sequence[View]) -> list[str]:
        """How these views differ from those that would be created now; nothing if they are up to date."""
        found = []
        missing = [view.name for view in wanted if view.name not in self.views]
        if missing:
            found.append(f"{', '.join(missing)} does not exist")
        note = self.note
        if note is None or note.form != current_form():
            found.append("the views have the form of another version")
        for view in wanted:
            existing = self.views.get(view.name)
            reasons = _differences(existing, view) if existing else []
            found += [reason for reason in reasons if reason not in found]
        return found


def _differences(existing: ExistingView, wanted: View) -> list[str]:
    found = []
    for prefix in (names.CHANGES, names.ITEMS):
        reads, would = (prefix in sql for sql in (existing.sql, wanted.select))
        if would and not reads:
            found.append(f"{wanted.name} does not read {prefix}…")
        if reads and not would:
            found.append(f"{wanted.name} reads {prefix}…, which it can no longer use")
    if not wanted.columns:
        return found
    new = [name for name, _ in wanted.columns if name not in existing.columns]
    if new:
        found.append(f"{count(len(new), 'column')} not shown: {some(new)}")
    shown = dict(wanted.columns)
    metadata = re.findall(r"^  (change_\w+|valid_from|valid_to|dt)\b", wanted.select, re.MULTILINE)
    fixed = {*metadata, *OWN}
    gone = [name for name in existing.columns if name not in shown and name not in fixed]
    if gone:
        found.append(f"{count(len(gone), 'column')} shown that cannot be read any more: {some(gone)}")
    other = [
        name
        for name, kind in shown.items()
        if name in existing.columns and _kind(existing.columns[name]) != _plain(kind)
    ]
    if other:
        found.append(f"{count(len(other), 'column')} of another type: {some(other)}")
    return found


def view_sets(tables: Mapping[str, Table]) -> list[ViewSet]:
    """Every set of views that `scripts.views` created, by ending and source table."""
    found: dict[tuple[str, str], dict[str, ExistingView]] = {}
    for name, table in tables.items():
        kind, _, ending = name.partition("_")
        sql = sql_of(table) if kind in _MARKS else None
        source = _SOURCE.search(sql) if sql and _MARKS[kind] in sql else None
        if sql and source:
            types = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
            found.setdefault((ending, source[1].replace("''", "'")), {})[name] = ExistingView(sql, types)
    return [ViewSet(ending, source, views) for (ending, source), views in sorted(found.items())]


def _matches(column: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(column, pattern) for pattern in patterns)


def _kind(glue_type: str) -> str:
    """A type in Glue as a file of types has it."""
    return "varchar" if glue_type in ("string", "varchar") else _plain(glue_type)


def _plain(kind: str) -> str:
    return kind.replace(" ", "")


def some(columns: Sequence[str]) -> str:
    """The first few of the columns, and how many there are more."""
    more = len(columns) - _LISTED
    return ", ".join(columns[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")
