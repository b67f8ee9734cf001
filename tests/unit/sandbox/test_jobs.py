"""The parts of a job run that need no Spark: arguments, names, pages, logs, and the process of a script."""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.jobs import deployed, logs, run, service
from sandbox.jobs.run import Outcome

ROLE = "arn:aws:iam::222222222222:role/team/job"
JOB: dict[str, Any] = {
    "Name": "j",
    "Role": ROLE,
    "Command": {"Name": "glueetl"},
    "GlueVersion": "5.1",
    "Timeout": 30,
    "DefaultArguments": {"--a": "1", "--b": "1", "--c": "1"},
    "NonOverridableArguments": {"--c": "3"},
    "ExecutionProperty": {"MaxConcurrentRuns": 2},
}


def test_a_run_replaces_default_arguments_but_not_fixed_ones() -> None:
    """The script also gets the names of its job and its run."""
    found = deployed.script_arguments(JOB, {"--b": "2", "--c": "2"}, "jr_1")
    assert found == {"--a": "1", "--b": "2", "--c": "3", "--JOB_NAME": "j", "--JOB_RUN_ID": "jr_1"}
    assert deployed.words({"--a": "1", "--b": "x y"}) == ["--a", "1", "--b", "x y"]


@pytest.mark.parametrize(
    ("arguments", "security", "group"),
    [
        ({}, "", "/aws-glue/jobs"),
        ({"--custom-logGroup-prefix": "/p"}, "", "/p"),
        ({"--custom-logGroup-prefix": "/p"}, "S", "/p/S-role/team/job"),
    ],
)
def test_log_groups_are_named_as_glue_names_them(
    arguments: dict[str, str], security: str, group: str
) -> None:
    """The prefix, the security configuration and the role with its path."""
    assert logs.group(arguments, security, ROLE) == group


