"""Runs of Glue jobs: their states, and the wait for the end of one."""

from __future__ import annotations

from typing import Any

from scripts.core.console import Output
from scripts.core.source_stream import Clock, Wait

POLL_SECONDS = 10.0
RUNNING = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})  # JobRunState (AWS Glue API reference)
SUCCEEDED = "SUCCEEDED"
NO_REASON = "Glue gives no reason"


def ended(glue: Any, job: str, run_id: str, clock: Clock, out: Output) -> dict[str, Any]:
    """Wait until a run has ended, and report on the way. Returns Glue's `JobRun`."""
    wait = Wait(clock, out)
    while True:
        found: dict[str, Any] = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        if found["JobRunState"] not in RUNNING:
            return found
        wait.show(f"run {run_id} is {found['JobRunState']}")
        wait.sleep(POLL_SECONDS)
