"""Glue's job runs for the emulator: StartJobRun, GetJobRun, GetJobRuns and BatchStopJobRun.

AWS facts
- More runs than `MaxConcurrentRuns` are rejected with ConcurrentRunsExceededException (API reference,
  "StartJobRun", "ExecutionProperty"). A run counts until it has ended.
- With `JobRunQueuingEnabled` such a run is WAITING instead, and runs later, if its class is STANDARD (Glue
  developer guide, "AWS Glue job run statuses"). The run's own setting replaces the job's (API reference,
  "Job").
- The arguments of a run are those that replace the job's (API reference, "JobRun").
- A run's id is `jr_` and 64 hex digits (the event examples of the EventBridge reference).
- Ends are events of `aws.glue`, `Glue Job State Change`, with the states SUCCEEDED, FAILED, TIMEOUT and
  STOPPED (Glue developer guide, "Automating AWS Glue with EventBridge").

[unverified]: GetJobRuns returns the newest run first. The texts of the errors. Of several waiting runs the
oldest is the next, as soon as another one ends, and it waits without a limit; one that is stopped is STOPPED
at once. `StartedOn` is the time of StartJobRun.

Triggers, retries (`MaxRetries`), job bookmarks and Python shell jobs do not run here. A Spark that is missing
is an InternalServiceException, with HTTP status 400: an SDK would repeat a request that failed with 500.

MiniStack reports SUCCEEDED without running a Spark job.
"""

from __future__ import annotations

import contextvars
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sandbox.emulator.glue_events import emit
from sandbox.emulator.seam import Seam
from sandbox.engines.errors import EngineMissingError
from sandbox.jobs import logs
from sandbox.jobs.run import STOPPED, Outcome, Run
from sandbox.roles import role_arn
from sandbox.running import RunningSandbox
from sandbox.spark import assembly

START = Seam("services.glue", "_start_job_run", "41059030ccc15457")
GET = Seam("services.glue", "_get_job_run", "549b1e6b7924f163")
LIST = Seam("services.glue", "_get_job_runs", "e41d0a38a776af7c")
STOP = Seam("services.glue", "_batch_stop_job_run", "330013f2a1a5e6b2")
SEAMS = (START, GET, LIST, STOP)

EVENT = "Glue Job State Change"
GLUE_VERSION = "5.1"  # whose Spark assembly.py installs
_ACTIVE = frozenset({"STARTING", "RUNNING", "STOPPING"})
_STOPPABLE = frozenset({"STARTING", "RUNNING"})
_WAITING = "WAITING"
_TIMEOUT = 480  # minutes, the default of Glue 5 (API reference, "Job")
_PAGE = 200  # the most that GetJobRuns returns (API reference, "GetJobRuns")
_SEVERITY = {"SUCCEEDED": "INFO", "STOPPED": "INFO", "TIMEOUT": "WARN", "FAILED": "ERROR"}

Record = dict[str, Any]


class RefusedError(Exception):
    """A request that is rejected: the exception's name in the API, and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def new_run(
    job: Mapping[str, Any], request: Mapping[str, Any], account: str, now: float, state: str = "STARTING"
) -> Record:
    """The JobRun of a run that begins in this state now."""
    given = dict(request.get("Arguments") or {})
    security = request.get("SecurityConfiguration") or job.get("SecurityConfiguration") or ""
    settings = {
        name: request.get(name) or job.get(name)
        for name in ("Timeout", "WorkerType", "NumberOfWorkers", "SecurityConfiguration", "ExecutionClass")
    }
    return {
        "Id": f"jr_{secrets.token_hex(32)}",
        "Attempt": 0,
        "JobName": job["Name"],
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": state,
        "Arguments": given,
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "JobRunQueuingEnabled": waits(job, request),
        "GlueVersion": job.get("GlueVersion"),
        "LogGroupName": logs.group(
            {**job.get("DefaultArguments", {}), **given}, security, role_arn(job["Role"], account)
        ),
        "Timeout": _TIMEOUT,
        **{name: value for name, value in settings.items() if value},
    }


def waits(job: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether a run waits while too many others of its job are active."""
    asked = request.get("JobRunQueuingEnabled")
    enabled = job.get("JobRunQueuingEnabled") if asked is None else asked
    kind = request.get("ExecutionClass") or job.get("ExecutionClass") or "STANDARD"
    return bool(enabled) and kind == "STANDARD"


