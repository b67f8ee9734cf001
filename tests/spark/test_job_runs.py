"""StartJobRun in the sandbox: the deployed backfill job by its command, and jobs of the tests' own.

The process of each run is new, as on Glue, with the role's credentials and with logs in the role's groups.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import accounts
from sandbox.emulator.refusals import refusals
from sandbox.guard import running
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox.commands import run_module
from tests.sandbox.jobs import Job, log_lines
from tests.sandbox.roles import refused_roles
from tests.sandbox.waiting import wait_until

ITEMS = 40
DIGITS = "12345678901234567890123456789012345678"
# Spark's Python workers are processes of their own: each waits in a task.
WAITS = """
import os, time
from pyspark.sql import SparkSession
context = SparkSession.builder.getOrCreate().sparkContext
print(os.environ["HOME"], flush=True)
context.parallelize(range(2), 2).foreach(lambda _: time.sleep(600))
"""
LISTS = """
import boto3
print(boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket="NAME")["KeyCount"])
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """All stacks of a backfill in their accounts, and a table whose items the stream never told."""
    with Sandbox(speed=20) as running_sandbox:
        columns = {"consumer": ["ItemColumns=pk,n"]}
        stacks = ("consumer", "producer", "backfill", "export")
        running_sandbox.launch(plan_launches(*stacks, parameters=columns))
        dynamodb = running_sandbox.session("producer").client("dynamodb")
        table, stream = (running_sandbox.outputs[name] for name in ("SourceTableName", "SourceStreamArn"))
        dynamodb.disable_kinesis_streaming_destination(TableName=table, StreamArn=stream)
        for number in range(ITEMS):
            item = {"pk": {"S": f"old-{number:02}"}, "n": {"N": DIGITS}}
            dynamodb.put_item(TableName=table, Item=item)
        dynamodb.enable_kinesis_streaming_destination(TableName=table, StreamArn=stream)
        yield running_sandbox
        assert refused_roles(running_sandbox) == []


@pytest.fixture(scope="module")
def timing_out(sandbox: Sandbox) -> tuple[Job, str]:
    """A run that may take a minute, and takes ten; it starts before the other tests."""
    job = Job(sandbox, "ttimeout", "import time; print('begun', flush=True); time.sleep(600)", Timeout=1)
    return job, job.start()


@pytest.fixture
def name(timing_out: tuple[Job, str]) -> str:
    """A name that no other test uses; the slow run has started."""
    return f"t{uuid.uuid4().hex[:12]}"


def messages(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The events that the backfill stack's rule put into its queue, which is empty afterwards."""
    sqs = sandbox.session("consumer").client("sqs")
    [queue] = [url for url in sqs.list_queues()["QueueUrls"] if "BackfillFailures" in url]
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def processes_in(folder: str) -> list[int]:
    """The processes whose home is this folder."""
    mark, found = f"HOME={folder}".encode(), []
    for process in running():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in environment:
            found.append(process.pid)
    return found


def test_the_backfill_command_runs_the_deployed_job(sandbox: Sandbox, timing_out: tuple[Job, str]) -> None:
    """Rows in the lake, the run in Glue's list, its lines in the stack's own log groups and no others."""
    consumer = sandbox.session("consumer")
    glue, logs, job = consumer.client("glue"), consumer.client("logs"), sandbox.outputs["BackfillJobName"]
    profiles = ("--profile", "producer", "--lake-profile", "consumer")
    options = ("--engine", "glue", "--output", "json", "--yes")
    done = run_module(sandbox, "scripts.backfill", sandbox.outputs["SourceTableName"], *profiles, *options)
    assert done.returncode == 0, done.stderr
    run = glue.get_job_runs(JobName=job)["JobRuns"][0]
    assert (run["JobRunState"], run.get("ErrorMessage")) == ("SUCCEEDED", None)
    assert run["CompletedOn"] > run["StartedOn"]
    assert run["ExecutionTime"] > 0
    query = "SELECT count(DISTINCT pk) AS items, min(n) AS least, max(n) AS most FROM changes"
    asked = run_module(sandbox, "scripts.query", "--profile", "consumer", "--output", "json", query)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["rows"] == [{"items": ITEMS, "least": DIGITS, "most": DIGITS}]
    written = log_lines(logs, f"{run['LogGroupName']}/output", f"{run['Id']}-driver")
    assert any(line.startswith(f"{ITEMS:,} rows written in") for line in written), written
    assert not any("old-" in line for line in written)
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    declared = consumer.client("cloudformation").describe_stack_resources(StackName="ddb-lake-backfill")
    assert sorted(group for group in groups if "/options/backfill/" in group) == sorted(
        resource["PhysicalResourceId"]
        for resource in declared["StackResources"]
        if resource["ResourceType"] == "AWS::Logs::LogGroup"
    )


def test_a_failed_run_reaches_the_queue_of_its_stack(sandbox: Sandbox, timing_out: tuple[Job, str]) -> None:
    """The rule and the queue's policy of the template deliver Glue's event."""
    glue, job = sandbox.session("consumer").client("glue"), sandbox.outputs["BackfillJobName"]
    run_id = glue.start_job_run(JobName=job, Arguments={"--source-id": "none"})["JobRunId"]
    [event] = wait_until(lambda: messages(sandbox), "the event is in the queue", 120)
    assert event["detail"] == {
        "jobName": job,
        "severity": "ERROR",
        "state": "FAILED",
        "jobRunId": run_id,
        "message": "SystemExit: 2",
    }
    assert glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]["ErrorMessage"] == "SystemExit: 2"


