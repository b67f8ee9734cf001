"""A Glue job as deployed: its arguments, its code and packages from S3, and the environment of its process.

AWS facts
- The script gets the job's default arguments, replaced by those of the run, and the names of the job and the
  run (Glue developer guide, "Using job parameters in AWS Glue jobs"; API reference, "StartJobRun"). No run
  replaces `NonOverridableArguments` (API reference, "Job").
- `--extra-py-files`, `--additional-python-modules`, `--python-modules-installer-option`, `--conf` and
  `--datalake-formats` are read by Glue itself (the same page). A zip of wheels ends in `.gluewheels.zip`
  ("Using Python libraries with AWS Glue").
- All code is read with the job's role.

From outside come only the endpoints, the certificate authority, the Region, the memory of this machine, and
for Iceberg's catalogs that S3 is addressed by path.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from sandbox.engines.truststore import write_trust_store
from sandbox.processes import REPOSITORY
from sandbox.spark.assembly import Spark

SERVICE_PRINCIPAL = "glue.amazonaws.com"
SESSION_NAME = "GlueJobRunnerSession"  # as AWS's error messages for Glue jobs name the session
# Glue renews a run's credentials. A session here is as long as the longest run that a test can want.
SESSION_SECONDS = 12 * 3600
ICEBERG_CATALOGS = ("lake", "glue_catalog")  # the project's name, and that of AWS's examples
_WHEELS = ".gluewheels.zip"
_WHEELS_LOCK = REPOSITORY / "requirements" / "function.lock"
# Of Spark's process, in MB. Glue's G.1X has 16 GB and each larger type more (Glue developer guide, "AWS Glue
# worker types"): here a larger one has twice as much as G.1X, whatever its size, since it is one machine.
_SMALL_WORKERS, _MEMORY, _LARGE_MEMORY = frozenset({"", "Standard", "G.025X", "G.1X"}), 1500, 3000
# They would change what a run does, and nothing here reads them.
_UNSUPPORTED = ("--extra-jars", "--extra-files", "--python-modules-installer-version")


class JobSetupError(Exception):
    """The job cannot be started as it is defined. The message states the reason and the next step."""


class Place(Protocol):
    """Where a sandbox serves its accounts; `running.RunningSandbox` is one."""

    @property
    def endpoint(self) -> str:
        """The URL of all services."""

    @property
    def ca_bundle(self) -> str:
        """The PEM file of the certificate authority."""

    @property
    def region(self) -> str:
        """The Region."""

    @property
    def folder(self) -> Path:
        """The state folder."""


def script_arguments(definition: Mapping[str, Any], given: Mapping[str, str], run_id: str) -> dict[str, str]:
    """The arguments that the script gets, by name: the job's, replaced by those of the run."""
    return {
        **definition.get("DefaultArguments", {}),
        "--JOB_NAME": definition["Name"],
        "--JOB_RUN_ID": run_id,
        **given,
        **definition.get("NonOverridableArguments", {}),
    }


def words(arguments: Mapping[str, str]) -> list[str]:
    """The arguments as words of a command line."""
    return [text for name, value in arguments.items() for text in (name, str(value))]


def memory(worker_type: str) -> int:
    """The memory of a run's Spark in MB, for the worker type of the run or of its job; empty without one."""
    return _MEMORY if worker_type in _SMALL_WORKERS else _LARGE_MEMORY


@dataclass(frozen=True)
class Code:
    """The files of a job on this machine: its script, its libraries, and the folder of its packages."""

    script: Path
    libraries: tuple[Path, ...]
    packages: Path | None

    @classmethod
    def fetched(
        cls, s3: Any, definition: Mapping[str, Any], arguments: Mapping[str, str], spark: Spark, folder: Path
    ) -> Code:
        """Read the code into `folder` with a client of the job's role, and install its packages.

        Raises JobSetupError, or ClientError if the role may not read it.
        """
        if found := [name for name in _UNSUPPORTED if arguments.get(name)]:
            raise JobSetupError(
                f"the sandbox does not support the job argument {found[0]}. Next: run the job without it"
            )
        script = _fetched(s3, definition["Command"]["ScriptLocation"], folder)
        listed = filter(None, arguments.get("--extra-py-files", "").split(","))
        libraries = tuple(_fetched(s3, location.strip(), folder) for location in listed)
        packages = None
        if modules := arguments.get("--additional-python-modules"):
            if not (modules.startswith("s3://") and modules.endswith(_WHEELS)):
                raise JobSetupError(
                    f"the sandbox installs a zip of wheels only, and --additional-python-modules is "
                    f"{modules!r}. Next: give it one S3 location that ends in {_WHEELS}"
                )
            options = shlex.split(arguments.get("--python-modules-installer-option", ""))
            packages = _installed(_fetched(s3, modules, folder), options, spark, folder)
        return cls(script, libraries, packages)


