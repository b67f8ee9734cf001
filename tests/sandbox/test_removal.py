"""`remove` on a stack whose table was just written to: no change on its way is lost."""

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
    bodies = (s3.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read() for stored in listed)
    return sum(len(gzip.decompress(body).splitlines()) for body in bodies)


@pytest.mark.parametrize(("options", "kept"), [([], ITEMS), (["--no-drain"], 0)], ids=["drained", "not"])
def test_last_writes_are_in_the_lake_after_remove(options: list[str], kept: int) -> None:
    """The table's stream is turned off and its changes are delivered before the delivery stream is deleted.

    Without draining the same changes are lost, so the wait delivers them.
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


def test_removed_stacks_can_be_launched_again_next_to_their_retained_resources() -> None:
    """No resource that remains after `remove` has a name that the next launch uses."""
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches())
        first = dict(sandbox.outputs)
        for kind in ("producer", "consumer"):
            arguments = (f"ddb-lake-{kind}", "--profile", kind, "--yes", "--no-drain")
            removed = run_module(sandbox, "scripts.remove", *arguments)
            assert removed.returncode == 0, removed.stderr

        sandbox.launch(plan_launches())
        s3: Any = sandbox.session("consumer").client("s3")
        dynamodb: Any = sandbox.session("producer").client("dynamodb")
        for outputs in (first, sandbox.outputs):
            s3.head_bucket(Bucket=outputs["LakeBucketName"])
            dynamodb.describe_table(TableName=outputs["SourceTableName"])
        for kept in ("LakeBucketName", "SourceTableName", "LakeKeyArn", "ProducerKeyArn"):
            assert first[kept] != sandbox.outputs[kept]
        assert first["DeliveryRoleArn"] == sandbox.outputs["DeliveryRoleArn"], "a name of the template's own"


def test_launch_with_a_retained_name_reports_the_resource() -> None:
    """A retained table with a fixed name is neither emptied nor deleted by the launch."""
    with Sandbox(speed=60) as sandbox:
        dynamodb: Any = sandbox.session("producer").client("dynamodb")
        named = ("--parameter", "TableName=orders")
        consumer = ("--outputs-of", "ddb-lake-consumer", "--outputs-profile", "consumer")
        deploy = ("scripts.deploy", "producer", "--profile", "producer", "--yes", *consumer, *named)
        sandbox.launch(plan_launches(parameters={"producer": ("TableName=orders",)}))
        remove = ("scripts.remove", "ddb-lake-producer", "--profile", "producer", "--yes", "--no-drain")
        assert run_module(sandbox, *remove).returncode == 0
        dynamodb.put_item(TableName="orders", Item={"pk": {"S": "kept"}})

        refused = run_module(sandbox, *deploy)
        assert refused.returncode == 1
        error = refused.stderr[refused.stderr.index("error:") :]
        assert "SourceTable" in error
        assert "identifier 'orders' already exists" in error
        assert "choose another name by parameter" in error
        assert dynamodb.get_item(TableName="orders", Key={"pk": {"S": "kept"}})["Item"]
