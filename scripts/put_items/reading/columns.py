"""The columns of a CSV file: their names, and their types from the header or --types."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import CommandError, listed, shown
from ..kinds import TAGS
from ..table import Table
from .names import first_twice

TYPES = (*TAGS, "JSON")  # JSON: the JSON in each cell decides its type
OR_NULL = "+NULL"  # after a type: an empty cell is NULL; otherwise the item lacks the attribute
TYPES_ARE = f"Types are {', '.join(TYPES)}, each also with {OR_NULL} (an empty cell is NULL)"

# Wrong words for a type. A column whose name really contains one needs --types.
MISTAKEN = frozenset(
    re.findall(
        r"\w+",
        "string str text varchar char number numeric num int integer bigint long float double decimal real "
        "bool boolean null map object dict list array json binary bytes blob date datetime timestamp "
        "stringset numberset binaryset " + " ".join(TAGS).lower(),
    )
)


class Column(NamedTuple):
    """A column: the attribute's name, one of TYPES, and whether an empty cell is NULL.

    `is_explicit` is whether the file or the user gave the type; otherwise it is the key's type, or S.
    """

    name: str
    type: str
    null: bool
    is_explicit: bool


def type_of(text: str) -> tuple[str, bool] | None:
    """Read a type such as `N` or `N+NULL`: one of TYPES, and whether empty means NULL; None for others."""
    null = text.endswith(OR_NULL)
    base = text[: -len(OR_NULL)] if null else text
    return (base, null) if base in TYPES else None


def name_and_type(cell: str, types: Mapping[str, str]) -> tuple[str, str]:
    """Split a header's cell into name and type. The type is "" if there is none; it may be a wrong one.

    Not every colon separates a type: `note:draft` is a name, and so is every name in --types.
    """
    cell = cell.strip()
    name, colon, suffix = cell.rpartition(":")
    if cell in types or not colon or not (suffix.isupper() or suffix.lower() in MISTAKEN):
        return cell, ""
    return name, suffix


def columns_of(header: Sequence[str], types: Mapping[str, str], table: Table, file: str) -> list[Column]:
    """The columns of a header. A type comes from --types, else `name:N`, else the table's keys, else is S."""
    columns = []
    for cell in header:
        name, suffix = name_and_type(cell, types)
        written = types.get(name) or suffix
        parsed = type_of(written or table.types.get(name, "S"))
        if parsed is None:
            raise CommandError(
                f"{file}: column {shown(cell.strip())} has an unknown type {shown(suffix)}",
                f"{TYPES_ARE}: {shown(name)}:N. If the colon is part of the column's name: "
                f"--types '{shown(cell.strip())}=S'.",
            )
        columns.append(Column(name, *parsed, is_explicit=bool(written)))
    _check_names([column.name for column in columns], types, table, file)
    return columns


def _check_names(names: list[str], types: Mapping[str, str], table: Table, file: str) -> None:
    """Raise CommandError if a key or a name of --types is missing, or a name is empty or not unique."""
    known_names = set(names)
    for name in (*table.keys, *types):
        if name not in known_names:
            role = f"a key of table {table.name}" if name in table.keys else "named by --types"
            near = difflib.get_close_matches(name, [each for each in names[:1000] if len(each) <= 255], n=1)
            if len(names) == 1 and re.search(r"\W", names[0]):
                next_step = "If the header has several columns, give their delimiter with --delimiter."
            elif near:
                next_step = f"Rename the column {shown(near[0])} to {shown(name)}."
            else:
                next_step = "Add the column to the file; the first line names the columns."
            known = listed(names) or "none"
            raise CommandError(
                f"{file}: there is no column {shown(name)}, {role}; the columns are {known}", next_step
            )
    if "" in known_names:
        raise CommandError(
            f"{file}: a column has no name in the header", "Name every column. Nothing was written."
        )
    twice = first_twice(names)
    if twice is not None:
        raise CommandError(
            f"{file}: column {shown(twice)} is in the header twice",
            "Name every column once. Nothing was written.",
        )
