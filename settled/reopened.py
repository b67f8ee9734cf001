"""Markers of days before the open ones, into which a verb writes (redrive, heal, backfill, reconcile).

A verb puts a marker before its first row and completes it after its last one. While the marker is there, the
view `unsettled_changes` has its days. A settle run that began with a completed marker has settled everything
the verb wrote: it removes the marker, once the objects were settled some time ago. A marker that is not
completed stays until the verb, run again, completes it: until then the views read these days in full, and
their answers are right.

Verbs, a run and `scripts.views` (for a new column) may create the view at the same time. Each lists the
markers again after it has created it, and creates it again if there is a further day. So the view that was
created last has the days of every marker.

A completed marker is removed by a run that may have begun long ago, so a verb that is run again does not
write to it: it takes the next free name (`free_id`).
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
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{key} is not a marker of reopened days") from error


def free_id(name: str, markers: Iterable[Marker]) -> str:
    """The id of a run of a verb: the name, or with a number if markers of that name are completed."""
    done = {marker.id for marker in markers if marker.done}
    number, found = 1, name
    while found in done:
        number += 1
        found = f"{name}-{number}"
    return found


def days_of(markers: Iterable[Marker]) -> tuple[str, ...]:
    """The days of several markers."""
    return tuple(sorted({day for marker in markers for day in marker.days}))
