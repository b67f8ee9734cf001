"""docs/existing-table.md as a user follows it: every block, in the empty accounts of a sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.docs.test_commands import FENCED

pytestmark = pytest.mark.sandbox

PAGE = REPOSITORY / "docs" / "existing-table.md"
ASKING = re.compile(r"^(python -m scripts\.(?:backfill|remove) .*)$", re.MULTILINE)
STACKS = ("ddb-lake-consumer", "ddb-lake-producer", "ddb-lake-backfill", "ddb-lake-export")


def test_the_guide_runs_in_the_sandbox_as_it_is_written() -> None:
    """One shell, without a terminal: only the commands that ask get --yes."""
    blocks = [text for language, text in FENCED.findall(PAGE.read_text(encoding="utf-8")) if language == "sh"]
    script = ASKING.sub(r"\1 --yes", "\n".join(blocks))
    assert script.count("--yes") == 3
    with Sandbox(speed=60) as sandbox:
        sandbox.start_delivery()
        environment = sandbox.environment()
        folders = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=REPOSITORY,
            env={**environment, "PATH": folders},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        # The one item was in the table before the stream: the backfill alone can have brought it.
        assert "1 row written: the lake has orders as of" in done.stdout
        assert "_col0" in done.stdout
        assert "table and lake are equal" in done.stdout
        left = {
            summary["StackName"]
            for profile in ("producer", "consumer")
            for summary in sandbox.session(profile)
            .client("cloudformation")
            .list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])["StackSummaries"]
        }
        assert left & set(STACKS) == set(STACKS[:2])
