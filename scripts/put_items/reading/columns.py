"""The columns of a CSV file: names, and the types that the header or --types gives them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import CommandError, listed, shown
from ..kinds import TAGS
from ..table import Table
from .names import first_twice

TYPES = (*TAGS, "JSON")  # JSON: each cell has the type that its JSON says
OR_NULL = "+NULL"  # after a type: an empty cell is NULL, not an attribute that the item lacks
TYPES_ARE = f"Types are {', '.join(TYPES)}, each also with {OR_NULL} (an empty cell is NULL)"

# Words that people write where a type belongs; a column that is really called so is named in --types.
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

    `said` is whether the file or the user gave the type; otherwise it is the key's, or S.
    """

    name: str
    type: str
    null: bool
    said: bool


def type_of(text: str) -> tuple[str, bool] | None:
    """A type as it is written, `N` or `N+NULL`: one of TYPES, and whether empty is NULL; None for others."""
    null = text.endswith(OR_NULL)
    base = text[: -len(OR_NULL)] if null else text
    return (base, null) if base in TYPES else None


def name_and_type(cell: str, types: Mapping[str, str]) -> tuple[str, str]:
    """A header's cell as name and type; the type is empty where there is none, and may be a mistaken one.

    A colon alone makes no type: `note:draft` is a name, and so is whatever --types names.
    """
    cell = cell.strip()
    name, colon, suffix = cell.rpartition(":")
    if cell in types or not colon or not (suffix.isupper() or suffix.lower() in MISTAKEN):
        return cell, ""
    return name, suffix


def columns_of(header: Sequence[str], types: Mapping[str, str], table: Table, file: str) -> list[Column]:
    """The columns of a header: types by --types, by `name:N` in the header, by the table's keys, else S."""
    columns = []
    for cell in header:
        name, suffix = name_and_type(cell, types)
        given = types.get(name) or suffix
        made = type_of(given or table.types.get(name, "S"))
        if made is None:
            raise CommandError(
                f"{file}: the column {shown(cell.strip())} has no type {shown(suffix)}",
                f"{TYPES_ARE}: {shown(name)}:N. If that is the column's name, say so: "
                f"--types '{shown(cell.strip())}=S'.",
            )
        columns.append(Column(name, *made, said=bool(given)))
    _check_names([column.name for column in columns], types, table, file)
    return columns


def _check_names(names: list[str], types: Mapping[str, str], table: Table, file: str) -> None:
    """Raise CommandError unless every name is there once, each key and each name of --types among them."""
    there = set(names)
    for name in (*table.keys, *types):
        if name not in there:
            role = f"a key of table {table.name}" if name in table.keys else "named by --types"
            near = difflib.get_close_matches(name, [one for one in names[:1000] if len(one) <= 255], n=1)
            if len(names) == 1 and re.search(r"\W", names[0]):
                next_step = "If the header has several columns, name their delimiter with --delimiter."
            elif near:
                next_step = f"Rename the column {shown(near[0])} to {shown(name)}."
            else:
                next_step = "Add the column to the file; the first line names the columns."
            known = listed(names) or "none"
            raise CommandError(
                f"{file}: there is no column {shown(name)}, {role}; the columns are {known}", next_step
            )
    if "" in there:
        raise CommandError(
            f"{file}: a column has no name in the header", "Name every column; nothing was written."
        )
    twice = first_twice(names)
    if twice is not None:
        raise CommandError(
            f"{file}: column {shown(twice)} stands twice in the header",
            "Name every column once; nothing was written.",
        )
