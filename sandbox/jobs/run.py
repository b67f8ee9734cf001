"""One run of a Glue job: prepare it with its role, start its process, follow it to its end.

AWS facts (Glue API reference, "JobRun"; developer guide, "AWS Glue job run statuses")
- STARTING → RUNNING → SUCCEEDED, FAILED, TIMEOUT, or STOPPING → STOPPED. A failed run has an ErrorMessage.
- Glue assumes the job's role as `glue.amazonaws.com`. It reads the security configuration with that role
  [unverified], as its crawlers do.
- Newer releases of Glue put `Error Category: …; Failed Line Number: …;` before the type and message of the
  exception (error messages that others published). Here the message is the exception alone.
- A run may take `Timeout` minutes; they are not divided by the sandbox's speed, because Spark is not faster.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.jobs import deployed, logs
from sandbox.jobs.deployed import JobSetupError
from sandbox.roles import Roles, role_arn
from sandbox.running import RunningSandbox
from sandbox.spark.assembly import Spark

log = logging.getLogger("jobs")

_LOOK_SECONDS = 0.2
_COPY_SECONDS = 1.0  # between two copies of the log
PROCESS = Path(__file__).with_name("process.py")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its JobRunState, and the message of a run that did not succeed."""

    state: str
    message: str = ""


STOPPED = Outcome("STOPPED")
TIMED_OUT = Outcome("TIMEOUT", "Job run timed out")


class _EndedError(Exception):
    """The run must end now."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.state)
        self.outcome = outcome


@dataclass
class Run:
    """A run with all that it needs. `security` and `worker_type` may be empty."""

    sandbox: RunningSandbox
    spark: Spark
    account: str
    definition: Mapping[str, Any]
    run_id: str
    given: Mapping[str, str]
    security: str
    worker_type: str
    timeout_seconds: float
    stop: threading.Event

    def execute(self, folder: Path, began: Callable[[], None]) -> Outcome:
        """Run the job to its end in a folder of its own. Every failure is an outcome.

        `began` is called when the script starts.
        """
        try:
            return self._execute(folder, began, time.monotonic() + self.timeout_seconds)
        except _EndedError as ended:
            return ended.outcome
        except (JobSetupError, ClientError, BotoCoreError) as error:
            return Outcome("FAILED", str(error))
        except Exception:  # otherwise the run would be RUNNING for ever, without a message
            log.exception("run %s failed: this is a defect of the sandbox", self.run_id)
            return Outcome("FAILED", "a defect of the sandbox: emulator.log in its state folder has it")

    def _execute(self, folder: Path, began: Callable[[], None], deadline: float) -> Outcome:
        role = role_arn(self.definition["Role"], self.account)
        source = f"arn:aws:glue:{self.sandbox.region}:{self.account}:job/{self.definition['Name']}"
        roles = Roles(self.sandbox, self.account, deployed.SERVICE_PRINCIPAL, deployed.SESSION_NAME, source)
        arguments = deployed.script_arguments(self.definition, self.given, self.run_id)
        key = self._log_key(roles.client(role, "glue"))
        files = {kind: folder / f"{kind}.log" for kind in logs.KINDS}
        group, stream = logs.group(arguments, self.security, role), logs.stream(arguments, self.run_id)
        client = roles.client(role, "logs")
        streams = [logs.Stream(client, f"{group}/{kind}", stream, file, key) for kind, file in files.items()]
        s3 = roles.client(role, "s3")
        code = deployed.Code.fetched(s3, self.definition, arguments, self.spark, folder)
        environment = deployed.environment(
            self.spark,
            self.sandbox,
            code,
            arguments,
            credentials=roles.environment(role, deployed.SESSION_SECONDS),
            folder=folder,
            worker_type=self.worker_type,
            log=files["error"],
        )
        self._check(deadline)
        error_file = folder / "failure"
        command = [str(self.spark.python), str(PROCESS), str(error_file), str(code.script)]
        with files["output"].open("wb") as output:
            process = subprocess.Popen(
                [*command, *deployed.words(arguments)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,  # with its Java, it is one group to end
            )
        try:
            began()
            exit_code = self._follow(process, streams, deadline)
        finally:
            end(process)
            for one in streams:
                one.copy(ended=True)
        if exit_code == 0:
            return Outcome("SUCCEEDED")
        if error_file.exists():
            return Outcome("FAILED", error_file.read_text(encoding="utf-8"))
        return Outcome("FAILED", f"Command failed with exit code {exit_code}")

    def _log_key(self, glue: Any) -> str | None:
        """The key that encrypts the run's logs, from its security configuration."""
        if not self.security:
            return None
        found = glue.get_security_configuration(Name=self.security)["SecurityConfiguration"]
        encryption = found.get("EncryptionConfiguration", {}).get("CloudWatchEncryption", {})
        encrypts = encryption.get("CloudWatchEncryptionMode") == "SSE-KMS"
        return encryption.get("KmsKeyArn") if encrypts else None

    def _check(self, deadline: float) -> None:
        if self.stop.is_set():
            raise _EndedError(STOPPED)
        if time.monotonic() > deadline:
            raise _EndedError(TIMED_OUT)

    def _follow(self, process: subprocess.Popen[bytes], streams: list[logs.Stream], deadline: float) -> int:
        """Wait for the process, and copy its output meanwhile; its exit code."""
        copied = time.monotonic()
        while True:
            try:
                return process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                self._check(deadline)
            if time.monotonic() - copied > _COPY_SECONDS:
                for one in streams:
                    one.copy()
                copied = time.monotonic()


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its Java; Spark's Python workers end when Java does."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter on macOS, for zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()
