"""THE rule for the columns of `changes`: names are only ever appended, always as `string`.

Nothing is retyped, renamed, reordered or dropped, so no query that worked can stop working.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

COLUMN_TYPE = "string"

# A row's keys are lower case [a-z0-9_]; Glue takes names of 1 to 255 bytes
# (Athena user guide, "Name databases, tables, and columns").
LONGEST_NAME = 255
_NAME = re.compile(r"[a-z0-9_]+")

TOO_LONG = "longer than 255 characters"
NOT_A_COLUMN = "not lower-case letters, digits and underscores"


@dataclass(frozen=True)
class Plan:
    """What to do with the wanted names.

    `added` in the order they were wanted, `known` counts those already there, `refused` maps a name to why.
    """

    added: tuple[str, ...] = ()
    known: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def objection(name: str) -> str | None:
    """Why a name cannot be a column of `changes`, or None when it can."""
    if not _NAME.fullmatch(name):
        return NOT_A_COLUMN
    if len(name) > LONGEST_NAME:
        return TOO_LONG
    return None


def plan(declared: Iterable[str], partitions: Iterable[str], wanted: Iterable[str]) -> Plan:
    """Column names of the table, its partition keys and the wanted names → what is to be appended.

    Names are compared without case, as Hive and Athena compare them. Blank names stand for an empty list.
    """
    taken = {name.lower() for name in (*declared, *partitions)}
    added: dict[str, None] = {}  # in their order; thousands of names come at once
    refused: dict[str, str] = {}
    known: set[str] = set()
    for name in wanted:
        if not name or name in refused or name in added:
            continue
        if name.lower() in taken:
            known.add(name.lower())
            continue
        reason = objection(name)
        if reason:
            refused[name] = reason
        else:
            added[name] = None
    return Plan(tuple(added), len(known), refused)


def appended(columns: Sequence[dict[str, object]], names: Iterable[str]) -> list[dict[str, object]]:
    """The table's columns, untouched, with the names after them."""
    new: list[dict[str, object]] = [{"Name": name, "Type": COLUMN_TYPE} for name in names]
    return [*columns, *new]
