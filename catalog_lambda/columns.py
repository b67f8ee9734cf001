"""THE rule for the columns of `changes`: names are only ever appended, always as `string`.

Nothing is retyped, renamed, reordered or dropped, so no query that worked can stop working. A flood of names,
as from a map that is keyed by data, comes in parts, so many new ones per crawl.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field

COLUMN_TYPE = "string"

# A row's keys are lower case [a-z0-9_]; Glue takes names of 1 to 255 bytes
# (Athena user guide, "Name databases, tables, and columns").
LONGEST_NAME = 255
_NAME = re.compile(r"[a-z0-9_]+")
# Columns that Iceberg adds to its tables by itself, so none of a table's own may be called so (Apache Iceberg
# spec, "Reserved Field IDs"; `_change_…` and `_commit_…` are those of its changelog). The row code gives an
# attribute of such a name the column `attribute_…`; rows of older versions hold it as it was. A zip of this
# function holds no other package, so the names stand here too, and a test holds both equal.
ICEBERG_NAMES = frozenset(
    {
        "_file",
        "_pos",
        "_deleted",
        "_spec_id",
        "_partition",
        "_row_id",
        "_last_updated_sequence_number",
        "_change_type",
        "_change_ordinal",
        "_commit_snapshot_id",
    }
)
# Where a name's family ends: at its first digit, or at the `__` after its first letter.
_FAMILY_ENDS = re.compile(r"(?<=[a-z])__|[0-9]")

TOO_LONG = "longer than 255 characters"
NOT_A_COLUMN = "not lower-case letters, digits and underscores"
ICEBERGS_OWN = "a name that Apache Iceberg keeps for itself"


@dataclass(frozen=True)
class Names:
    """The names that could be columns, by where they come from; each kind in the order it is to be declared.

    `earlier` were columns before, `named` are the stack's ItemColumns, `found` are the crawler's.
    """

    earlier: Sequence[str] = ()
    named: Sequence[str] = ()
    found: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """What to do with the names.

    `added` in the order they were given, `known` counts those already there, `forgotten` those that somebody
    took away on purpose, `waiting` those that the next crawls declare; `refused` maps a name to why.
    """

    added: tuple[str, ...] = ()
    known: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    forgotten: int = 0


def objection(name: str) -> str | None:
    """Why a name cannot be a column of `changes`, or None when it can."""
    if not _NAME.fullmatch(name):
        return NOT_A_COLUMN
    if len(name) > LONGEST_NAME:
        return TOO_LONG
    if name in ICEBERG_NAMES:
        return ICEBERGS_OWN
    return None


def plan(
    declared: Iterable[str],
    partitions: Iterable[str],
    names: Names,
    *,
    most: int,
    forgotten: Container[str] = (),
) -> Plan:
    """The table's columns, its partition keys and the names there are → what is to be appended.

    At most `most` of the names that only the crawler gave, and no limit to the others: what was a column
    comes back as a whole, and what the stack names was asked for. A forgotten name is neither appended nor
    refused, wherever it comes from. A name that was a column and cannot be one any more is passed over.
    Names are compared without case, as Hive and Athena compare them. Blank names stand for an empty list.
    """
    taken = {name.lower() for name in (*declared, *partitions)}
    new: set[str] = set()
    known: set[str] = set()
    lost: set[str] = set()
    refused: dict[str, str] = {}

    def fresh(given: Iterable[str]) -> list[str]:
        """The names that may be appended, each once."""
        result = []
        for name in given:
            if not name or name in refused or name in new:
                continue
            if name in forgotten:
                lost.add(name.lower())
            elif name.lower() in taken:
                known.add(name.lower())
            elif reason := objection(name):
                refused[name] = reason
            else:
                new.add(name)
                result.append(name)
        return result

    returning = fresh(name for name in names.earlier if objection(name) is None)
    asked_for = fresh(names.named)
    found = fresh(names.found)
    chosen = set(in_turn(found)[:most]) if len(found) > most else set(found)
    added = (*returning, *asked_for, *(name for name in found if name in chosen))
    return Plan(added, len(known), refused, len(found) - len(chosen), len(lost))


def family(name: str) -> str:
    """What names made of data have in common: `prices__sku1` is one of `prices`, `junk_17` one of `junk_`."""
    return _FAMILY_ENDS.split(name, maxsplit=1)[0]


def in_turn(names: Collection[str]) -> list[str]:
    """One name of each family, then another of each, small families first.

    So an attribute of its own does not wait behind the thousands of a map that is keyed by data. The order
    follows from the names alone: whoever takes the first of them and comes again goes on where it stopped.
    """
    families: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        families[family(name)].append(name)
    turns = [(turn, len(members), name) for members in families.values() for turn, name in enumerate(members)]
    return [name for _, _, name in sorted(turns)]


def appended(columns: Sequence[dict[str, object]], names: Iterable[str]) -> list[dict[str, object]]:
    """The table's columns, untouched, with the names after them."""
    new: list[dict[str, object]] = [{"Name": name, "Type": COLUMN_TYPE} for name in names]
    return [*columns, *new]
