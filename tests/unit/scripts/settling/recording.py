"""What a command asks for in a lake with settled tables, without the lake."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from scripts.core.console import Output
from scripts.core.settling.option_stack import SettleStack
from scripts.core.settling.writing import Settling, Write


class Recording(Settling):
    """Takes the place of the lake's own. `events` are its calls, and `rows` before each object of rows."""

    def __init__(self, job: str = "settle-job") -> None:
        super().__init__(cast("SettleStack", type("Stack", (), {"job": job})()), Output())
        self.events: list[str] = []
        self.names: list[str] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every command find it."""
        monkeypatch.setattr(Settling, "of", lambda *_: self)

    def check(self) -> None:
        self.events.append("check")

    @contextmanager
    def writing(self, kind: str, identity: str, days: Collection[str] = ()) -> Iterator[Write]:
        self.names.append(f"{kind} {identity}")
        recording = self

        class Spy(Write):
            def begin(self) -> None:
                if not self.begun:
                    recording.events.append(f"begin {','.join(days)}")
                super().begin()

        write = Spy()
        yield write
        self.events.append("end" if write.begun else "no row")

    def result(self) -> dict[str, Any]:
        return {"settle_run": "jr_1"}
