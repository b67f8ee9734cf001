"""`remove` on a stack whose table was written to a moment ago: nothing that is under way is lost."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.sandbox.commands import run_module

pytestmark = pytest.mark.sandbox
SPEED = 10.0
BUFFER = "BufferIntervalSeconds=120"  # twelve seconds here, in which a stack is deleted twice over
ITEMS = 20


def delivered(sandbox: Sandbox) -> int:
    """The rows in the lake's bucket."""
    s3: Any = sandbox.session("consumer").client("s3")
    bucket = sandbox.outputs["LakeBucketName"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="data/").get("Contents", [])
    bodies = (s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed)
    return sum(len(gzip.decompress(body).splitlines()) for body in bodies)


@pytest.mark.parametrize(("options", "kept"), [([], ITEMS), (["--no-drain"], 0)], ids=["drained", "not"])
def test_what_was_written_last_is_in_the_lake(options: list[str], kept: int) -> None:
    """The table's stream is off and its changes are delivered before the delivery stream goes.

    Without draining the same changes are lost, so the wait is what brings them in.
    """
    with Sandbox(speed=SPEED) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(plan_launches(parameters={"producer": (BUFFER,)}))
        table, stream = (sandbox.outputs[name] for name in ("SourceTableName", "SourceStreamArn"))
        dynamodb: Any = sandbox.session("producer").client("dynamodb")
        for number in range(ITEMS):
            dynamodb.put_item(TableName=table, Item={"pk": {"S": str(number)}})
        arguments = ("ddb-lake-producer", "--profile", "producer", "--yes", *options)
        removed = run_module(sandbox, "scripts.remove", *arguments)
        assert removed.returncode == 0, removed.stderr
        [destination] = dynamodb.describe_kinesis_streaming_destination(TableName=table)[
            "KinesisDataStreamDestinations"
        ]
        assert (destination["StreamArn"], destination["DestinationStatus"]) == (stream, "DISABLED")
        assert delivered(sandbox) == kept
