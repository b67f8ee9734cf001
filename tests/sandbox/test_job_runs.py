"""Job runs that the sandbox refuses. tests/spark has the runs themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.lifecycle import Sandbox
from tests.sandbox.jobs import Job

pytestmark = pytest.mark.sandbox


def refusal(job: Job, **settings: str) -> tuple[str, str]:
    """The code and the message with which StartJobRun is refused."""
    with pytest.raises(ClientError) as refused:
        job.start(**settings)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def java(folder: Path, version: str) -> Path:
    """A JAVA_HOME whose program answers `-version` like this Java."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2022-01-18' >&2\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            "",
            "Glue jobs need Spark: there is no Java in JAVA_HOME. Next: install openjdk-17-jre-headless, or",
        ),
        ("21.0.1", "java is Java 21. Next: install openjdk-17-jre-headless, or set JAVA_HOME to one"),
        ("17.0.1", "Glue jobs need Spark: Spark is not in CACHE/ddb-lake/spark-3.5.6-"),
    ],
    ids=["no Java", "another Java", "no Spark"],
)
def test_a_machine_without_spark_refuses_with_the_next_step(
    version: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unique: str
) -> None:
    """One line of a Glue error; the run does not exist. Java is looked for first: it is installed by hand."""
    home = java(tmp_path / "java", version) if version else tmp_path / "moved"
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Sandbox(speed=300) as sandbox:
        job = Job(sandbox, unique, "")
        code, said = refusal(job)
        assert code == "InternalServiceException"
        assert message.replace("CACHE", str(tmp_path / "cache")) in said
        assert "Next: " in said
        assert "\n" not in said
        assert job.glue.get_job_runs(JobName=unique)["JobRuns"] == []


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"GlueVersion": "4.0"}, "a glueetl job of Glue 4.0"),
        ({"Command": {"Name": "pythonshell"}}, "pythonshell"),
    ],
)
def test_a_job_of_another_kind_is_refused(
    settings: dict[str, Any], kind: str, emulator: Sandbox, unique: str
) -> None:
    """It would run on another Spark than its own, or on none."""
    code, said = refusal(Job(emulator, unique, "", **settings))
    assert code == "InvalidInputException"
    assert said.startswith("the sandbox runs glueetl jobs of Glue 5.1 only")
    assert kind in said


def test_an_unknown_job_or_run_is_named(emulator: Sandbox, unique: str) -> None:
    """EntityNotFoundException, as from AWS; a run that cannot be stopped is an entry of Errors."""
    job = Job(emulator, unique, "")
    missing = job.glue.exceptions.EntityNotFoundException
    for request in (
        lambda: job.glue.start_job_run(JobName=f"{unique}-none"),
        lambda: job.glue.get_job_runs(JobName=f"{unique}-none"),
        lambda: job.run("jr_none"),
    ):
        with pytest.raises(missing, match="none not found"):
            request()
    stopped = job.glue.batch_stop_job_run(JobName=unique, JobRunIds=["jr_none"])
    assert stopped["SuccessfulSubmissions"] == []
    assert [error["ErrorDetail"]["ErrorCode"] for error in stopped["Errors"]] == ["EntityNotFoundException"]
