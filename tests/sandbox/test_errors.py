"""Records that cannot become a row are counted by code: by an operator and nobody else."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from sandbox import accounts
from sandbox.lifecycle import Sandbox
from tests.sandbox.commands import run_module
from tests.sandbox.roles import account_root, client_as, credential_environment, trust_policy
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
CODE = "Lambda.ProcessingFailedStatus"


@dataclass(frozen=True)
class Person:
    """A role of the consumer account."""

    sandbox: Sandbox
    credentials: dict[str, str]

    def client(self, service: str) -> Any:
        """A client with the role's credentials."""
        return client_as(self.sandbox.session("consumer"), service, self.credentials)

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`scripts.query` as this person runs it."""
        return self.run("scripts.query", *arguments)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command with a JSON answer as this person runs it."""
        mine = {
            **credential_environment(self.credentials),
            "AWS_DEFAULT_REGION": accounts.REGION,
            "AWS_ENDPOINT_URL": self.sandbox.endpoint,
            "AWS_CA_BUNDLE": str(self.sandbox.folder / "ca.pem"),
        }
        environment = {k: v for k, v in self.sandbox.environment().items() if k != "AWS_PROFILE"}
        return run_module(self.sandbox, *arguments, "--output", "json", environment=environment | mine)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """The rows of a query that must succeed."""
        done = self.ask(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
        return rows


def person(sandbox: Sandbox, name: str, policy_arn: str) -> Person:
    """A role that its account's users can assume, with one managed policy."""
    session: boto3.Session = sandbox.session("consumer")
    iam, account = session.client("iam"), accounts.PROFILES["consumer"]
    trust = trust_policy(account_root(account))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy_arn)
    answer: Any = session.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")
    return Person(sandbox, answer["Credentials"])


@pytest.fixture(scope="module")
def operator(two_accounts: Sandbox) -> Person:
    """A role with only the consumer stack's policy for operators."""
    return person(two_accounts, "failures-operator", two_accounts.outputs["OperatorPolicyArn"])


@pytest.fixture(scope="module")
def analyst(two_accounts: Sandbox) -> Person:
    """A role with only the consumer stack's policy for analysts."""
    return person(two_accounts, "failures-analyst", two_accounts.outputs["AnalystPolicyArn"])


@pytest.fixture(scope="module")
def failed(two_accounts: Sandbox) -> list[bytes]:
    """Three records that no version of the function can flatten, delivered below errors/."""
    records = [f'{{"canary-of-errors": {number}, "not a change"'.encode() for number in range(3)]
    kinesis = two_accounts.session("producer").client("kinesis")
    for record in records:
        kinesis.put_record(
            StreamName=two_accounts.outputs["SourceStreamName"], Data=record, PartitionKey="canary"
        )
    s3 = two_accounts.session("consumer").client("s3")
    bucket = two_accounts.outputs["LakeBucketName"]

    def arrived() -> bool:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="errors/processing-failed/").get("Contents", [])
        found = set()
        for stored in listed:
            found |= {raw for raw in payloads(s3, bucket, stored["Key"]) if raw in records}
        return found == set(records)

    wait_until(arrived, "three failed records", 60)
    return records


def payloads(s3: Any, bucket: str, key: str) -> list[bytes]:
    """The records in an error object, compressed or not."""
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    body = gzip.decompress(body) if key.endswith(".gz") else body
    return [base64.b64decode(json.loads(line)["rawData"]) for line in body.splitlines()]


def test_operator_counts_failures_and_finds_the_failed_records(
    two_accounts: Sandbox, operator: Person, failed: list[bytes]
) -> None:
    """From the named query to the records, with the stack's policy only."""
    rows = {row["error_code"]: row for row in operator.rows("--named", "errors-by-code")}
    assert rows[CODE]["error_type"] == "processing-failed"
    assert rows[CODE]["failures"] >= len(failed)
    bucket, _, key = rows[CODE]["newest_object"].removeprefix("s3://").partition("/")
    assert bucket == two_accounts.outputs["LakeBucketName"]
    assert payloads(operator.client("s3"), bucket, key)


def test_no_query_shows_failed_records(operator: Person, failed: list[bytes]) -> None:
    """Analysts may read query results, so the table has no column for a record."""
    done = operator.ask("SELECT * FROM errors")
    assert done.returncode == 0, done.stderr
    assert "rawdata" not in done.stdout.lower()
    for record in failed:
        assert record.decode() not in done.stdout
        assert base64.b64encode(record).decode() not in done.stdout


def test_operator_reads_no_rows(operator: Person) -> None:
    """Operators of failures have no access to the lake's rows."""
    for table in ("changes", "change_lines"):
        done = operator.ask(f"SELECT count(*) FROM {table}")
        assert done.returncode != 0
        assert "glue:GetTable" in done.stderr


def test_analyst_cannot_read_failures(analyst: Person, failed: list[bytes]) -> None:
    """The count reads the objects with the items, which an analyst may not read."""
    assert failed
    done = analyst.ask("--named", "errors-by-code")
    assert done.returncode != 0
    assert "Access Denied" in done.stderr


def test_analyst_sees_a_column_before_any_crawl(two_accounts: Sandbox, analyst: Person, unique: str) -> None:
    """An attribute is visible as soon as it is delivered, before a column is declared."""
    dynamodb = two_accounts.session("producer").client("dynamodb")
    dynamodb.put_item(
        TableName=two_accounts.outputs["SourceTableName"],
        Item={"pk": {"S": unique}, f"new_{unique}": {"M": {"inner": {"N": "1"}}}},
    )

    def appeared() -> list[dict[str, Any]]:
        rows = analyst.rows("SELECT line FROM change_lines WHERE dt > '2026'")
        return [row for row in rows if unique in (row["line"] or "")]

    wait_until(appeared, "the item's row", 60)
    found = {row["column_name"]: row for row in analyst.rows("--named", "columns-that-appeared")}
    assert found[f"new_{unique}__inner"]["changes"] == 1
