"""The tests themselves: the same in every process, and never out of time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[2]


def test_every_process_finds_the_same_tests(request: pytest.FixtureRequest) -> None:
    """No test's name holds a moment, a hash or a random number: workers that differ do not start."""
    here = {f"{item.parent.nodeid}::{item.name}" for item in request.session.items if item.parent}
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:randomly", "tests"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(here - set(done.stdout.splitlines())) == []


def test_no_example_has_a_deadline() -> None:
    """A busy machine is no defect: Hypothesis' 200 ms an example hold nowhere."""
    assert settings.default is not None
    assert settings.default.deadline is None
