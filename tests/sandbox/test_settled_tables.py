"""The option stack `tables` over the shipped stacks: what its role and its people may do, and its removal.

The job itself runs in tests/spark/; here its role makes the calls of a run one by one.
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import accounts
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from settled.reopened import Marker
from settled.unsettled import opening, sql_of, statement
from tests.sandbox.commands import run_module
from tests.sandbox.roles import account_root, client_as, refused_roles, trust_policy
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
ICEBERG = {"table_type": "ICEBERG", "metadata_location": "s3://lake/settled/x/metadata/0.metadata.json"}


class Caller:
    """Somebody with a role's credentials in the lake's account."""

    def __init__(self, sandbox: Sandbox, credentials: Any) -> None:
        self.sandbox, self.credentials = sandbox, credentials
        self.outputs = sandbox.outputs
        self.bucket = self.outputs["LakeBucketName"]

    def client(self, service: str) -> Any:
        """A client with the role's credentials."""
        return client_as(self.sandbox.session("consumer"), service, self.credentials)

    def create_view(self) -> dict[str, Any]:
        """Create `unsettled_changes` as the job does, and return its end."""
        athena, glue = self.client("athena"), self.client("glue")
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=self.outputs["DatabaseName"])
        found = {table["Name"]: table for page in pages for table in page["TableList"]}
        columns = [column["Name"] for column in found["changes"]["StorageDescriptor"]["Columns"]]
        query = athena.start_query_execution(
            QueryString=statement(opening(date(2026, 11, 28), []), columns),
            QueryExecutionContext={"Database": self.outputs["DatabaseName"]},
            WorkGroup=self.outputs["WorkgroupName"],
        )["QueryExecutionId"]

        def ended() -> Any:
            status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            return status if status["State"] in ("SUCCEEDED", "FAILED") else None

        result: dict[str, Any] = wait_until(ended, "the view is created", 60, pause=0.1)
        return result

    def denied(self, service: str, call: str, **request: Any) -> str:
        """The error code of a call that must be denied."""
        with pytest.raises(ClientError) as refusal:
            getattr(self.client(service), call)(**request)
        return str(refusal.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def settled() -> Iterator[Sandbox]:
    """A lake with the option stack."""
    with Sandbox(speed=300) as sandbox:
        sandbox.launch(plan_launches("consumer", "tables"))
        yield sandbox


def role_of_the_job(sandbox: Sandbox) -> Caller:
    """The role of the job, assumed as Glue assumes it."""
    arn = f"arn:aws:iam::{accounts.CONSUMER}:role/{sandbox.outputs['SettleRoleName']}"
    sts = accounts.as_service(sandbox.session("consumer").client("sts"), "glue.amazonaws.com")
    return Caller(sandbox, sts.assume_role(RoleArn=arn, RoleSessionName="job")["Credentials"])


@pytest.fixture(scope="module")
def job(settled: Sandbox) -> Caller:
    """The role of the deployed job."""
    return role_of_the_job(settled)


@pytest.fixture(scope="module")
def settler(settled: Sandbox) -> Caller:
    """A person with the stack's policy and nothing else."""
    session = settled.session("consumer")
    iam: Any = session.client("iam")
    trust = trust_policy(account_root(accounts.CONSUMER))
    arn = iam.create_role(RoleName="settler", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="settler", PolicyArn=settled.outputs["SettlerPolicyArn"])
    answer: Any = session.client("sts").assume_role(RoleArn=arn, RoleSessionName="anna")
    return Caller(settled, answer["Credentials"])


def test_the_deployed_job_has_the_lakes_settings(settled: Sandbox) -> None:
    """What Glue would run: its arguments, its queue, and code that exists in the artifact bucket."""
    session = settled.session("consumer")
    found: Any = session.client("glue").get_job(JobName=settled.outputs["SettleJobName"])["Job"]
    passed = found["DefaultArguments"]
    assert passed["--lake-bucket"] == settled.outputs["LakeBucketName"]
    assert passed["--catalog-function"] == settled.outputs["CatalogFunctionArn"]
    assert (found["ExecutionProperty"], found["JobRunQueuingEnabled"]) == ({"MaxConcurrentRuns": 1}, True)
    s3: Any = session.client("s3")
    for location in (found["Command"]["ScriptLocation"], passed["--extra-py-files"]):
        bucket, _, key = location.removeprefix("s3://").partition("/")
        s3.head_object(Bucket=bucket, Key=key)


def test_the_role_writes_settled_files_only(job: Caller) -> None:
    """It puts, reads, lists and deletes below settled/, and changes nothing else in the bucket."""
    s3 = job.client("s3")
    key = "settled/settled_items_orders/data/x.parquet"
    s3.put_object(Bucket=job.bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=job.bucket, Key=key)["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket=job.bucket, Prefix="settled/")["KeyCount"] == 1
    s3.delete_objects(Bucket=job.bucket, Delete={"Objects": [{"Key": key}]})
    assert s3.list_objects_v2(Bucket=job.bucket, Prefix="settled/")["KeyCount"] == 0
    for other in ("data/dt=2026-11-20/x.gz", "errors/x", "settled"):
        assert job.denied("s3", "put_object", Bucket=job.bucket, Key=other, Body=b"x") == "AccessDenied"
    missing = job.denied("s3", "get_object", Bucket=job.bucket, Key="data/dt=2026-11-20/gone.gz")
    assert missing == "NoSuchKey"


def test_the_role_commits_to_its_tables_only(job: Caller) -> None:
    """Iceberg's commit is an UpdateTable; `changes` stays as it is."""
    glue, database = job.client("glue"), job.outputs["DatabaseName"]
    table = {"Name": "settled_items_orders", "TableType": "EXTERNAL_TABLE", "Parameters": ICEBERG}
    glue.create_table(DatabaseName=database, TableInput=table)
    glue.update_table(DatabaseName=database, TableInput=table, SkipArchive=True)
    assert (
        glue.get_table(DatabaseName=database, Name="settled_items_orders")["Table"]["Parameters"] == ICEBERG
    )
    for name in ("changes", "current_orders", "forgotten_columns"):
        for call in ("create_table", "update_table"):
            refusal = job.denied("glue", call, DatabaseName=database, TableInput={**table, "Name": name})
            assert refusal == "AccessDeniedException", (call, name)
    dropped = job.denied("glue", "delete_table", DatabaseName=database, Name="settled_items_orders")
    assert dropped == "AccessDeniedException"


def test_the_role_creates_the_view_and_tells_the_columns(job: Caller) -> None:
    """The last two steps of a run, with its permissions: Athena's statement and the catalog function."""
    assert job.create_view()["State"] == "SUCCEEDED"
    database = job.outputs["DatabaseName"]
    view = job.client("glue").get_table(DatabaseName=database, Name="unsettled_changes")["Table"]
    assert "FROM changes" in str(sql_of(view))
    payload = json.dumps({"source": "ddb-lake.settle", "columns": ["note", "tags__0"]})
    answer = job.client("lambda").invoke(FunctionName=job.outputs["CatalogFunctionArn"], Payload=payload)
    body = json.loads(answer["Payload"].read())
    assert (answer.get("FunctionError"), body["added"]) == (None, 2)
    changes = job.client("glue").get_table(DatabaseName=database, Name="changes")["Table"]
    assert [column["Name"] for column in changes["StorageDescriptor"]["Columns"]][-2:] == ["note", "tags__0"]


def test_a_person_reopens_days_with_the_stacks_policy(settler: Caller) -> None:
    """The marker, the view and the start of a run; no settled file, no other table, no raw object."""
    marker = Marker("redrive-1", ("2026-11-20",))
    s3 = settler.client("s3")
    s3.put_object(Bucket=settler.bucket, Key=marker.key, Body=marker.body())
    body = s3.get_object(Bucket=settler.bucket, Key=marker.key)["Body"].read()
    assert Marker.parse(marker.key, body) == marker
    assert settler.denied("s3", "delete_object", Bucket=settler.bucket, Key=marker.key) == "AccessDenied"
    role_of_the_job(settler.sandbox).client("s3").delete_object(Bucket=settler.bucket, Key=marker.key)
    assert settler.create_view()["State"] == "SUCCEEDED"
    glue, name = settler.client("glue"), settler.outputs["SettleJobName"]
    assert glue.get_job_runs(JobName=name)["JobRuns"] == []
    for key in ("settled/settled_items_orders/data/x.parquet", "data/dt=2026-11-20/repair-x.gz"):
        assert settler.denied("s3", "put_object", Bucket=settler.bucket, Key=key, Body=b"x") == "AccessDenied"
    database = settler.outputs["DatabaseName"]
    table = {"Name": "settled_items_orders", "Parameters": ICEBERG}
    refusal = settler.denied("glue", "update_table", DatabaseName=database, TableInput=table)
    assert refusal == "AccessDeniedException"
    stack = settler.client("cloudformation").describe_stacks(StackName="ddb-lake-tables")["Stacks"][0]
    assert {output["OutputKey"] for output in stack["Outputs"]} >= {"SettleJobName", "SettlerPolicyArn"}


def test_no_call_of_a_run_was_denied(settled: Sandbox, job: Caller) -> None:
    """Apart from those that these tests provoke: objects and tables outside the job's own."""
    assert job.create_view()["State"] == "SUCCEEDED"
    provoked = ("/data/", "/errors/", "/settled", ":table/")
    assert [line for line in refused_roles(settled) if not any(part in line for part in provoked)] == []


def test_the_stack_is_removed_after_the_views_that_read_its_tables() -> None:
    """Refused while a view reads settled tables; then the tables stay, and it can be launched again."""
    with Sandbox(speed=300) as sandbox:
        sandbox.launch(plan_launches("consumer", "tables"))
        assert role_of_the_job(sandbox).create_view()["State"] == "SUCCEEDED"
        remove = ("scripts.remove", "ddb-lake-tables", "--profile", "consumer", "--yes", "--output", "json")
        glue: Any = sandbox.session("consumer").client("glue")
        database = sandbox.outputs["DatabaseName"]
        sql = "CREATE OR REPLACE VIEW history_orders AS SELECT change_id FROM unsettled_changes"
        done = run_module(sandbox, "scripts.query", "--profile", "consumer", "--allow-changes", sql)
        assert done.returncode == 0, done.stderr

        refused = run_module(sandbox, *remove)
        assert refused.returncode == 1
        assert json.loads(refused.stdout)["error"]["views"] == ["history_orders"]
        glue.get_job(JobName=sandbox.outputs["SettleJobName"])

        glue.delete_table(DatabaseName=database, Name="history_orders")
        removed = run_module(sandbox, *remove)
        assert removed.returncode == 0, removed.stderr
        stays = [each["name"] for each in json.loads(removed.stdout)["stays"]]
        assert "unsettled_changes" in stays
        assert f"s3://{sandbox.outputs['LakeBucketName']}/settled/" in stays
        glue.get_table(DatabaseName=database, Name="unsettled_changes")
        with pytest.raises(ClientError, match="EntityNotFoundException"):
            glue.get_job(JobName=sandbox.outputs["SettleJobName"])
        sandbox.launch(plan_launches("consumer", "tables"))
