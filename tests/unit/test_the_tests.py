"""The tests themselves: the same in every process, and without deadlines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from sandbox.engines import downloads

ROOT = Path(__file__).parents[2]


def test_every_process_finds_the_same_tests(request: pytest.FixtureRequest) -> None:
    """No test's name contains a time, hash or random number. Workers with different tests do not start."""
    collected = {f"{item.parent.nodeid}::{item.name}" for item in request.session.items if item.parent}
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
    assert sorted(collected - set(done.stdout.splitlines())) == []


def test_no_example_has_a_deadline() -> None:
    """A busy machine is not a defect, so Hypothesis' limit of 200 ms per example is off."""
    assert settings.default is not None
    assert settings.default.deadline is None


@pytest.mark.parametrize(("broken", "code"), [(0, 0), (2, 0), (3, 1)])
def test_a_broken_download_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: int, code: int
) -> None:
    """Twice, not for ever. The result is that of the last attempt."""
    monkeypatch.setattr(downloads, "PAUSES", (0.0, 0.0))
    fetch = f"echo x >> tries; echo attempt $(wc -l < tries) >&2; test $(wc -l < tries) -gt {broken}"
    done = downloads.insist(["sh", "-c", fetch], timeout=30, folder=tmp_path)
    attempts = min(broken + 1, 3)
    assert (done.returncode, done.stdout.split()) == (code, ["attempt", str(attempts)])