def test_a_log_is_cut_into_batches_that_cloudwatch_accepts() -> None:
    """At most 1 MiB with 26 bytes per event, and 10,000 events; nothing but empty lines is lost."""
    lines = [b"x" * 150_000 + b"\n"] * 8 + [b"\n"] + [b"%d\n" % number for number in range(10_050)]
    found = list(logs.batches(lines))
    assert [line for batch in found for line in batch] == [
        line.decode().strip() for line in lines if line.strip()
    ]
    assert all(len(batch) <= 10_000 for batch in found)
    assert all(sum(len(line) + 26 for line in batch) <= 1_048_576 for batch in found)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("worker_type", "megabytes"), [("", 1500), ("G.1X", 1500), ("G.2X", 3000), ("R.8X", 3000)]
)
def test_a_larger_worker_has_more_memory(
    worker_type: str, megabytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the settings of Spark; without a type, that of G.1X."""
    monkeypatch.setattr(deployed, "write_trust_store", lambda *_: [])
    place = SimpleNamespace(endpoint="e", ca_bundle="ca.pem", region="r", folder=tmp_path)
    spark: Any = SimpleNamespace(
        python=Path("/p/bin/python"), java_home=Path("/j"), class_path=lambda **_: "c"
    )
    code = deployed.Code(tmp_path / "job.py", (), None)
    found = deployed.environment(
        spark, place, code, {}, credentials={}, folder=tmp_path, worker_type=worker_type
    )
    assert f"--conf spark.driver.memory={megabytes}m" in found["PYSPARK_SUBMIT_ARGS"]


def runs_in(*states: str) -> list[dict[str, str]]:
    """Runs in these states."""
    return [{"JobRunState": state} for state in states]


def test_only_as_many_runs_as_the_job_allows() -> None:
    """The next one is refused; without the property, one may run. A run that has ended does not count."""
    assert service.first_state(JOB, {}, runs_in("SUCCEEDED", "STOPPING", "FAILED")) == "STARTING"
    with pytest.raises(service.RefusedError, match="Concurrent runs exceeded for j") as refused:
        service.first_state(JOB, {}, runs_in("STARTING", "RUNNING"))
    assert refused.value.code == "ConcurrentRunsExceededException"
    alone = {name: JOB[name] for name in JOB if name != "ExecutionProperty"}
    with pytest.raises(service.RefusedError):
        service.first_state(alone, {}, runs_in("RUNNING"))


@pytest.mark.parametrize(
    ("job", "request_", "waits"),
    [
        ({"JobRunQueuingEnabled": True}, {}, True),
        ({"JobRunQueuingEnabled": True}, {"JobRunQueuingEnabled": False}, False),
        ({}, {"JobRunQueuingEnabled": True}, True),
        ({"JobRunQueuingEnabled": True, "ExecutionClass": "FLEX"}, {}, False),
        ({"JobRunQueuingEnabled": True, "ExecutionClass": "FLEX"}, {"ExecutionClass": "STANDARD"}, True),
    ],
)
def test_a_run_too_many_waits_if_runs_are_queued(
    job: dict[str, Any], request_: dict[str, Any], waits: bool
) -> None:
    """The run's own setting decides, and FLEX never waits. Runs that wait take nobody's place."""
    states = runs_in("RUNNING", "RUNNING", "WAITING")
    if waits:
        assert service.first_state({**JOB, **job}, request_, states) == "WAITING"
        assert service.first_state({**JOB, **job}, request_, states[1:]) == "STARTING"
    else:
        with pytest.raises(service.RefusedError, match="Concurrent runs exceeded"):
            service.first_state({**JOB, **job}, request_, states)


def test_a_run_overrides_settings_of_its_job() -> None:
    """Its own arguments are described alone, as those that replace the job's."""
    found = service.new_run(JOB, {"Timeout": 5, "Arguments": {"--b": "2"}}, "222222222222", 7.0)
    assert (found["Timeout"], found["Arguments"], found["StartedOn"]) == (5, {"--b": "2"}, 7.0)
    assert service.new_run(JOB, {}, "222222222222", 7.0)["Timeout"] == 30
    assert "CompletedOn" not in found


@pytest.mark.parametrize(
    ("outcome", "severity", "message"),
    [
        (Outcome("SUCCEEDED"), "INFO", "Job run succeeded"),
        (Outcome("FAILED", "ValueError: x"), "ERROR", "ValueError: x"),
        (run.TIMED_OUT, "WARN", "Job run timed out"),
        (run.STOPPED, "INFO", "Job run stopped"),
    ],
)
def test_the_event_of_an_end_has_its_state_and_message(outcome: Outcome, severity: str, message: str) -> None:
    """In the form of the EventBridge reference."""
    record = service.new_run(JOB, {}, "222222222222", 7.0)
    service.close(record, outcome, 10.0, 13.2)
    assert service.event_detail(record) == {
        "jobName": "j",
        "severity": severity,
        "state": outcome.state,
        "jobRunId": record["Id"],
        "message": message,
    }
    assert (record["ExecutionTime"], record["CompletedOn"]) == (3, 13.2)


def test_runs_are_listed_newest_first_in_pages() -> None:
    """A token continues, and a foreign one is refused."""
    runs = [{"Id": str(number)} for number in range(5)]
    first = service.page_of(runs, {"MaxResults": 3})
    assert [one["Id"] for one in first["JobRuns"]] == ["4", "3", "2"]
    rest = service.page_of(runs, {"MaxResults": 3, "NextToken": first["NextToken"]})
    assert ([one["Id"] for one in rest["JobRuns"]], "NextToken" in rest) == (["1", "0"], False)
    with pytest.raises(service.RefusedError, match="Invalid NextToken"):
        service.page_of(runs, {"NextToken": "x"})


def started(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """The process of a run with this script."""
    (folder / "script.py").write_text(script)
    command = [
        sys.executable,
        str(run.PROCESS),
        str(folder / "failure"),
        str(folder / "script.py"),
        "--a",
        "1",
    ]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ("import sys; assert sys.argv[1:] == ['--a', '1']", 0, None),
        ("raise SystemExit(0)", 0, None),
        ("raise SystemExit(2)", 1, "SystemExit: 2"),
        ("raise SystemExit('no table')", 1, "SystemExit: no table"),
        ("raise ValueError('x')", 1, "ValueError: x"),
        ("import deployed", 1, "ModuleNotFoundError: No module named 'deployed'"),
        ("import os; os._exit(9)", 9, None),
    ],
)
def test_a_script_ends_with_its_reason(tmp_path: Path, script: str, code: int, message: str | None) -> None:
    """The message is that of the exception. The sandbox's own modules are not on the path."""
    process = started(tmp_path, script)
    assert process.stdout
    output = process.stdout.read()  # its stdin stays open: it would end otherwise
    said = tmp_path / "failure"
    assert (process.wait(20), said.read_text() if said.exists() else None) == (code, message), output


def test_a_run_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Its stdin closes: the script and what it started are ended."""
    script = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
    process = started(tmp_path, script)
    assert process.stdout
    assert process.stdin
    assert int(process.stdout.readline()) > 0
    process.stdin.close()
    assert process.wait(20) == -9
    readable, _, _ = select.select([process.stdout], [], [], 20)
    assert readable, "the child still has the pipe"
    assert process.stdout.read() == b""
