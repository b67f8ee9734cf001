"""Programs for Spark that are no jobs: they run with an administrator's credentials (`run`)."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.jobs import deployed
from sandbox.lifecycle import Sandbox
from sandbox.running import RunningSandbox
from sandbox.spark import assembly

_SECONDS = 300
_OPENED = (
    "java.nio",
    "java.lang",
    "java.lang.ref",
    "java.io",
    "jdk.internal.access.foreign",
    "jdk.internal.ref",
)


class ProgramError(AssertionError):
    """A program ended with an error. The message is the end of its output."""


def run(name: str, sandbox: Sandbox, folder: Path, given: Any, *, jars: Sequence[Path] = ()) -> Any:
    """Run the program of this folder once, in the lake's account. It gets and returns JSON.

    `folder` is empty and private; `jars` are added to Spark's. Raises ProgramError.
    """
    spark = assembly.require()
    keys = sandbox.session("consumer").get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    credentials = {"AWS_ACCESS_KEY_ID": str(keys.access_key), "AWS_SECRET_ACCESS_KEY": str(keys.secret_key)}
    program = Path(__file__).with_name(f"{name}.py")
    place, code = RunningSandbox.read(sandbox.folder), deployed.Code(program, (), None)
    formats = {"--datalake-formats": "iceberg"}
    environment = deployed.environment(spark, place, code, formats, credentials=credentials, folder=folder)
    if jars:
        # Gson, with which the connector prints items, looks into the JDK's buffers; Java 17 must permit it.
        environment["JDK_JAVA_OPTIONS"] = " ".join(
            f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED
        )
        listed = ",".join(map(str, jars))
        environment["PYSPARK_SUBMIT_ARGS"] = f"--jars {listed} {environment['PYSPARK_SUBMIT_ARGS']}"
    answer = folder / "answer.json"
    done = subprocess.run(
        [str(spark.python), str(program), json.dumps(given), str(answer)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise ProgramError(done.stderr[-4_000:])
    return json.loads(answer.read_text())
