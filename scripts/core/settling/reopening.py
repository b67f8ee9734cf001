"""Days that are open for a while: one command's marker, and the view `unsettled_changes` with its days.

`settled/reopened.py` states the protocol. Everything happens with the user's own session.
"""

from __future__ import annotations

from collections.abc import Collection

from scripts.core.settling.option_stack import SettleStack
from scripts.core.settling.unsettled_view import Markers, UnsettledView
from settled.reopened import Marker, days_of, free_id


class Reopening:
    """The marker of one run of a command, and the view while the marker is there."""

    def __init__(self, stack: SettleStack, name: str, days: Collection[str]) -> None:
        """`name` is that of every run of one command: a second run takes over the marker of the first."""
        self._stack, self._name, self._days = stack, name, {*days}
        self._markers, self._view = Markers.of(stack), UnsettledView.of(stack)
        self.marker: Marker | None = None

    def check(self) -> None:
        """Look at the markers and the view, so that a missing permission is found before anything begins."""
        with self._stack.permitted("see which days are reopened"):
            self._markers.all()
            self._view.opening()

    def open(self) -> None:
        """Put the marker, and let the view have all rows of its days."""
        with self._stack.permitted("reopen days that were settled"):
            existing = self._markers.all()
            found = free_id(self._name, existing)
            # The rows that an interrupted run wrote are not settled either.
            own = days_of(marker for marker in existing if marker.id == found)
            self.marker = Marker(found, tuple(sorted({*self._days, *own})))
            self._markers.put(self.marker)
            self._view.widen()

    def complete(self) -> None:
        """State that everything is written: a settle run that begins later closes the days."""
        if self.marker is not None:
            with self._stack.permitted("complete the marker of the days it wrote"):
                self._markers.put(Marker(self.marker.id, self.marker.days, done=True))
