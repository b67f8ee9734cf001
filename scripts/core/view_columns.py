"""Which columns of `changes` a view shows, and under which names: no two columns of a view have one name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import count

from scripts.core.console import CommandError, nearest
from transform_lambda.names import RESERVED_NAMES, RESERVED_PREFIX

# Columns that history_… has of its own; an attribute of such a name gets an ending, in current_… as well.
OWN = frozenset(("change_number", "valid_from", "valid_to"))
ENDING = "_of_item"
NAME_CHARACTERS = 255  # AWS Glue API, NameString


def shown_names(columns: Sequence[str], own: Collection[str]) -> list[str]:
    """The names under which a view shows columns of `changes`, in their order.

    `own` are the view's other columns. An attribute that claimed a reserved name is shown under it, unless
    the view or the table has a column of that name. A name that is the view's own gets the ending `_of_item`,
    and a name that is one with endings gets one more, so a column's name does not depend on the others.
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
    """A free name in place of one that is too long for Glue: the first with a number at its end."""
    start = name[: NAME_CHARACTERS - 10]
    free = next(short for number in count(2) if (short := f"{start}_{number}") not in used)
    used.add(free)
    return free


def chosen(columns: Sequence[str], only: Sequence[str], without: Sequence[str]) -> list[str]:
    """The columns to show: those that a pattern of `only` matches, or all, without those of `without`.

    A pattern is a column's name, with `*` for any characters.

    :raises CommandError: a pattern that matches no column, or no column is left
    """
    wanted = _matched("--columns", only, columns)
    left_out = _matched("--except", without, columns)
    kept = [column for column in columns if (not only or column in wanted) and column not in left_out]
    if columns and not kept:
        raise CommandError("no column is left to show", "Choose others with --columns and --except.")
    return kept


def _matched(option: str, patterns: Iterable[str], columns: Sequence[str]) -> set[str]:
    matched: set[str] = set()
    for pattern in patterns:
        found = [column for column in columns if fnmatchcase(column, pattern)]
        if not found:
            raise CommandError(
                f"{option}: changes has no attribute's column {pattern}",
                f"Correct it, or crawl first: {nearest(pattern, columns)}.",
            )
        matched.update(found)
    return matched


def split_patterns(lists: Iterable[str]) -> list[str]:
    """The patterns of an option that takes several, separated by commas, and may be given again."""
    parts = [part.strip() for text in lists for part in text.split(",")]
    return [part for part in parts if part]
