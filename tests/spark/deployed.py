"""The job as deployed in a sandbox: its definition from Glue, its code from S3, its role's credentials.

It runs like in Glue: the script gets the job's default arguments, the library on its path, and only the
permissions of its role. Only the endpoints and the certificates come from outside.
"""

import json
import os
import platform
import subprocess
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox import accounts
from sandbox.lifecycle import Sandbox
from scripts.build.wheels import fetch_wheels
from scripts.build.wheels import target as wheel_target
from scripts.core.console import Output
from tests.engines.process import EngineProcess
from tests.engines.truststore import write_trust_store
from tests.sandbox.roles import credential_environment
from tests.spark.assembly import HERE, Spark

_LOG_LINES = 40


class JobEndedError(Exception):
    """The job's process has ended. The message contains the end of its log."""


class RunFailedError(AssertionError):
    """A run of the job failed. The message contains the job's error and the end of its log."""


def fetched(sandbox: Sandbox, location: str, folder: Path) -> Path:
    """An object of the artifact bucket as a file."""
    parts = urlsplit(location)
    body = (
        sandbox.session("consumer").client("s3").get_object(Bucket=parts.netloc, Key=parts.path[1:])["Body"]
    )
    path = folder / parts.path.rsplit("/", 1)[-1]
    path.write_bytes(body.read())
    return path


def role_credentials(sandbox: Sandbox, role: str) -> dict[str, str]:
    """Environment variables with the role's credentials; the role is assumed as Glue assumes it."""
    sts = sandbox.session("consumer").client("sts")
    response = accounts.as_service(sts, "glue.amazonaws.com").assume_role(RoleArn=role, RoleSessionName="job")
    return credential_environment(response["Credentials"])


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
        self._sandbox, self._spark, self._folder, self._long = sandbox, spark, folder, long
        self._lock = threading.Lock()
        glue = sandbox.session("consumer").client("glue")
        self.definition = glue.get_job(JobName=sandbox.outputs[output])["Job"]
        self.arguments: dict[str, str] = dict(self.definition["DefaultArguments"])

    def __enter__(self) -> "DeployedJob":
        script = fetched(self._sandbox, self.definition["Command"]["ScriptLocation"], self._folder)
        library = fetched(self._sandbox, self.arguments["--extra-py-files"], self._folder)
        modules = self.arguments.get("--additional-python-modules")
        packages = self._installed(fetched(self._sandbox, modules, self._folder)) if modules else None
        command = [str(self._spark.python), str(HERE / "driver.py"), str(script)]
        log, environment = self._folder / "spark.log", self._environment(library, packages)
        self._process = EngineProcess(command, self._folder, log, environment, answers=True)
        return self

    def _installed(self, zipped: Path) -> Path:
        """The folder with the packages of a zip of wheels, installed with the job's own options of pip."""
        unpacked, target = self._folder / "wheels", self._folder / "packages"
        with zipfile.ZipFile(zipped) as archive:
            archive.extractall(unpacked)
        options = self.arguments["--python-modules-installer-option"].split()
        if platform.machine() != "x86_64":  # Glue's; another machine needs its own wheels of the same lock
            wheels = fetch_wheels(wheel_target("host"), Output())
            options += ["--find-links", str(wheels[0].parent)]
        command = [str(self._spark.python), "-m", "pip", "install", "--quiet", "--no-deps", *options]
        command += ["--find-links", str(unpacked / "wheels"), "--target", str(target)]
        subprocess.run([*command, "-r", str(unpacked / "wheels" / "requirements.txt")], check=True)
        return target

    def _environment(self, library: Path, packages: Path | None) -> dict[str, str]:
        authority = self._sandbox.folder / "ca.pem"
        trust = write_trust_store(authority, self._folder / "trust.p12")
        settings = {
            "spark.master": "local[2]",
            "spark.driver.memory": "3g" if self._long else "1500m",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.local.dir": str(self._folder),
            "spark.sql.shuffle.partitions": "2",
            "spark.driver.extraClassPath": f"{self._spark.jars}/*",
            "spark.driver.extraJavaOptions": " ".join(
                [
                    # The simple compiler starts faster, but Java then reserves only 48 MB for code, not 240.
                    "" if self._long else "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240M",
                    *trust,
                    "-Duser.timezone=UTC",
                ]
            ),
            "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",  # as Glue 5.1 reads s3://
            "spark.hadoop.fs.s3a.endpoint": self._sandbox.endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": accounts.REGION,
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.aws.credentials.provider": (
                "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
            ),
        }
        options = " ".join(f"--conf '{name}={value}'" for name, value in settings.items())
        return {
            "PATH": f"{self._spark.python.parent}:/usr/bin:/bin",
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "JAVA_HOME": str(self._spark.java_home),
            "PYSPARK_PYTHON": str(self._spark.python),
            "PYSPARK_SUBMIT_ARGS": f"--py-files {library} {options} pyspark-shell",
            "AWS_ENDPOINT_URL": self._sandbox.endpoint,
            "AWS_CA_BUNDLE": str(authority),
            "PYTHONPATH": os.pathsep.join(str(path) for path in (library, packages) if path),
            **role_credentials(self._sandbox, self.definition["Role"]),
        }

    def run(
        self, fault: Mapping[str, Any] | None = None, *, may_fail: bool = False, **changed: str
    ) -> dict[str, Any]:
        """Run the job once with its default arguments, changed by `changed`. Returns the driver's answer.

        Raises RunFailedError if the run failed, unless `may_fail`.
        """
        arguments = self.arguments | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
        words = [text for name, value in arguments.items() for text in (name, str(value))]
        request = {"arguments": [*words, "--JOB_RUN_ID", "jr_0"], "fault": fault}
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
