"""reconcile on generated sides: the exact keys, in little memory. The release's run has 10,000,000 items."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.core.console import Output
from tests.soak.reconciliation import compare

ROOT = Path(__file__).parents[3]


def test_memory_does_not_grow_with_the_table() -> None:
    """Both sides of 200,000 items would be 100 MB more in memory."""
    command = [sys.executable, "-m", "tests.soak.reconciliation", "--items", "200000", "--every", "5000"]
    done = subprocess.run(
        [*command, "--memory", "100"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["differences"] == {"missing": 10, "stale": 10, "extra": 10}


@pytest.mark.parametrize("every", [1, 2, 7])
def test_every_difference_is_found_by_its_key(tmp_path: Path, every: int) -> None:
    """Also where every key differs or changes meanwhile, so that keys are not looked up by name."""
    found = compare(20_000, every, tmp_path, Output())
    assert sum(found["differences"].values()) + found["changed_meanwhile"] == -(-20_000 // every)