def test_a_denied_role_fails_the_run(sandbox: Sandbox, name: str) -> None:
    """A run has only its role's permissions; the message and the logged denial contain the action."""
    job = Job(sandbox, name, LISTS.replace("NAME", name))
    run = job.wait(job.start())
    assert run["JobRunState"] == "FAILED"
    assert "(AccessDenied) when calling the ListObjectsV2 operation" in run["ErrorMessage"]
    assert "s3:ListBucket" in run["ErrorMessage"]
    session = f"arn:aws:sts::{accounts.CONSUMER}:assumed-role/{name}/GlueJobRunnerSession"
    denied = [line["action"] for line in refusals(sandbox.folder) if line["principal"] == session]
    assert denied == ["s3:ListBucket"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"actions": ["logs:*"]}, "s3:GetObject"),
        ({"trusted": "lambda.amazonaws.com"}, "sts:AssumeRole"),
        ({"SecurityConfiguration": "none"}, "glue:GetSecurityConfiguration"),
    ],
    ids=["code", "trust", "security"],
)
def test_a_run_that_cannot_be_prepared_fails(
    sandbox: Sandbox, name: str, settings: dict[str, Any], message: str
) -> None:
    """The code, the role and the security configuration are read with the role, before the script starts."""
    job = Job(sandbox, name, "", **settings)
    run = job.wait(job.start())
    assert (run["JobRunState"], run["ExecutionTime"]) == ("FAILED", 0)
    assert message in run["ErrorMessage"]


def test_a_role_without_logs_runs_without_a_log(sandbox: Sandbox, name: str) -> None:
    """No group is created for it; the denial is recorded."""
    job = Job(sandbox, name, "print('x')", actions=["s3:GetObject"])
    run_id = job.start()
    assert job.wait(run_id)["JobRunState"] == "SUCCEEDED"
    assert job.log(run_id) == []
    denied = {line["action"] for line in refusals(sandbox.folder) if f"/{name}/" in line["principal"]}
    assert denied == {"logs:CreateLogGroup"}


def test_a_stopped_run_leaves_no_process(sandbox: Sandbox, name: str) -> None:
    """A second run is refused while it runs and while it stops; Java and Spark's workers end with it."""
    job = Job(sandbox, name, WAITS)
    run_id = job.start()
    with pytest.raises(job.glue.exceptions.ConcurrentRunsExceededException, match="Concurrent runs exceeded"):
        job.start()
    assert job.wait(run_id, frozenset({"RUNNING"}))["ExecutionTime"] >= 0
    [folder] = wait_until(lambda: job.log(run_id), "the script's first line is in the log while it runs", 120)
    wait_until(lambda: len(processes_in(folder)) >= 4, "the script, Java, Spark's daemon and a worker", 60)
    stopped = job.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    assert stopped["SuccessfulSubmissions"] == [{"JobName": name, "JobRunId": run_id}]
    run = job.wait(run_id)
    assert (run["JobRunState"], run.get("ErrorMessage")) == ("STOPPED", None)
    wait_until(lambda: not processes_in(folder), "all have ended", 20, said=lambda: processes_in(folder))
    assert not Path(folder).exists()
    again = job.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    assert [error["ErrorDetail"]["ErrorCode"] for error in again["Errors"]] == ["InvalidInputException"]


