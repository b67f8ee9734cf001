"""The size limits of a view: Athena limits the statement, Glue limits the definition."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence

from glue.tables import METADATA_COLUMNS
from scripts.core.athena import MAX_STATEMENT_BYTES
from scripts.core.console import CommandError
from scripts.core.views import View

# AWS Glue API, ViewTextString. Athena keeps a view there in base64, its columns beside its SQL.
MAX_DEFINITION_BYTES = 409_600
MOST_LEFT_OUT = 10  # a message names at most this many maps
_AROUND = "/* Presto View:  */"


def readable(view: View) -> str:
    """The statement that tests whether a view can be read."""
    return f"SELECT * FROM ({view.select}) LIMIT 0"  # noqa: S608  the view's own


def check_size(
    views: Sequence[View], columns: Sequence[str], again: Callable[[Sequence[str]], Sequence[View]]
) -> None:
    """Refuse views that are too large for Athena or Glue.

    :param columns: the columns of the items that the views show
    :param again: creates the same views with other columns
    :raises CommandError: names the columns to leave out
    """
    for view in views:
        for size, most, who in _sizes(view):
            if size > most:
                raise CommandError(
                    f"{view.name} with {len(columns):,} columns of items is too large: {size:,} bytes; "
                    f"{who} accepts at most {most:,}",
                    _way_out(columns, again),
                )


def _sizes(view: View) -> list[tuple[int, int, str]]:
    statement = max(len(view.statement.encode()), len(readable(view).encode()))
    return [
        (statement, MAX_STATEMENT_BYTES, "Athena"),
        (_definition_bytes(view), MAX_DEFINITION_BYTES, "Glue"),
    ]


def _definition_bytes(view: View) -> int:
    """The approximate size of Athena's definition in Glue: the SQL and its columns as JSON."""
    every = (*((name, "varchar") for name in METADATA_COLUMNS), *view.columns)
    columns = [{"name": name, "type": kind} for name, kind in every]
    definition = {"originalSql": view.select, "catalog": "awsdatacatalog", "schema": "", "columns": columns}
    text = json.dumps(definition, separators=(",", ":")).encode()
    return len(_AROUND) + len(base64.b64encode(text))


def _fit(views: Sequence[View]) -> bool:
    return all(size <= most for view in views for size, most, _ in _sizes(view))


def _way_out(columns: Sequence[str], again: Callable[[Sequence[str]], Sequence[View]]) -> str:
    """The columns to leave out: those of the largest maps, until the rest fits."""
    kept: list[str] = list(columns)
    left_out: list[str] = []
    while not _fit(again(kept)):
        maps = Counter(column.partition("__")[0] for column in kept if column.find("__") > 0)
        if not maps or len(left_out) == MOST_LEFT_OUT:
            return (
                "Choose columns with --columns 'pk,total,customer__*', leave some out with --except, or give "
                "a type to fewer columns."
            )
        largest, _ = maps.most_common(1)[0]
        left_out.append(f"{largest}__*")
        kept = [column for column in kept if not column.startswith(f"{largest}__")]
    number = len(columns) - len(kept)
    return (
        f"Leave out {number:,} of them with --except '{','.join(left_out)}', or choose with --columns. "
        "To keep a map whose keys are data in one column, use the producer's parameter KeepWhole."
    )
