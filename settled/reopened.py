"""Markers of days before the open ones, into which a verb writes (redrive, heal, backfill, reconcile).

A verb puts a marker before its first row and completes it after its last one. While the marker is there, the
view `unsettled_changes` has its days. A settle run that began with a completed marker has settled everything
the verb wrote: it removes the marker. A marker that is not completed stays until the verb, run again,
completes it: until then the views read these days in full, and their answers are right.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .names import REOPENED


@dataclass(frozen=True)
class Marker:
    """The days (YYYY-MM-DD) that one run of a verb writes into, and whether it has written everything."""

    id: str
    days: tuple[str, ...]
    done: bool = False

    @property
    def key(self) -> str:
        """The marker's key in the lake's bucket."""
        return f"{REOPENED}{self.id}.json"

    def body(self) -> bytes:
        """The marker's content."""
        return json.dumps({"days": [*self.days], "done": self.done}).encode()

    @staticmethod
    def parse(key: str, body: bytes) -> "Marker":
        """Read a marker. Raises ValueError if it is none."""
        try:
            content = json.loads(body)
            days = tuple(str(day) for day in content["days"])
            return Marker(key.removeprefix(REOPENED).removesuffix(".json"), days, content["done"] is True)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{key} is not a marker of reopened days") from error


def days_of(markers: Iterable[Marker]) -> tuple[str, ...]:
    """The days of several markers."""
    return tuple(sorted({day for marker in markers for day in marker.days}))