def _fetched(s3: Any, location: str, folder: Path) -> Path:
    """An object as a file of the same name."""
    parts = urlsplit(location)
    path = folder / parts.path.rsplit("/", 1)[-1]
    path.write_bytes(s3.get_object(Bucket=parts.netloc, Key=parts.path[1:])["Body"].read())
    return path


def _installed(zipped: Path, options: list[str], spark: Spark, folder: Path) -> Path:
    """The folder with the packages of a zip of wheels, installed with the job's own options of pip.

    Glue's wheels are for x86_64. Another machine gets its own wheels of the same lock from pip's index.
    """
    unpacked, target = folder / "wheels", folder / "packages"
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(unpacked)
    # Isolated: the emulator's PYTHONPATH hides site-packages from its functions, and so from this Python.
    command = [str(spark.python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--target", str(target)]
    if platform.machine() == "x86_64" and sys.platform == "linux":
        wheels = unpacked / "wheels"
        command += [*options, "--find-links", str(wheels), "-r", str(wheels / "requirements.txt")]
    else:
        command += ["--only-binary", ":all:", "--require-hashes", "-r", str(_WHEELS_LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise JobSetupError(f"pip could not install {zipped.name}: {done.stderr.strip()[-500:]}")
    return target


def environment(
    spark: Spark,
    place: Place,
    code: Code,
    arguments: Mapping[str, str],
    *,
    credentials: Mapping[str, str],
    folder: Path,
    worker_type: str = "",
    long: bool = False,
    log: Path | None = None,
) -> dict[str, str]:
    """The environment of the job's process; `credentials` are the role's as environment variables.

    `folder` is the run's own. `worker_type` chooses the memory. `long` is for runs over many rows: the memory
    of a large worker, and Java's full compiler. `log` is the file of Spark's own log; without it, Spark logs
    to stderr.
    """
    iceberg = "iceberg" in arguments.get("--datalake-formats", "").split(",")
    megabytes = memory("G.2X" if long else worker_type)
    settings = _settings(spark, place, folder, megabytes, long=long, iceberg=iceberg, log=log)
    # Of two settings of one name, the last counts: a job cannot lead out of the sandbox.
    options = [f"--py-files {shlex.quote(','.join(map(str, code.libraries)))}"] if code.libraries else []
    options += [f"--conf {arguments['--conf']}"] if arguments.get("--conf") else []
    options += [f"--conf {shlex.quote(f'{name}={value}')}" for name, value in settings.items()]
    return {
        "PATH": f"{spark.python.parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(folder),
        "JAVA_HOME": str(spark.java_home),
        "PYSPARK_PYTHON": str(spark.python),
        "PYSPARK_SUBMIT_ARGS": " ".join([*options, "pyspark-shell"]),
        "PYTHONPATH": os.pathsep.join(str(path) for path in (*code.libraries, code.packages) if path),
        "PYTHONUNBUFFERED": "1",  # a line of output is in the log at once
        "AWS_ENDPOINT_URL": place.endpoint,
        "AWS_CA_BUNDLE": place.ca_bundle,
        "AWS_REGION": place.region,  # Java's SDK reads it, Python's does not
        "SANDBOX_STATE": str(place.folder),  # the guard ends the processes that have it
        **credentials,
    }


def _settings(
    spark: Spark,
    place: Place,
    folder: Path,
    megabytes: int,
    *,
    long: bool,
    iceberg: bool,
    log: Path | None,
) -> dict[str, str]:
    """The settings of Spark that do not come from the job."""
    java = [
        # The simple compiler starts faster, but Java then reserves only 48 MB for code, not 240.
        *([] if long else ["-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240M"]),
        *write_trust_store(Path(place.ca_bundle), folder / "trust.p12"),
        *([f"-Dlog4j2.configurationFile={_log_settings(log, folder)}"] if log else []),
        f"-Djava.io.tmpdir={folder}",
        "-Duser.timezone=UTC",
    ]
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": f"{megabytes}m",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.extraClassPath": spark.class_path(iceberg=iceberg),
        "spark.driver.extraJavaOptions": " ".join(java),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",  # as Glue 5.1 reads s3://
        "spark.hadoop.fs.s3a.endpoint": place.endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": place.region,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
        ),
    }
    if iceberg:
        settings |= {f"spark.sql.catalog.{name}.s3.path-style-access": "true" for name in ICEBERG_CATALOGS}
    return settings


def _log_settings(log: Path, folder: Path) -> Path:
    """Log4j's configuration for a file. Glue logs at INFO; several lines per task are too many here."""
    path = folder / "log4j2.properties"
    path.write_text(
        "rootLogger.level = warn\n"
        "rootLogger.appenderRef.file.ref = file\n"
        "appender.file.type = File\n"
        "appender.file.name = file\n"
        f"appender.file.fileName = {log}\n"
        "appender.file.layout.type = PatternLayout\n"
        "appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n%ex\n"
    )
    return path
