"""Runs of the settle job: start one, wait for it, list the last ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from scripts.core import glue_runs
from scripts.core.console import CommandError, Output
from scripts.core.settling.option_stack import SettleStack
from scripts.core.source_stream import Clock

_BUSY = "ConcurrentRunsExceededException"
_LOG = "SettleLogGroupName"


@dataclass(frozen=True)
class JobRun:
    """One run of the job, as Glue lists it."""

    id: str
    state: str
    started: str  # ISO 8601, UTC; empty before the run begins
    seconds: int
    message: str

    @classmethod
    def of(cls, found: dict[str, Any]) -> JobRun:
        """From Glue's `JobRun`."""
        started = found.get("StartedOn")
        return cls(
            found["Id"],
            found["JobRunState"],
            f"{started:%Y-%m-%dT%H:%M:%SZ}" if started else "",
            int(found.get("ExecutionTime") or 0),
            str(found.get("ErrorMessage") or ""),
        )


class SettleRuns:
    """The runs of one stack's job."""

    def __init__(self, stack: SettleStack) -> None:
        self._stack, self._glue = stack, stack.lake.connection.client("glue")

    def check(self) -> None:
        """Look at the runs, so that a missing permission is found before anything begins."""
        self.last(1)

    def last(self, number: int) -> list[JobRun]:
        """The last runs, newest first."""
        with self._stack.permitted("see the runs of the settle job"):
            found = self._glue.get_job_runs(JobName=self._stack.job, MaxResults=number)
        return [JobRun.of(run) for run in found.get("JobRuns", [])]

    def start(self) -> str | None:
        """Start a run. Returns its id; None if another run has begun and this one cannot wait for its end."""
        with self._stack.permitted("start the settle job"):
            try:
                return str(self._glue.start_job_run(JobName=self._stack.job)["JobRunId"])
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != _BUSY:
                    raise
                return None

    def wait(self, run_id: str, clock: Clock, out: Output) -> JobRun:
        """Wait until a run has ended. Raises CommandError if it has not succeeded."""
        with self._stack.permitted("see the runs of the settle job"):
            found = JobRun.of(glue_runs.ended(self._glue, self._stack.job, run_id, clock, out))
        if found.state != glue_runs.SUCCEEDED:
            raise CommandError(
                f"run {run_id} of Glue job {self._stack.job} is {found.state}: "
                f"{found.message or glue_runs.NO_REASON}",
                f"Read the run's log in {self._stack.outputs.get(_LOG, 'CloudWatch Logs')}. Until a run "
                "succeeds, queries read what is not settled from the raw objects: their answers are right.",
                run=run_id,
            )
        return found
