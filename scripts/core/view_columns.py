"""The columns of `changes` that a view shows, and their names. Every name is unique within a view."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import count

from scripts.core.console import CommandError, nearest
from transform_lambda.names import RESERVED_NAMES, RESERVED_PREFIX

# Columns that history_… adds. An attribute of such a name gets an ending, in current_… too.
OWN = frozenset(("change_number", "valid_from", "valid_to"))
ENDING = "_of_item"
NAME_CHARACTERS = 255  # AWS Glue API, NameString


def shown_names(columns: Sequence[str], own: Collection[str]) -> list[str]:
    """The names under which a view shows columns of `changes`, in their order.

    `own` are the view's other columns. An attribute with a reserved name is shown under that name, unless the
    view or the table has a column of that name. A name from `OWN` gets the ending `_of_item`, and such a name
    that already has endings gets one more. So a column's name does not depend on the other columns.
    """
    taken = {*own, *columns}
    shown = []
    for column in columns:
        name = column.removeprefix(RESERVED_PREFIX)
        reserved = name != column and name in RESERVED_NAMES and name not in taken
        shown.append(name if reserved else _with_ending(column))
    used = set(shown)
    return [name if len(name) <= NAME_CHARACTERS else _short(name, used) for name in shown]


def _with_ending(column: str) -> str:
    bare = column
    while bare.endswith(ENDING):
        bare = bare.removesuffix(ENDING)
    return column + ENDING if bare in OWN else column


def _short(name: str, used: set[str]) -> str:
    """A shorter name for one that is too long for Glue: its beginning with the first free number."""
    start = name[: NAME_CHARACTERS - 10]
    free = next(short for number in count(2) if (short := f"{start}_{number}") not in used)
    used.add(free)
    return free


def chosen(columns: Sequence[str], only: Sequence[str], without: Sequence[str]) -> list[str]:
    """The columns to show: those that match `only` (all if it is empty), except those that match `without`.

    A pattern is a column's name, with `*` for any characters.

    :raises CommandError: a pattern matches no column, or no column is left
    """
    wanted = _matched("--columns", only, columns)
    left_out = _matched("--except", without, columns)
    kept = [column for column in columns if (not only or column in wanted) and column not in left_out]
    if columns and not kept:
        raise CommandError("no column is left to show", "Change --columns or --except.")
    return kept


def _matched(option: str, patterns: Iterable[str], columns: Sequence[str]) -> set[str]:
    matched: set[str] = set()
    for pattern in patterns:
        found = [column for column in columns if fnmatchcase(column, pattern)]
        if not found:
            raise CommandError(
                f"{option}: no column of an item is named {pattern}",
                f"Correct the name: {nearest(pattern, columns)}. A new attribute needs a crawl first.",
            )
        matched.update(found)
    return matched


def split_patterns(lists: Iterable[str]) -> list[str]:
    """The patterns of an option that can be repeated and accepts several, separated by commas."""
    parts = [part.strip() for text in lists for part in text.split(",")]
    return [part for part in parts if part]
