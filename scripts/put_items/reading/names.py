"""Names of which each may be there once."""

from __future__ import annotations

from collections.abc import Iterable


def first_twice(names: Iterable[str]) -> str | None:
    """The first name that was there before, in one pass; None when each is there once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
