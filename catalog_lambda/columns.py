"""THE rule for the columns of `changes`: names are only appended, always as `string`.

Columns are never retyped, renamed, reordered or dropped, so a query that works keeps working. A flood of
names, for example from a map that is keyed by data, is declared in parts: a limited number per crawl.
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
# Columns that Iceberg itself adds to its tables. No other column may have such a name (Apache Iceberg spec,
# "Reserved Field IDs"; `_change_…` and `_commit_…` belong to its changelog). The row code stores an attribute
# with such a name in the column `attribute_…`; rows from older versions have it under its own name. This
# function's zip does not contain the row code, so the names are repeated here. A test compares both lists.
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
    """The names that could become columns, by source, each in the order in which to declare them.

    `earlier` were columns before, `named` are the stack's ItemColumns, `found` come from the crawler.
    """

    earlier: Sequence[str] = ()
    named: Sequence[str] = ()
    found: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """The decision about the names.

    `added` are the names to append, in the given order. `known` counts existing columns, `forgotten` names
    that somebody removed on purpose, `waiting` names that later crawls declare. `refused` maps each name that
    cannot be a column to the reason.
    """

    added: tuple[str, ...] = ()
    known: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    forgotten: int = 0


def objection(name: str) -> str | None:
    """The reason why a name cannot be a column of `changes`, or None if it can."""
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
    """The table's columns, its partition keys and the possible names → the names to append.

    Of the names that only the crawler found, at most `most` are added. The others have no limit: all earlier
    columns come back, and the stack requested its own names. A forgotten name is neither added nor refused,
    whatever its source. An earlier column that can no longer be a column is skipped. Names are compared
    without case, as in Hive and Athena. Blank names are skipped: CloudFormation sends an empty list as "".
    """
    taken = {name.lower() for name in (*declared, *partitions)}
    new: set[str] = set()
    known: set[str] = set()
    lost: set[str] = set()
    refused: dict[str, str] = {}

    def fresh(candidates: Iterable[str]) -> list[str]:
        """The names that may be appended, each once."""
        result = []
        for name in candidates:
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
    requested = fresh(names.named)
    found = fresh(names.found)
    chosen = set(in_turn(found)[:most]) if len(found) > most else set(found)
    added = (*returning, *requested, *(name for name in found if name in chosen))
    return Plan(added, len(known), refused, len(found) - len(chosen), len(lost))


def family(name: str) -> str:
    """The common start of names that come from data: `prices` for `prices__sku1`, `junk_` for `junk_17`."""
    return _FAMILY_ENDS.split(name, maxsplit=1)[0]


def in_turn(names: Collection[str]) -> list[str]:
    """One name of each family, then a second one of each, and so on; small families first.

    So a single attribute does not wait behind the thousands of names from a map that is keyed by data. The
    order depends only on the names, so the next crawl continues where this one stopped.
    """
    families: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        families[family(name)].append(name)
    turns = [(turn, len(members), name) for members in families.values() for turn, name in enumerate(members)]
    return [name for _, _, name in sorted(turns)]


def appended(columns: Sequence[dict[str, object]], names: Iterable[str]) -> list[dict[str, object]]:
    """The table's columns, unchanged, followed by the new names."""
    new: list[dict[str, object]] = [{"Name": name, "Type": COLUMN_TYPE} for name in names]
    return [*columns, *new]
