"""The programs on the pages of docs/operations/, run as they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.sandbox.commands import run_module

pytestmark = pytest.mark.sandbox
PAGES = REPOSITORY / "docs" / "operations"


def run_block(sandbox: Sandbox, page: str, first_line: str) -> subprocess.CompletedProcess[str]:
    """Run the block of a page that begins with this line."""
    _, found, after = (PAGES / page).read_text(encoding="utf-8").partition(f"```sh\n{first_line}\n")
    assert found
    environment = sandbox.environment()
    folders = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    return subprocess.run(
        ["bash", "-euc", f"{first_line}\n{after.partition('```')[0]}"],
        cwd=REPOSITORY,
        env={**environment, "PATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )


def test_record_of_forgotten_columns_is_restored() -> None:
    """Somebody overwrote it; the version before comes back."""
    forget = ("scripts.forget_columns", "--profile", "consumer")
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches("consumer", parameters={"consumer": ["ItemColumns=prices__a"]}))
        done = run_module(sandbox, *forget, "prices__*", "--yes")
        assert done.returncode == 0, done.stderr
        glue = sandbox.session("consumer").client("glue")
        glue.update_table(
            DatabaseName="ddb_lake",
            TableInput={"Name": "forgotten_columns", "Parameters": {"forgotten": "overwritten"}},
        )
        assert run_module(sandbox, *forget, "--list").returncode != 0

        restored = run_block(sandbox, "forget-columns.md", "export VERSION=1")

        assert restored.returncode == 0, restored.stderr
        assert "prices__*" in restored.stdout + restored.stderr
