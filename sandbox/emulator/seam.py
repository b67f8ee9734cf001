"""Replace functions of MiniStack in process, and notice when a release of it moves one of them.

A seam names a function and the digest of the source that our replacement was written against. A release that
changes that source stops the sandbox with the function's name, instead of changing its verdicts silently.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

_REPLACED = "sandbox_replaced"  # on a replacement: the function it stands for


class SeamMovedError(Exception):
    """MiniStack is not the release that the sandbox's replacements were written against."""


def source_digest(function: Callable[..., Any]) -> str:
    """The first 16 hex digits of the SHA-256 of a function's source text."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Seam:
    """One function of MiniStack: its module below `ministack`, its name and its source's digest."""

    module: str
    name: str
    digest: str

    def current(self) -> Callable[..., Any]:
        """The function as it stands now: MiniStack's, or what replaced it."""
        found = getattr(import_module(f"ministack.{self.module}"), self.name, None)
        if not callable(found):
            raise SeamMovedError(
                f"MiniStack {version('ministack')} has no function {self.module}.{self.name}: find what took "
                "its place and adapt the module of sandbox/emulator/ that names it"
            )
        function: Callable[..., Any] = found
        return function

    def check(self) -> Callable[..., Any]:
        """The function as it stands now; MiniStack's own, below it, has the expected source."""
        function = own = self.current()
        while replaced := getattr(own, _REPLACED, None):
            own = replaced
        if (digest := source_digest(own)) != self.digest:
            raise SeamMovedError(
                f"MiniStack {version('ministack')} changed {self.module}.{self.name}: read its source, adapt "
                f"the module of sandbox/emulator/ that names it, then set its digest there to {digest}"
            )
        return function

    def replace(self, replacement: Callable[..., Any]) -> None:
        """Put `replacement` in the function's place; it may call what `check` answered before."""
        setattr(replacement, _REPLACED, self.check())
        setattr(import_module(f"ministack.{self.module}"), self.name, replacement)


if __name__ == "__main__":  # python -m sandbox.emulator.seam services.kinesis _get_records …: print digests
    for function_name in sys.argv[2:]:
        print(function_name, source_digest(Seam(sys.argv[1], function_name, "").current()))
