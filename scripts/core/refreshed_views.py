"""Create the views of one table, and create all views of a database again as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glue.tables import METADATA_COLUMNS
from scripts.core.answers import count
from scripts.core.athena import Workgroup
from scripts.core.console import CommandError, Output
from scripts.core.existing_views import ViewSet, view_sets
from scripts.core.settled_tables import SettledTables, columns_of, lake_tables, shared
from scripts.core.template import ROOT
from scripts.core.view_notes import Note, note
from scripts.core.view_size import check_size, readable
from scripts.core.views import Settled, View, definitions, read_types
from settled.names import UNSETTLED

TYPES = ROOT / "athena" / "views" / "types"


@dataclass(frozen=True)
class Wanted:
    """The views to create: their ending, their source table, and what they show."""

    name: str
    source: str
    columns: Sequence[str]
    types: Mapping[str, str]
    switched_at: str | None
    settled: Settled | None


def statements_of(wanted: Wanted, noted: Note) -> list[View]:
    """The views' statements. Raises CommandError if they are too large."""

    def views_of(shown: Sequence[str]) -> list[View]:
        return definitions(
            wanted.name,
            wanted.source,
            shown,
            wanted.types,
            wanted.switched_at,
            settled=wanted.settled,
            note=noted.text(),
        )

    views = views_of(wanted.columns)
    check_size(views, wanted.columns, views_of)
    return views


def create(lake: SettledTables, views: Sequence[View], out: Output) -> None:
    """Create the views, after a test that all of them can be read."""
    if any(UNSETTLED in view.select for view in views) and not lake.complete():
        lake.widen()
    for view in views:
        lake.workgroup.execute(readable(view), lake.database)
    out.interruption = "some of the views are refreshed, the others are as before. Run the command again."
    for view in views:
        lake.workgroup.execute(view.statement, lake.database)
    out.say(f"created or refreshed {len(views)} views in database {lake.database}:")


def refresh(
    workgroup: Workgroup,
    database: str,
    out: Output,
    *,
    write: bool,
    dry_run: bool,
    raw: bool | None = None,
) -> int:
    """Create every set of views again, or without `write` only name those that are behind their table.

    A set that cannot be created does not keep the others from it. Returns the exit code: 1 if a set stays
    behind.

    :param raw: whether the views read raw rows although settled tables exist; None: as they were created
    """
    lake = SettledTables(workgroup, database, lake_tables(workgroup, database))
    every = [name for name in columns_of(lake.tables["changes"]) if name not in METADATA_COLUMNS]
    answers: list[dict[str, Any]] = []
    for existing in view_sets(lake.tables):
        answer: dict[str, Any] = {"name": existing.name, "table": existing.source, "behind": []}
        answer["raw"] = existing.raw if raw is None else raw
        answers.append(answer)
        try:
            views = again(existing, every, lake, raw=raw)
            answer["behind"] = existing.behind(views)
            if write and dry_run:
                answer["statements"] = {view.name: view.statement for view in views}
            elif write:
                create(lake, views, out)
                answer["refreshed"] = True
        except CommandError as error:
            answer["behind"] = [f"{error.message}. {error.next_step}"]
            answer["failed"] = True
    out.answer({"database": database, "views": answers}, "\n".join(map(_line, answers)))
    late = [each for each in answers if each.get("failed") or (each["behind"] and not write)]
    if not answers:
        out.say(
            f"database {database} has no views of a table; "
            f"`python -m scripts.views TABLE{workgroup.connection.location}` creates them"
        )
    elif late and write:
        out.say(f"{count(len(late), 'set')} of views could not be created", "yellow")
    elif late:
        out.say(f"next: python -m scripts.views --all{workgroup.connection.location}")
    return 1 if late else 0


def again(
    existing: ViewSet, every: Sequence[str], lake: SettledTables, *, raw: bool | None = None
) -> list[View]:
    """The views of a set as they would be created now, with their own choices and types.

    A file `athena/views/types/NAME.yaml` decides their types, as for one table; without it the views keep
    what they have.
    """
    path = TYPES / f"{existing.name}.yaml"
    types = read_types(path, every) if path.exists() else existing.types(every)
    raw = existing.raw if raw is None else raw
    settled = None if raw else lake.of(existing.source)
    columns, available = existing.columns(every), list(every)
    if settled:
        columns, available = shared(settled, columns), shared(settled, available)
    earlier = note(columns if columns != available else (), raw=raw)  # an earlier version noted no choice
    kept = note(existing.note.columns, existing.note.without, raw=raw) if existing.note else earlier
    wanted = Wanted(existing.name, existing.source, columns, types, existing.switched_at, settled)
    return statements_of(wanted, kept)


def _line(answer: Mapping[str, Any]) -> str:
    if "statements" in answer:
        return "\n".join(f"{statement};\n" for statement in answer["statements"].values())
    state = "refreshed" if answer.get("refreshed") else "; ".join(answer["behind"]) or "up to date"
    return f"{answer['name']} ({answer['table']}): {state}{', raw rows as chosen' if answer['raw'] else ''}"