def test_a_queued_run_waits_for_the_end_of_another(sandbox: Sandbox, name: str) -> None:
    """With JobRunQueuingEnabled, runs are WAITING and begin one after another; one is stopped before."""
    script = "import time; time.sleep(3); print('done', flush=True)"
    job = Job(sandbox, name, script, JobRunQueuingEnabled=True)
    first, second, third, fourth = (job.start() for _ in range(4))
    assert [job.run(run_id)["JobRunState"] for run_id in (second, third, fourth)] == ["WAITING"] * 3
    with pytest.raises(job.glue.exceptions.ConcurrentRunsExceededException):
        job.start(JobRunQueuingEnabled=False)
    stopped = job.glue.batch_stop_job_run(JobName=name, JobRunIds=[third])
    assert [one["JobRunId"] for one in stopped["SuccessfulSubmissions"]] == [third]
    assert job.run(third)["JobRunState"] == "STOPPED"
    assert job.wait(second, frozenset({"RUNNING"}))["ExecutionTime"] >= 0
    assert job.run(first)["JobRunState"] == "SUCCEEDED"
    assert job.run(fourth)["JobRunState"] == "WAITING"
    last = job.wait(fourth)
    ended = [job.run(run_id) for run_id in (first, second)]
    assert [run["JobRunState"] for run in (*ended, last)] == ["SUCCEEDED"] * 3
    assert ended[0]["CompletedOn"] <= ended[1]["CompletedOn"] <= last["CompletedOn"]
    assert last["ExecutionTime"] < (last["CompletedOn"] - last["StartedOn"]).total_seconds() - 3
    assert job.log(fourth) == ["done"]


def test_a_run_ends_with_its_sandbox() -> None:
    """Java, Spark's daemon and its workers too, which are in other process groups."""
    with Sandbox(speed=300) as own:
        job = Job(own, "tends", WAITS)
        run_id = job.start()
        [folder] = wait_until(lambda: job.log(run_id), "the script's first line is in the log", 120)
        wait_until(
            lambda: len(processes_in(folder)) >= 4, "the script, Java, Spark's daemon and a worker", 60
        )
    assert processes_in(folder) == []
    assert not Path(folder).exists()


def test_iceberg_is_there_for_a_job_that_asks_for_it(sandbox: Sandbox, name: str) -> None:
    """`--datalake-formats iceberg`, and settings of Spark by `--conf`, as a Glue job has them."""
    script = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE TABLE lake.NAME.t (a string) USING iceberg")
spark.sql("INSERT INTO lake.NAME.t VALUES ('1'), ('2')")
print(spark.table("lake.NAME.t").count(), "rows")
""".replace("NAME", name)
    catalog = "spark.sql.catalog.lake"
    conf = " --conf ".join(
        [
            f"{catalog}=org.apache.iceberg.spark.SparkCatalog",
            f"{catalog}.catalog-impl=org.apache.iceberg.aws.glue.GlueCatalog",
            f"{catalog}.io-impl=org.apache.iceberg.aws.s3.S3FileIO",
            f"{catalog}.warehouse=s3://{name}/",
        ]
    )
    actions = ("s3:*", "logs:*", "glue:*")
    job = Job(sandbox, name, script, actions=actions, DefaultArguments={"--conf": conf})
    job.glue.create_database(DatabaseInput={"Name": name})
    without = job.wait(job.start())
    assert without["JobRunState"] == "FAILED"
    assert "org.apache.iceberg.spark.SparkCatalog" in without["ErrorMessage"]
    run_id = job.start(Arguments={"--datalake-formats": "iceberg"})
    assert job.wait(run_id)["JobRunState"] == "SUCCEEDED", job.run(run_id)
    assert "2 rows" in job.log(run_id)


def test_a_run_ends_at_its_timeout(timing_out: tuple[Job, str]) -> None:
    """TIMEOUT after the minutes of the job, not before; what it wrote is in the log."""
    job, run_id = timing_out
    run = job.wait(run_id)
    assert (run["JobRunState"], run["ErrorMessage"]) == ("TIMEOUT", "Job run timed out")
    assert 59 <= (run["CompletedOn"] - run["StartedOn"]).total_seconds() < 75
    assert job.log(run_id) == ["begun"]
