"""What the scripts' tests share: a verb run as a user runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from scripts.core import console


@dataclass
class Ran:
    """A finished command: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_verb(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a verb's main through the place that turns exceptions into exit codes."""

    def run(main: Callable[[Sequence[str], console.Output], int], *arguments: str) -> Ran:
        code = console.run(main, arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run
