"""One record of a file, as each format's reader gives it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import RecordError


class Record(NamedTuple):
    """One record of a file and where it stands: "line 3", "record 3 (line 17)"."""

    place: str
    content: dict[str, Any] | RecordError
