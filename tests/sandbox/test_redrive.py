"""Records that Firehose could not deliver are rows again: real error objects, from failure to views."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox.commands import run_module
from tests.sandbox.lake import Lake as DeployedLake
from tests.sandbox.roles import refused_roles
from tests.sandbox.test_errors import Person, person
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
POISON = b'{"canary-of-redrive": "no change"}'
# A handler that answers `false`: Firehose cannot read the answer, and fails the batch without a retry.
BROKEN = "operator.is_"
FAILED_CODE = "Lambda.JsonProcessingException"
KEYS = "change_key NOT LIKE '%streamed%'"  # the item of the test of the stream is another one
Failures = dict[tuple[str, str], tuple[int, int, int]]  # found, redelivered, unrecoverable by type and code


@dataclass
class Lake:
    """Two accounts with the shipped stacks, whose function can be broken."""

    sandbox: Sandbox

    def client(self, profile: str, service: str) -> Any:
        """A client of an account."""
        session: Any = self.sandbox.session(profile)
        return session.client(service)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command as a user runs it."""
        return run_module(self.sandbox, *arguments)

    def redrive(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit code and the JSON of a redrive with the README's profiles."""
        done = self.run("scripts.redrive", "--profile", "consumer", "--output", "json", *arguments)
        assert "canary-of-redrive" not in done.stdout + done.stderr
        assert done.returncode in (0, 1), done.stderr
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def function(self, handler: str) -> None:
        """Let the function start with this handler."""
        name = self.sandbox.outputs["TransformFunctionName"]
        self.client("producer", "lambda").update_function_configuration(FunctionName=name, Handler=handler)

    def put(self, key: str, revision: int) -> None:
        """Put an item."""
        self.client("producer", "dynamodb").put_item(
            TableName=self.sandbox.outputs["SourceTableName"],
            Item={"pk": {"S": key}, "revision": {"N": str(revision)}, "m": {"M": {"n": {"N": "1"}}}},
        )

    def delete(self, key: str) -> None:
        """Delete an item."""
        table = self.sandbox.outputs["SourceTableName"]
        self.client("producer", "dynamodb").delete_item(TableName=table, Key={"pk": {"S": key}})

    def send(self, record: bytes) -> None:
        """Put a record into the stream."""
        stream = self.sandbox.outputs["SourceStreamName"]
        self.client("producer", "kinesis").put_record(StreamName=stream, Data=record, PartitionKey="x")

    def count(self, sql: str) -> int:
        """The number that a query of the lake returns."""
        _, [[number]] = DeployedLake(self.sandbox).query(sql)
        return int(number or 0)

    def wait(self, sql: str, expected: int) -> None:
        """Wait until the query returns this number."""
        wait_until(
            lambda: self.count(sql) == expected, f"{sql}: {expected}, not", said=lambda: self.count(sql)
        )

    def objects(self) -> dict[str, Any]:
        """When each object of the lake was written."""
        s3, bucket = self.client("consumer", "s3"), self.sandbox.outputs["LakeBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {entry["Key"]: entry["LastModified"] for page in pages for entry in page["Contents"]}

    def wait_for_failures(self, expected: int) -> None:
        """Wait until so many failed records are below errors/, beside those of a redrive."""
        self.wait("SELECT count(*) FROM errors WHERE error_type <> 'unrecoverable'", expected)


def failures(document: dict[str, Any]) -> Failures:
    """The figures of a report by type and code, over all days."""
    found: Failures = {}
    for one in document["failures"]:
        place = (one["type"], one["code"])
        before = found.get(place, (0, 0, 0))
        figures = (one["found"], one["redelivered"], one["unrecoverable"])
        found[place] = (before[0] + figures[0], before[1] + figures[1], before[2] + figures[2])
    return found


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    """Items before the failure; insert, update and delete during it; a poison record after it."""
    with Sandbox(speed=60) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(plan_launches(parameters={"consumer": ["ItemColumns=pk,revision,m__n"]}))
        lake = Lake(sandbox)
        handler = lake.client("producer", "lambda").get_function_configuration(
            FunctionName=sandbox.outputs["TransformFunctionName"]
        )["Handler"]
        lake.put("updated", 1)
        lake.put("deleted", 1)
        lake.wait("SELECT count(*) FROM changes", 2)
        lake.function(BROKEN)
        lake.put("inserted", 1)
        lake.put("updated", 2)
        lake.delete("deleted")
        lake.wait_for_failures(3)
        lake.function(handler)
        lake.send(POISON)
        lake.wait_for_failures(4)
        lake.put("updated", 3)
        lake.wait("SELECT count(*) FROM changes", 3)
        yield lake
        assert refused_roles(sandbox) == []


@pytest.fixture(scope="module")
def redriven(lake: Lake) -> dict[str, Any]:
    """The report of the first redrive, after a dry run that must count the same."""
    code, counted = lake.redrive("--dry-run")
    assert (code, counted["status"]) == (1, "dry run")
    assert lake.count("SELECT count(*) FROM changes") == 3
    code, document = lake.redrive("--yes")
    assert code == 1  # the poison record
    assert failures(counted) == failures(document)
    return document


def test_failed_changes_are_rows_of_the_lake(lake: Lake, redriven: dict[str, Any]) -> None:
    """Every failure of the function is redelivered; the poison record has its reason in the lake."""
    assert failures(redriven) == {
        ("processing-failed", FAILED_CODE): (3, 3, 0),
        ("processing-failed", "Lambda.ProcessingFailedStatus"): (1, 0, 1),
    }
    assert redriven["reasons"] == {"ChangeShapeError": 1}
    assert (redriven["found"], redriven["redelivered"], redriven["unrecoverable"]) == (4, 3, 1)
    rows = f"SELECT count(*) FROM changes WHERE {KEYS}"
    assert lake.count(rows) == 6
    repaired = f"{rows} AND \"$path\" LIKE '%/repair-redrive-%'"
    assert lake.count(repaired) == 3
    assert lake.count(f"{repaired} AND dt = substr(change_time, 1, 10)") == 3
    done = lake.run("sandbox", "check", "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    [table] = json.loads(done.stdout)["tables"]
    assert table["figures"]["keys that differ"] == 0


def test_views_are_right_after_a_redrive(lake: Lake, redriven: dict[str, Any]) -> None:
    """The newest state is that of the last change, nothing is missing, and a delete stays a delete."""
    assert redriven
    table = lake.sandbox.outputs["SourceTableName"]
    done = lake.run("scripts.views", table, "--name", "orders", "--profile", "consumer")
    assert done.returncode == 0, done.stderr
    deployed = DeployedLake(lake.sandbox)
    _, items = deployed.query(f"SELECT pk, change_type FROM current_orders WHERE {KEYS} ORDER BY pk")
    assert [tuple(item) for item in items] == [("inserted", "INSERT"), ("updated", "MODIFY")]
    assert lake.count(f"SELECT count(*) FROM history_orders WHERE {KEYS}") == 6
    assert lake.count("SELECT count(*) FROM history_orders WHERE change_key LIKE '%updated%'") == 3
    assert lake.count("SELECT count(*) FROM gaps_orders") == 0


def test_second_redrive_changes_nothing(lake: Lake, redriven: dict[str, Any]) -> None:
    """Every error object is complete, and those of errors/unrecoverable/ are not read."""
    assert redriven
    before = lake.objects()
    code, document = lake.redrive("--yes")
    assert (code, document["found"]) == (1, 0)  # the poison record remains
    assert document["objects"]["complete_before"] >= redriven["objects"]["redriven"]
    assert document["objects"]["with_unrecoverable_before"] == 1
    assert lake.objects() == before


def test_unrecoverable_records_are_counted_by_their_reason(lake: Lake, redriven: dict[str, Any]) -> None:
    """In the query of failures, without the record."""
    assert redriven
    done = lake.run("scripts.query", "--profile", "consumer", "--named", "errors-by-code", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert "canary-of-redrive" not in done.stdout
    [row] = [row for row in json.loads(done.stdout)["rows"] if row["error_type"] == "unrecoverable"]
    assert (row["error_code"], row["failures"]) == ("ChangeShapeError", 1)
    assert row["newest_message"] == "eventName is none of INSERT, MODIFY, REMOVE"


def test_records_go_through_the_stream_again(lake: Lake, redriven: dict[str, Any]) -> None:
    """The function numbers and delivers them; a second run sends nothing."""
    assert redriven
    lambda_client = lake.client("producer", "lambda")
    name = lake.sandbox.outputs["TransformFunctionName"]
    handler = lambda_client.get_function_configuration(FunctionName=name)["Handler"]
    lake.function(BROKEN)
    lake.put("streamed", 1)
    lake.wait_for_failures(5)
    lake.function(handler)
    code, document = lake.redrive("--to", "stream", "--yes")
    assert (code, document["redelivered"], document["unrecoverable"]) == (1, 1, 0)
    rows = "SELECT count(*) FROM changes WHERE change_key LIKE '%streamed%'"
    lake.wait(f"{rows} AND change_sequence IS NOT NULL", 1)
    assert lake.redrive("--to", "stream", "--yes")[1]["found"] == 0
    assert lake.count(rows) == 1


@pytest.fixture(scope="module")
def repairer(lake: Lake) -> Person:
    """A role with only the consumer stack's policy for people who repair."""
    return person(lake.sandbox, "redrive-repairer", lake.sandbox.outputs["RepairerPolicyArn"])


def test_a_repairer_needs_no_other_policy(lake: Lake, repairer: Person, redriven: dict[str, Any]) -> None:
    """With credentials of the environment instead of a profile, and the table's account by its profile."""
    assert redriven
    done = repairer.run("scripts.redrive", "--dry-run", "--source-profile", "producer")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout).get("status") == "dry run", done.stderr
