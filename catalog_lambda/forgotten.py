"""Names that must not be columns of `changes`, with a record of who decided it, and when.

The record is a parameter of a separate Glue table, `forgotten_columns`. No template declares this table, and
no crawler changes it (docs/adr/0010-forgotten-columns-have-a-table-of-their-own.md). Pure: text in, text out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

TABLE = "forgotten_columns"
PARAMETER = "forgotten"
# The limit of a parameter's value (AWS Glue API reference, "TableInput", Parameters).
LONGEST_RECORD_BYTES = 512_000
# `prices__*` stands for every name that begins with `prices__`.
ANY_ENDING = "*"


class RecordError(ValueError):
    """The record does not have this module's format, or it would be longer than Glue accepts."""


@dataclass(frozen=True)
class Act:
    """Names forgotten together (column names, or a prefix and `*`), with the time (UTC) and the caller."""

    names: tuple[str, ...]
    at: str
    by: str


@dataclass(frozen=True)
class Forgotten:
    """All names that are forgotten now. `name in forgotten` checks a column's name."""

    acts: tuple[Act, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Forgotten:
        """Parse the record's text. An invalid text raises RecordError, so that no column silently returns."""
        try:
            return cls(
                tuple(Act(tuple(map(str, act["names"])), act["at"], act["by"]) for act in json.loads(text))
            )
        except (ValueError, TypeError, KeyError) as error:
            raise RecordError(
                f"it is not a list of names, times and people ({type(error).__name__})"
            ) from error

    def text(self) -> str:
        """The record's text. Raises RecordError if it is longer than a parameter may be."""
        acts = [{"at": act.at, "by": act.by, "names": [*act.names]} for act in self.acts]
        text = json.dumps(acts, separators=(",", ":"))
        if len(text) > LONGEST_RECORD_BYTES:  # ASCII, so characters are bytes
            raise RecordError(f"it would have {len(text):,} bytes; Glue accepts {LONGEST_RECORD_BYTES:,}")
        return text

    @cached_property
    def names(self) -> frozenset[str]:
        """The names and prefixes as the user gave them."""
        return frozenset(name for act in self.acts for name in act.names)

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(beginning(name) for name in self.names if name.endswith(ANY_ENDING))

    def __contains__(self, name: object) -> bool:
        lowered = str(name).lower()
        return lowered in self.names or lowered.startswith(self._beginnings)

    def with_act(self, names: Iterable[str], at: str, by: str) -> Forgotten:
        """The record with these names added; names that are already forgotten are not added again."""
        fresh = tuple(sorted(set(names) - self.names))
        return Forgotten((*self.acts, Act(fresh, at, by))) if fresh else self

    def without(self, names: Iterable[str]) -> Forgotten:
        """The record without these names."""
        gone = set(names)
        kept = (
            Act(tuple(name for name in act.names if name not in gone), act.at, act.by) for act in self.acts
        )
        return Forgotten(tuple(act for act in kept if act.names))


def beginning(name: str) -> str:
    """The prefix of a pattern: `prices__` for `prices__*`."""
    return name.removesuffix(ANY_ENDING)


def stands_for(pattern: str, name: str) -> bool:
    """Whether a pattern (a name, or a prefix and `*`) matches a column's name."""
    if pattern.endswith(ANY_ENDING):
        return name.lower().startswith(beginning(pattern))
    return name.lower() == pattern
