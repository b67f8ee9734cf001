"""A small lake for one test: bucket, database, table, workgroup, key and roles."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from sandbox.accounts import REGION
from sandbox.lifecycle import Sandbox
from tests.sandbox.executions import TextRow, answer, ended
from tests.sandbox.roles import account_root, client_as, trust_policy
from tests.sql.lake import declared_table

Statement = dict[str, Any]
DAY = "2026-11-20"


@dataclass
class Scene:
    """All resources of the scene, with one name, in the consumer's account."""

    sandbox: Sandbox
    name: str
    account: str
    session: Any
    key: str

    @property
    def database(self) -> str:
        """The Glue database."""
        return self.name

    def put(self, *lines: str, day: str = DAY, name: str = "ddb-lake-1.gz") -> int:
        """Write lines as one object of a day; returns its stored bytes."""
        body = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
        self.session.client("s3").put_object(Bucket=self.name, Key=f"data/dt={day}/{name}", Body=body)
        return len(body)

    def start(self, sql: str, session: Any = None, **more: Any) -> str:
        """Start a query in the scene's workgroup; its id."""
        request = {"WorkGroup": self.name, "QueryExecutionContext": {"Database": self.database}, **more}
        started = (session or self.session).client("athena").start_query_execution(QueryString=sql, **request)
        return str(started["QueryExecutionId"])

    def finish(self, identifier: str, session: Any = None) -> dict[str, Any]:
        """The execution once it has ended."""
        return ended((session or self.session).client("athena"), identifier)

    def run(self, sql: str, session: Any = None, **more: Any) -> dict[str, Any]:
        """A query from start to end."""
        return self.finish(self.start(sql, session, **more), session)

    def rows(self, sql: str, session: Any = None, **more: Any) -> list[TextRow]:
        """A query's rows, without the header row."""
        execution = self.run(sql, session, **more)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        return answer((session or self.session).client("athena"), execution["QueryExecutionId"])[1]

    def reason(self, sql: str, session: Any = None) -> str:
        """The reason of a failed query."""
        status = self.run(sql, session)["Status"]
        assert status["State"] == "FAILED", status
        return str(status["StateChangeReason"])

    def refused(self, sql: str, session: Any = None, **more: Any) -> str:
        """The error of StartQueryExecution."""
        try:
            self.start(sql, session, **more)
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        raise AssertionError("the query was started")

    def role(self, label: str, *statements: Statement) -> boto3.Session:
        """A session of a role with exactly these permissions."""
        iam, name = self.session.client("iam"), f"{self.name}-{label}"
        trust = trust_policy(account_root(self.account))
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        keys = self.session.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="analyst")[
            "Credentials"
        ]
        return _Session(self.session, keys)  # type: ignore[return-value]

    def athena_statement(self) -> Statement:
        """The permissions to run queries in the workgroup."""
        return allow("athena:*", f"arn:aws:athena:{REGION}:{self.account}:workgroup/{self.name}")

    def glue_statement(self) -> Statement:
        """The permissions to read the table's definition."""
        root = f"arn:aws:glue:{REGION}:{self.account}"
        resources = [f"{root}:catalog", f"{root}:database/{self.name}", f"{root}:table/{self.name}/changes"]
        return allow(["glue:GetTable", "glue:GetDatabase", "glue:GetPartitions"], *resources)

    def data_statements(self) -> list[Statement]:
        """The permissions to read the objects, with the key."""
        return [
            allow("s3:ListBucket", f"arn:aws:s3:::{self.name}"),
            allow("s3:GetObject", f"arn:aws:s3:::{self.name}/data/*"),
            allow("kms:Decrypt", self.key),
        ]

    def result_statements(self) -> list[Statement]:
        """The permissions to write and read results, with the key."""
        return [
            allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{self.name}/results/*"),
            allow(["kms:GenerateDataKey", "kms:Decrypt"], self.key),
        ]


class _Session:
    """boto3.Session's `client`, with a role's keys and the profile's endpoint."""

    def __init__(self, session: Any, keys: dict[str, Any]) -> None:
        self._session, self._keys = session, keys

    def client(self, service: str) -> Any:
        return client_as(self._session, service, self._keys)


def allow(action: str | list[str], *resources: str) -> Statement:
    """One statement."""
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}


def document(*statements: Statement) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def make_scene(sandbox: Sandbox, name: str) -> Scene:
    """A bucket with a key, the declared table on it, and a workgroup that enforces its result location."""
    session = sandbox.session("consumer")
    account = session.client("sts").get_caller_identity()["Account"]
    owner = {"Effect": "Allow", "Principal": account_root(account)}
    policy = document({**owner, "Action": "kms:*", "Resource": "*"})
    key = session.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    s3 = session.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
            ]
        },
    )
    glue = session.client("glue")
    glue.create_database(DatabaseInput={"Name": name})
    table = json.loads(json.dumps(declared_table(["pk", "n"])).replace("s3://lake/", f"s3://{name}/"))
    del table["DatabaseName"]
    glue.create_table(DatabaseName=name, TableInput=table)
    session.client("athena").create_work_group(
        Name=name,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 10_000_000,
            "ResultConfiguration": {
                "OutputLocation": f"s3://{name}/results/",
                "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": key},
            },
        },
    )
    return Scene(sandbox, name, account, session, key)
