"""One record of a file, as the readers of all formats return it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import RecordError


class Record(NamedTuple):
    """One record of a file and its place: "line 3", "record 3 (line 17)"."""

    place: str
    content: dict[str, Any] | RecordError
