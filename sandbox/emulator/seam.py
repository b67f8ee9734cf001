"""Replace functions of MiniStack in process, and notice when a release changes one of them.

A seam has a function's name and the digest of the source for which our replacement was written. A release
that changes that source stops the sandbox with the function's name, and does not change its results silently.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

_REPLACED = "sandbox_replaced"  # on a replacement: the function it replaces


class SeamMovedError(Exception):
    """MiniStack is not the release for which the sandbox's replacements were written."""


def source_digest(function: Callable[..., Any]) -> str:
    """The first 16 hex digits of the SHA-256 of a function's source text."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Seam:
    """A function of MiniStack: its module below `ministack`, its name and the digest of its source."""

    module: str
    name: str
    digest: str

    def current(self) -> Callable[..., Any]:
        """The current function: MiniStack's, or its replacement."""
        found = getattr(import_module(f"ministack.{self.module}"), self.name, None)
        if not callable(found):
            raise SeamMovedError(
                f"MiniStack {version('ministack')} has no function {self.module}.{self.name}: find its "
                "successor and adapt the module of sandbox/emulator/ that uses it"
            )
        function: Callable[..., Any] = found
        return function

    def check(self) -> Callable[..., Any]:
        """The current function. Raises SeamMovedError unless MiniStack's own has the expected source."""
        function = own = self.current()
        while replaced := getattr(own, _REPLACED, None):
            own = replaced
        if (digest := source_digest(own)) != self.digest:
            raise SeamMovedError(
                f"MiniStack {version('ministack')} changed {self.module}.{self.name}: read its source, adapt "
                f"the module of sandbox/emulator/ that uses it, then set its digest there to {digest}"
            )
        return function

    def replace(self, replacement: Callable[..., Any]) -> None:
        """Replace the function; `replacement` may call the function that `check` returned before."""
        setattr(replacement, _REPLACED, self.check())
        setattr(import_module(f"ministack.{self.module}"), self.name, replacement)


if __name__ == "__main__":  # python -m sandbox.emulator.seam services.kinesis _get_records …: print digests
    for function_name in sys.argv[2:]:
        print(function_name, source_digest(Seam(sys.argv[1], function_name, "").current()))
