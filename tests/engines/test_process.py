"""An engine's process ends when the tests end."""

import sys
from pathlib import Path

import pytest

from tests.engines import process
from tests.engines.process import EngineProcess
from tests.sandbox.waiting import wait_until

ECHO = """
import sys
print("ready", file=sys.stderr)
for line in sys.stdin:
    print("heard", line, end="", flush=True)
"""
DEAF = "import sys, time\nprint('ready', flush=True)\ntime.sleep(60)"


def started(folder: Path, source: str, *, answers: bool = False) -> EngineProcess:
    """A process that runs this Python source."""
    return EngineProcess([sys.executable, "-c", source], folder, folder / "log", {}, answers=answers)


def test_a_process_answers_line_by_line_and_ends_with_its_stdin(tmp_path: Path) -> None:
    """Answers come on stdout, and stderr is the log. Closing stdin ends the process."""
    child = started(tmp_path, ECHO, answers=True)
    assert [child.ask("one"), child.ask("two")] == ["heard one\n", "heard two\n"]
    assert child.exit_code() is None
    child.stop()
    assert (child.exit_code(), child.log(), child.tail(1)) == (0, "ready\n", "ready")


def test_a_process_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server keeps running after the tests."""
    monkeypatch.setattr(process, "_STOP_SECONDS", 0.1)
    child = started(tmp_path, DEAF)
    wait_until(child.log, "its output is in the log")
    child.stop()
    assert (child.exit_code(), child.log()) == (-9, "ready\n")


def test_an_ended_process_answers_nothing(tmp_path: Path) -> None:
    """The caller then shows the end of the log."""
    child = started(tmp_path, "input()", answers=True)
    assert child.ask("end") == ""
    child.stop()
