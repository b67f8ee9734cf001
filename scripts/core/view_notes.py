"""The note in a view's SQL: the form of the SQL, and the choices that the view was created with.

The note is a literal in a query of WITH that nothing reads, because Athena keeps a view's SQL, in its own
layout, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.core.views import NOTE, VIEWS

_NOTE = re.compile(rf"{re.escape(NOTE)}\s+AS\s*\(\s*SELECT\s+'((?:[^']|'')*)'", re.IGNORECASE)


@dataclass(frozen=True)
class Note:
    """The form of a view, the patterns of `--columns` and `--except`, and whether `--raw` was given."""

    form: str
    columns: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    raw: bool = False

    def text(self) -> str:
        """The note as a view has it."""
        noted = {"form": self.form, "columns": self.columns, "except": self.without}
        return json.dumps({**noted, "raw": True} if self.raw else noted)


def note(columns: Sequence[str] = (), without: Sequence[str] = (), *, raw: bool = False) -> Note:
    """The note of a view that is created now."""
    return Note(current_form(), tuple(columns), tuple(without), raw)


def current_form() -> str:
    """A digest of the files that the views are made of."""
    digest = hashlib.sha256()
    for path in sorted(VIEWS.glob("**/*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def noted(sql: str) -> Note | None:
    """The note in a view's SQL; None for a view of an earlier version."""
    found = _NOTE.search(sql)
    if not found:
        return None
    try:
        content = json.loads(found[1].replace("''", "'"))
        choice = (tuple(content["columns"]), tuple(content["except"]), content.get("raw") is True)
        return Note(str(content["form"]), *choice)
    except (ValueError, KeyError, TypeError):
        return None
