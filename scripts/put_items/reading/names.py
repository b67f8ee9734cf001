"""Names that must be unique."""

from __future__ import annotations

from collections.abc import Iterable


def first_twice(names: Iterable[str]) -> str | None:
    """The first name that occurs a second time, found in one pass; None if all are unique."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
