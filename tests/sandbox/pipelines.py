"""A separate delivery stream, created with the public APIs, for tests that change one of its parts."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import textwrap
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox import accounts
from sandbox.delivery import status
from sandbox.lifecycle import Sandbox
from tests.sandbox.roles import account_root, trust_policy
from tests.sandbox.waiting import wait_until

# Converts each record to upper case; the record's text can request any other kind of answer.
FUNCTION = """
import base64

def handler(event, context):
    records = []
    for record in event["records"]:
        data = base64.b64decode(record["data"])
        result = "Ok"
        if data.startswith(b"fail"):
            result = "ProcessingFailed"
        if data.startswith(b"drop"):
            result = "Dropped"
        body = base64.b64encode(data.upper() + b"\\n").decode()
        records.append({"recordId": record["recordId"], "result": result, "data": body})
    return {"records": records}
"""

_CLIENTS: dict[tuple[str, str, str], Any] = {}


def zipped(source: str, module: str = "function") -> bytes:
    """A Lambda zip of one module."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{module}.py", textwrap.dedent(source))
    return packed.getvalue()


@dataclass
class Pipeline:
    """Stream, function and delivery stream in the producer's account, bucket in the consumer's."""

    sandbox: Sandbox
    name: str
    shards: int = 1
    function: str | None = FUNCTION
    external_id: str = accounts.PRODUCER
    trust_condition: dict[str, Any] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    destination: dict[str, Any] = field(default_factory=dict)
    processor: dict[str, str] = field(default_factory=dict)
    timeout: int = 10
    before_delivery_stream: Callable[[Pipeline], None] | None = None

    def client(self, service: str, profile: str = "producer") -> Any:
        """A client of an account, created once for all tests: creating one is slower than its calls."""
        key = (self.sandbox.endpoint, profile, service)
        if key not in _CLIENTS:
            session: Any = self.sandbox.session(profile)  # its client() is typed by literal names
            _CLIENTS[key] = session.client(service)
        return _CLIENTS[key]

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{accounts.PRODUCER}:role/{self.name}"

    @property
    def stream_arn(self) -> str:
        return f"arn:aws:kinesis:{accounts.REGION}:{accounts.PRODUCER}:stream/{self.name}"

    @property
    def function_arn(self) -> str:
        return f"arn:aws:lambda:{accounts.REGION}:{accounts.PRODUCER}:function:{self.name}"

    @property
    def arn(self) -> str:
        return f"arn:aws:firehose:{accounts.REGION}:{accounts.PRODUCER}:deliverystream/{self.name}"

    def make(self) -> Pipeline:
        """Create everything, the delivery stream last."""
        self.client("s3", "consumer").create_bucket(Bucket=self.name)
        self.admit()
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=self.name, ShardCount=self.shards)
        wait_until(
            lambda: (
                kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"][
                    "StreamStatus"
                ]
                == "ACTIVE"
            ),
            "an active stream",
        )
        iam = self.client("iam")
        iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=self.trust())
        self.permit()
        logs = self.client("logs")
        logs.create_log_group(logGroupName=self.name)
        logs.create_log_stream(logGroupName=self.name, logStreamName="delivery")
        if self.function:
            self.client("lambda").create_function(
                FunctionName=self.name,
                Runtime="python3.11",
                Handler="function.handler",
                Role=self.role_arn,
                Code={"ZipFile": zipped(self.function)},
                Timeout=self.timeout,
            )
        if self.before_delivery_stream:
            self.before_delivery_stream(self)
        self.create_delivery_stream()
        return self

    def create_delivery_stream(self) -> None:
        """Create only the delivery stream."""
        self.client("firehose").create_delivery_stream(
            DeliveryStreamName=self.name,
            DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={"KinesisStreamARN": self.stream_arn, "RoleARN": self.role_arn},
            ExtendedS3DestinationConfiguration=self.configuration(),
        )

    def remove(self) -> None:
        """Delete the delivery stream, so that delivery stops working on it."""
        client = self.client("firehose")
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            client.delete_delivery_stream(DeliveryStreamName=self.name)

    def trust(self) -> str:
        """The role's trust policy, as AWS documents it for Firehose."""
        services = {"Service": ["firehose.amazonaws.com", "lambda.amazonaws.com"]}
        condition = self.trust_condition or {"StringEquals": {"sts:ExternalId": self.external_id}}
        return trust_policy(services, Condition=condition)

    def permit(self, *, denied: tuple[str, ...] | None = None) -> None:
        """(Re)write the role's policy, without the actions that are denied."""
        without = self.denied if denied is None else denied
        actions = [
            "kinesis:GetShardIterator",
            "kinesis:GetRecords",
            "kinesis:ListShards",
            "kinesis:DescribeStream",
            "lambda:InvokeFunction",
            "s3:PutObject",
            "s3:PutObjectAcl",
            "logs:PutLogEvents",
        ]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": [a for a in actions if a not in without], "Resource": "*"}
            ],
        }
        self.client("iam").put_role_policy(
            RoleName=self.name, PolicyName="deliver", PolicyDocument=json.dumps(policy)
        )

    def admit(self, statements: list[dict[str, Any]] | None = None) -> None:
        """(Re)write the bucket's policy; by default it admits the role."""
        admitted = {
            "Effect": "Allow",
            "Principal": account_root(accounts.PRODUCER),
            "Action": ["s3:PutObject", "s3:PutObjectAcl"],
            "Resource": f"arn:aws:s3:::{self.name}/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [admitted] if statements is None else statements}
        s3 = self.client("s3", "consumer")
        if policy["Statement"]:
            s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))
        else:
            s3.delete_bucket_policy(Bucket=self.name)

    def configuration(self) -> dict[str, Any]:
        """The S3 destination; `destination` and `processor` change single settings."""
        parameters = {
            "LambdaArn": self.function_arn,
            "BufferIntervalInSeconds": "4",
            "NumberOfRetries": "1",
            **self.processor,
        }
        configuration: dict[str, Any] = {
            "RoleARN": self.role_arn,
            "BucketARN": f"arn:aws:s3:::{self.name}",
            "Prefix": "data/dt=!{timestamp:yyyy-MM-dd}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/",
            "CompressionFormat": "GZIP",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 10},
            "CloudWatchLoggingOptions": {
                "Enabled": True,
                "LogGroupName": self.name,
                "LogStreamName": "delivery",
            },
            **self.destination,
        }
        if self.function:
            configuration["ProcessingConfiguration"] = {
                "Enabled": True,
                "Processors": [
                    {
                        "Type": "Lambda",
                        "Parameters": [
                            {"ParameterName": key, "ParameterValue": value}
                            for key, value in parameters.items()
                        ],
                    }
                ],
            }
        return configuration

    def write(self, *data: str) -> None:
        """Put records into the stream, each with its own partition key."""
        records = [{"Data": text.encode(), "PartitionKey": f"{text[:32]}-{n}"} for n, text in enumerate(data)]
        for start in range(0, len(records), 500):
            answer = self.client("kinesis").put_records(
                StreamName=self.name, Records=records[start : start + 500]
            )
            assert answer["FailedRecordCount"] == 0

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Key → uncompressed body of every object under the prefix."""
        s3 = self.client("s3", "consumer")
        found = {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for stored in page.get("Contents", []):
                body = s3.get_object(Bucket=self.name, Key=stored["Key"])["Body"].read()
                found[stored["Key"]] = gzip.decompress(body) if stored["Key"].endswith(".gz") else body
        return found

    def lines(self, prefix: str = "data/") -> list[str]:
        """The lines of every object under the prefix, sorted."""
        return sorted(
            line for body in self.objects(prefix).values() for line in body.decode().splitlines() if line
        )

    def status(self) -> dict[str, Any]:
        """Delivery's status of this delivery stream; empty until it is discovered."""
        written = status.read(self.sandbox.folder) or {"streams": []}
        return next((stream for stream in written["streams"] if stream["arn"] == self.arn), {})