def is_full(job: Mapping[str, Any], runs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether as many runs of the job are active as it allows."""
    active = sum(run["JobRunState"] in _ACTIVE for run in runs)
    return bool(active >= job.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1))


def first_state(job: Mapping[str, Any], request: Mapping[str, Any], runs: Iterable[Mapping[str, Any]]) -> str:
    """The first state of a further run of this job. Raises RefusedError if it cannot start."""
    kind, version = job.get("Command", {}).get("Name"), job.get("GlueVersion")
    if kind != "glueetl" or version != GLUE_VERSION:
        raise RefusedError(
            "InvalidInputException",
            f"the sandbox runs glueetl jobs of Glue {GLUE_VERSION} only, and {job['Name']} is a {kind} job "
            f"of Glue {version}",
        )
    if request.get("JobRunId"):
        raise RefusedError(
            "InvalidInputException",
            "the sandbox does not retry a run. Next: start a new run without JobRunId",
        )
    if not is_full(job, runs):
        return "STARTING"
    if not waits(job, request):
        raise RefusedError("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job['Name']}")
    return _WAITING


def event_detail(run: Mapping[str, Any]) -> dict[str, str]:
    """The detail of the event at the end of a run, in the form of the EventBridge reference."""
    state = run["JobRunState"]
    texts = {"SUCCEEDED": "Job run succeeded", "STOPPED": "Job run stopped", "TIMEOUT": "Job run timed out"}
    return {
        "jobName": run["JobName"],
        "severity": _SEVERITY[state],
        "state": state,
        "jobRunId": run["Id"],
        "message": texts.get(state) or run.get("ErrorMessage", ""),
    }


def close(run: Record, outcome: Outcome, began: float | None, now: float) -> None:
    """Set the members that a run has after its end; `began` is when its script started."""
    run.update(
        JobRunState=outcome.state,
        CompletedOn=now,
        LastModifiedOn=now,
        ExecutionTime=round(now - (began or now)),
    )
    if outcome.message:
        run["ErrorMessage"] = outcome.message


def page_of(runs: list[Record], request: Mapping[str, Any]) -> dict[str, Any]:
    """GetJobRuns' answer. Raises RefusedError for a token that is none."""
    try:
        first = int(request.get("NextToken") or 0)
    except ValueError:
        raise RefusedError("InvalidInputException", "Invalid NextToken") from None
    last = first + min(request.get("MaxResults") or _PAGE, _PAGE)
    newest = list(reversed(runs))
    return {
        "JobRuns": newest[first:last],
        **({"NextToken": str(last)} if last < len(newest) else {}),
    }


def stop_error(name: str, run_id: str, code: str, message: str) -> dict[str, Any]:
    """An entry of `Errors` in BatchStopJobRun's answer."""
    detail = {"ErrorCode": code, "ErrorMessage": message}
    return {"JobName": name, "JobRunId": run_id, "ErrorDetail": detail}


class Runs:
    """The runs of the emulator. Jobs and finished runs are in MiniStack's own tables."""

    def __init__(self) -> None:
        self._turn = threading.Lock()  # a run that has ended cannot be stopped, nor counted twice
        self._stops: dict[str, threading.Event] = {}
        self._waiting: dict[str, Callable[[], None]] = {}  # by the run's id: what starts it

    def _of(self, name: Any) -> list[Record]:
        """The runs of a job, oldest first."""
        from ministack.services import glue  # noqa: PLC0415  only the emulator process loads MiniStack

        if name not in glue._jobs:
            raise RefusedError("EntityNotFoundException", f"Job {name} not found")
        if name not in glue._job_runs:
            glue._job_runs[name] = []
        runs: list[Record] = glue._job_runs[name]
        return runs

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """StartJobRun."""
        from ministack.core.responses import get_account_id  # noqa: PLC0415
        from ministack.services import glue  # noqa: PLC0415

        account, sandbox = get_account_id(), RunningSandbox.read(Path(os.environ["SANDBOX_STATE"]))
        with self._turn:
            runs = self._of(request.get("JobName"))
            job = dict(glue._jobs[request["JobName"]])
            state = first_state(job, request, runs)
            try:
                spark = assembly.require()
            except EngineMissingError as error:
                raise RefusedError("InternalServiceException", f"Glue jobs need Spark: {error}") from None
            record = new_run(job, request, account, time.time(), state)
            run = Run(
                sandbox=sandbox,
                spark=spark,
                account=account,
                definition=job,
                run_id=record["Id"],
                given=record["Arguments"],
                security=record.get("SecurityConfiguration", ""),
                worker_type=record.get("WorkerType", ""),
                timeout_seconds=record["Timeout"] * 60,
                stop=threading.Event(),
            )
            runs.append(record)
            self._stops[run.run_id] = run.stop
            context = contextvars.copy_context()  # a new thread does not have the request's account
            thread = threading.Thread(target=context.run, args=(self._follow, run, record), daemon=True)
            if state == _WAITING:
                self._waiting[record["Id"]] = thread.start
            else:
                thread.start()
        return {"JobRunId": record["Id"]}

    def _start_waiting(self, name: str) -> None:
        """Start the oldest waiting runs of a job, as many as it allows. The caller has the turn."""
        from ministack.services import glue  # noqa: PLC0415

        job, runs = glue._jobs.get(name), glue._job_runs.get(name, [])
        for run in [run for run in runs if run["Id"] in self._waiting]:
            if job is not None and not is_full(job, runs):
                run.update(JobRunState="STARTING", LastModifiedOn=time.time())
                self._waiting.pop(run["Id"])()

    def _follow(self, run: Run, record: Record) -> None:
        """Execute the run, record its states, emit its event, and start a run that waits for its end."""
        began: float | None = None

        def begin() -> None:
            nonlocal began
            with self._turn:
                began = time.time()
                if record["JobRunState"] == "STARTING":
                    record.update(JobRunState="RUNNING", LastModifiedOn=began)

        with tempfile.TemporaryDirectory(prefix="job-", ignore_cleanup_errors=True) as folder:
            outcome = run.execute(Path(folder), begin)
        with self._turn:
            close(record, outcome, began, time.time())
            del self._stops[record["Id"]]
            self._start_waiting(record["JobName"])
        emit(EVENT, event_detail(record))

    def one(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """GetJobRun."""
        for run in self._of(request.get("JobName")):
            if run["Id"] == request.get("RunId"):
                return {"JobRun": self._shown(run)}
        raise RefusedError("EntityNotFoundException", f"Job run {request.get('RunId')} not found")

    def page(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """GetJobRuns."""
        return page_of([self._shown(run) for run in self._of(request.get("JobName"))], request)

    def _shown(self, run: Record) -> Record:
        """The run now; the time of one that runs grows."""
        with self._turn:
            shown = dict(run)
        if shown["JobRunState"] == "RUNNING":
            shown["ExecutionTime"] = round(time.time() - shown["LastModifiedOn"])
        return shown

    def stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """BatchStopJobRun: the runs are STOPPING, and STOPPED when their processes have ended.

        A run that has not begun is STOPPED at once.
        """
        name, stopped, errors = str(request.get("JobName")), [], []
        never_began: list[Record] = []
        runs = {run["Id"]: run for run in self._of(name)}
        for run_id in request.get("JobRunIds") or ():
            with self._turn:
                run = runs.get(run_id)
                state = run["JobRunState"] if run else ""
                if run and state in _STOPPABLE:
                    run.update(JobRunState="STOPPING", LastModifiedOn=time.time())
                    self._stops[run_id].set()
                    stopped.append({"JobName": name, "JobRunId": run_id})
                elif run and state == _WAITING:
                    del self._waiting[run_id], self._stops[run_id]
                    close(run, STOPPED, None, time.time())
                    never_began.append(run)
                    stopped.append({"JobName": name, "JobRunId": run_id})
                elif run:
                    message = f"Job run {run_id} is {state} and cannot be stopped"
                    errors.append(stop_error(name, run_id, "InvalidInputException", message))
                else:
                    message = f"Job run {run_id} not found"
                    errors.append(stop_error(name, run_id, "EntityNotFoundException", message))
        for run in never_began:
            emit(EVENT, event_detail(run))
        return {"SuccessfulSubmissions": stopped, "Errors": errors}


def install() -> None:
    """Replace MiniStack's four operations."""
    from ministack.core.responses import error_response_json, json_response  # noqa: PLC0415

    runs = Runs()

    def answering(operation: Any) -> Any:
        def answer(request: Mapping[str, Any]) -> Any:
            try:
                return json_response(operation(request))
            except RefusedError as error:
                return error_response_json(error.code, error.message, 400)

        return answer

    START.replace(answering(runs.start))
    GET.replace(answering(runs.one))
    LIST.replace(answering(runs.page))
    STOP.replace(answering(runs.stop))
