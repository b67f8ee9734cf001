"""The picture of the demo shows the demo's current output."""

from pathlib import Path

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.picture import lines, same
from tests.sandbox.commands import run_module

pytestmark = pytest.mark.sandbox
PICTURE = Path(__file__).parents[2] / "docs" / "generated" / "demo.svg"


def test_demo_succeeds_and_prints_the_lines_of_its_picture(tmp_path: Path) -> None:
    """Except for durations, times and ids, a run draws docs/generated/demo.svg, and prints its lines."""
    drawn = tmp_path / "demo.svg"
    with Sandbox(speed=60.0) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(plan_launches())
        done = run_module(sandbox, "sandbox.demo", "--svg", str(drawn))
    assert done.returncode == 0, done.stdout + done.stderr

    stored, picture = PICTURE.read_text(encoding="utf-8"), drawn.read_text(encoding="utf-8")
    assert same(stored, picture), f"{PICTURE.name} is stale: run `make generate`"
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert [line for line in lines(picture) if line not in printed] == []
    assert printed[-1].startswith("next: ")
    assert "2,869 changes" in done.stdout
    assert "changes in the lake                           2,869" in done.stdout
