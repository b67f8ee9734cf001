"""A lake with settled tables in memory, as the clients of AWS show it. `events` are the writes in order."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from scripts.core.connection import Connection
from scripts.core.sides import LakeSide
from settled import unsettled
from settled.names import OBJECTS, REOPENED, UNSETTLED
from settled.unsettled import Opening
from tests.unit.scripts.edge import Pages, refused

ACCOUNT, BUCKET, JOB, POLICY = (
    "222222222222",
    "lake",
    "settle-job",
    "arn:aws:iam::222222222222:policy/settler",
)
OUTPUTS = {"SettleJobName": JOB, "SettlerPolicyArn": POLICY, "SettleLogGroupName": "/ddb-lake/x/output"}
_COLUMNS = ["change_key", "change_rescued", "pk"]


class FakeLake:
    """S3, Glue, Athena and CloudFormation of the lake's account.

    `denied` are operations that AWS refuses. `before_view` is called when a statement that creates the view
    has arrived and has not run yet.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {"settled/settled_objects/metadata/v1.json": b"{}"}
        self.view: Opening | None = Opening("2026-11-20")
        self.tables = {OBJECTS}
        self.stacks = {"ddb-lake-tables": BUCKET}
        self.events: list[str] = []
        self.calls: list[str] = []
        self.denied: set[str] = set()
        self.before_view: Callable[[], None] = lambda: None
        self.run_states = ["RUNNING", "SUCCEEDED"]
        self.busy = False
        self.delivered = datetime(2026, 11, 20, tzinfo=UTC)

    def side(self) -> LakeSide:
        """The lake as the commands see it."""
        outputs = {
            "LakeBucketName": BUCKET,
            "ConsumerAccountId": ACCOUNT,
            "DatabaseName": "ddb_lake",
            "WorkgroupName": "ddb-lake",
        }
        side = LakeSide(cast("Connection", _Connection(self)), "ddb-lake-consumer", outputs)
        side._clients["s3"] = self
        return side

    def _call(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self.denied:
            raise refused("AccessDenied", f"not authorized to perform {operation}", operation)

    def markers(self) -> dict[str, dict[str, Any]]:
        """The markers by id."""
        return {
            key.removeprefix(REOPENED).removesuffix(".json"): json.loads(body)
            for key, body in self.objects.items()
            if key.startswith(REOPENED)
        }

    # S3

    def get_paginator(self, _: str) -> Pages:
        """Listings."""
        return Pages(self._listed)

    def _listed(self, Bucket: str, Prefix: str, ExpectedBucketOwner: str) -> list[dict[str, Any]]:
        assert (Bucket, ExpectedBucketOwner) == (BUCKET, ACCOUNT)
        self._call("ListObjectsV2")
        found = sorted(key for key in self.objects if key.startswith(Prefix))
        common = {"ETag": '"e"', "LastModified": self.delivered}
        return [{"Contents": [{"Key": key, "Size": len(self.objects[key]), **common} for key in found]}]

    def get_object(self, Bucket: str, Key: str, ExpectedBucketOwner: str) -> dict[str, Any]:
        """An object."""
        assert (Bucket, ExpectedBucketOwner) == (BUCKET, ACCOUNT)
        self._call("GetObject")
        if Key not in self.objects:
            raise refused("NoSuchKey", operation="GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ExpectedBucketOwner: str) -> None:
        """Write an object."""
        assert (Bucket, ExpectedBucketOwner) == (BUCKET, ACCOUNT)
        self._call("PutObject")
        self.objects[Key] = Body
        if Key.startswith(REOPENED):
            content = json.loads(Body)
            days = ",".join(content["days"])
            self.events.append(f"{'complete' if content['done'] else 'mark'} {days}")
        else:
            self.events.append(f"row {Key.split('/')[1]}")

    # Glue

    def get_table(self, DatabaseName: str, Name: str) -> dict[str, Any]:
        """A table or the view."""
        assert DatabaseName == "ddb_lake"
        self._call("GetTable")
        if Name == "changes":
            return {"Table": {"StorageDescriptor": {"Columns": [{"Name": name} for name in _COLUMNS]}}}
        if Name == UNSETTLED and self.view is not None:
            sql = unsettled.statement(self.view, _COLUMNS).partition(" AS\n")[2]
            text = base64.b64encode(json.dumps({"originalSql": sql}).encode()).decode()
            return {"Table": {"ViewOriginalText": f"/* Presto View: {text} */"}}
        if Name not in self.tables:
            raise refused("EntityNotFoundException", operation="GetTable")
        return {"Table": {}}

    def execute(self, sql: str) -> None:
        """Athena: create the view."""
        self._call("StartQueryExecution")
        self.before_view()
        assert re.match(rf"CREATE OR REPLACE VIEW {UNSETTLED} AS\nSELECT \"change_key\", .*, \"dt\"\n", sql)
        self.view = unsettled.read(sql)
        assert self.view is not None
        self.events.append(f"view {','.join(self.view.reopened)}")

    def start_job_run(self, JobName: str) -> dict[str, str]:
        """Start a run."""
        assert JobName == JOB
        self._call("StartJobRun")
        if self.busy:
            raise refused("ConcurrentRunsExceededException", operation="StartJobRun")
        self.events.append("run")
        return {"JobRunId": "jr_1"}

    def get_job_run(self, JobName: str, RunId: str) -> dict[str, Any]:
        """The run; it has the next of its states."""
        assert (JobName, RunId) == (JOB, "jr_1")
        self._call("GetJobRun")
        state = self.run_states.pop(0) if len(self.run_states) > 1 else self.run_states[0]
        return {"JobRun": {"Id": RunId, "JobRunState": state, "ExecutionTime": 61, "ErrorMessage": "why"}}

    def get_job_runs(self, JobName: str, MaxResults: int) -> dict[str, Any]:
        """No run yet."""
        assert JobName == JOB
        assert MaxResults
        self._call("GetJobRuns")
        return {"JobRuns": []}

    # CloudFormation

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        """A stack for the settled tables of some bucket."""
        self._call("DescribeStacks")
        if StackName not in self.stacks:
            raise refused("ValidationError", f"Stack with id {StackName} does not exist", "DescribeStacks")
        return {
            "Stacks": [
                {
                    "StackStatus": "CREATE_COMPLETE",
                    "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()],
                    "Parameters": [
                        {"ParameterKey": "LakeBucketName", "ParameterValue": self.stacks[StackName]}
                    ],
                }
            ]
        }


class _Connection:
    """A connection to the lake's account."""

    account, region, location, profile = ACCOUNT, "eu-west-1", " --profile consumer", "consumer"

    def __init__(self, lake: FakeLake) -> None:
        self._lake = lake

    def client(self, _service: str) -> FakeLake:
        return self._lake

    def profile_setting(self, _name: str) -> None:
        return None
