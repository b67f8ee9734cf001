"""Names that shall not be columns of `changes`, and the record of who decided that, and when.

The record is a parameter of a Glue table of its own, `forgotten_columns`, which no template declares and no
crawler touches (docs/adr/0010-forgotten-columns-have-a-table-of-their-own.md). Pure: texts in, texts out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

TABLE = "forgotten_columns"
PARAMETER = "forgotten"
# A parameter's value (AWS Glue API reference, "TableInput", Parameters).
LONGEST_RECORD_BYTES = 512_000
# `prices__*` stands for every name that begins with `prices__`.
ANY_ENDING = "*"


class RecordError(ValueError):
    """The record is not what this module writes, or would be longer than Glue takes."""


@dataclass(frozen=True)
class Act:
    """Names forgotten at once: each a column's name, or its beginning and `*`; when (UTC) and by whom."""

    names: tuple[str, ...]
    at: str
    by: str


@dataclass(frozen=True)
class Forgotten:
    """Everything that is forgotten now. `name in forgotten` asks whether a column's name is."""

    acts: tuple[Act, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Forgotten:
        """The record's text → what it says. Raises RecordError, so that nothing comes back unnoticed."""
        try:
            return cls(
                tuple(Act(tuple(map(str, one["names"])), one["at"], one["by"]) for one in json.loads(text))
            )
        except (ValueError, TypeError, KeyError) as error:
            raise RecordError(
                f"it is not a list of names, times and people ({type(error).__name__})"
            ) from error

    def text(self) -> str:
        """The record's text. Raises RecordError where it is longer than a parameter may be."""
        acts = [{"at": act.at, "by": act.by, "names": [*act.names]} for act in self.acts]
        text = json.dumps(acts, separators=(",", ":"))
        if len(text) > LONGEST_RECORD_BYTES:  # ASCII, so characters are bytes
            raise RecordError(f"it would have {len(text):,} bytes, and Glue keeps {LONGEST_RECORD_BYTES:,}")
        return text

    @cached_property
    def names(self) -> frozenset[str]:
        """The names and beginnings as they were given."""
        return frozenset(name for act in self.acts for name in act.names)

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(beginning(name) for name in self.names if name.endswith(ANY_ENDING))

    def __contains__(self, name: object) -> bool:
        lowered = str(name).lower()
        return lowered in self.names or lowered.startswith(self._beginnings)

    def with_act(self, names: Iterable[str], at: str, by: str) -> Forgotten:
        """The same and these names besides, those alone that were not forgotten yet."""
        fresh = tuple(sorted(set(names) - self.names))
        return Forgotten((*self.acts, Act(fresh, at, by))) if fresh else self

    def without(self, names: Iterable[str]) -> Forgotten:
        """The same without these names."""
        gone = set(names)
        kept = (
            Act(tuple(name for name in act.names if name not in gone), act.at, act.by) for act in self.acts
        )
        return Forgotten(tuple(act for act in kept if act.names))


def beginning(name: str) -> str:
    """What the names begin with that `prices__*` stands for."""
    return name.removesuffix(ANY_ENDING)


def stands_for(given: str, name: str) -> bool:
    """Whether a name, or a beginning and `*`, stands for a column's name."""
    if given.endswith(ANY_ENDING):
        return name.lower().startswith(beginning(given))
    return name.lower() == given
