"""The deployed job in one process for many runs: its definition from Glue, its role's credentials.

`sandbox.jobs.deployed` fetches its code and makes its environment, as for a run that StartJobRun starts. Only
the process differs: `driver.py` keeps one Spark session and can end a run at a named call.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sandbox import accounts
from sandbox.jobs import deployed
from sandbox.lifecycle import Sandbox
from sandbox.roles import Roles, role_arn
from sandbox.running import RunningSandbox
from sandbox.spark.assembly import Spark
from tests.engines.process import EngineProcess

DRIVER = Path(__file__).with_name("driver.py")
_LOG_LINES = 40


class JobEndedError(Exception):
    """The job's process has ended. The message contains the end of its log."""


class RunFailedError(AssertionError):
    """A run of the job failed. The message contains the job's error and the end of its log."""


class DeployedJob:
    """The process that runs the job; a context manager. `folder` is empty and private."""

    def __init__(
        self,
        sandbox: Sandbox,
        spark: Spark,
        folder: Path,
        output: str,
        *,
        long: bool = False,
    ) -> None:
        """`output` is the stacks' output with the job's name.

        `long` is for runs over many rows: twice the memory, and Java's full compiler.
        """
        self._place, self._spark = RunningSandbox.read(sandbox.folder), spark
        self._folder, self._long = folder, long
        self._lock = threading.Lock()
        glue = sandbox.session("consumer").client("glue")
        self.definition: Any = glue.get_job(JobName=sandbox.outputs[output])["Job"]
        self.arguments = deployed.script_arguments(self.definition, {}, "jr_0")

    def __enter__(self) -> Self:
        role = role_arn(self.definition["Role"], accounts.CONSUMER)
        source = f"arn:aws:glue:{self._place.region}:{accounts.CONSUMER}:job/{self.definition['Name']}"
        roles = Roles(
            self._place, accounts.CONSUMER, deployed.SERVICE_PRINCIPAL, deployed.SESSION_NAME, source
        )
        code = deployed.Code.fetched(
            roles.client(role, "s3"), self.definition, self.arguments, self._spark, self._folder
        )
        self.prepare(code)
        environment = deployed.environment(
            self._spark,
            self._place,
            code,
            self.arguments,
            credentials=roles.environment(role, deployed.SESSION_SECONDS),
            folder=self._folder,
            worker_type=self.definition.get("WorkerType", ""),
            long=self._long,
        )
        command = [str(self._spark.python), str(DRIVER), str(code.script)]
        log = self._folder / "spark.log"
        self._process = EngineProcess(command, self._folder, log, environment, answers=True)
        return self

    def prepare(self, code: deployed.Code) -> None:
        """Change the fetched code before the process starts. A subclass may; here the code stays as it is."""

    def run(
        self, fault: Mapping[str, Any] | None = None, *, may_fail: bool = False, **changed: str
    ) -> dict[str, Any]:
        """Run the job once with its default arguments, changed by `changed`. Returns the driver's answer.

        Raises RunFailedError if the run failed, unless `may_fail`.
        """
        arguments = self.arguments | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
        request = {"arguments": deployed.words(arguments), "fault": fault}
        with self._lock:
            line = self._process.ask(json.dumps(request))
        if not line:
            raise JobEndedError(self._process.tail(_LOG_LINES))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer and not may_fail:
            raise RunFailedError(f"{answer['error']}\n{self._process.tail(_LOG_LINES)}")
        return answer

    def kill(self) -> None:
        """Kill the process, as if the machine were switched off."""
        self._process.kill()

    def __exit__(self, *_: object) -> None:
        self._process.stop()
