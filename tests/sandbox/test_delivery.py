"""Delivery with the emulator's public APIs: which records arrive, where, and the effect of a failing part."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import accounts
from sandbox.delivery import status
from sandbox.lifecycle import Sandbox
from tests.sandbox.pipelines import FUNCTION, Pipeline
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox


# These tests consist of waiting, so times are divided; sizes and counts are not.
SPEED = 60.0

New = Callable[..., Pipeline]


@pytest.fixture(scope="session")
def delivering() -> Iterator[Sandbox]:
    """A sandbox with nothing deployed and delivery running."""
    with Sandbox(speed=SPEED) as sandbox:
        sandbox.start_delivery()
        yield sandbox


@pytest.fixture
def new(delivering: Sandbox, unique: str) -> Iterator[New]:
    """Creates this test's pipeline; after the test it is no longer delivered."""
    pipelines: list[Pipeline] = []

    def make(**settings: Any) -> Pipeline:
        pipelines.append(Pipeline(delivering, unique, **settings))
        return pipelines[-1].make()

    yield make
    for pipeline in pipelines:
        pipeline.remove()


def until(pipeline: Pipeline, name: str, value: int) -> None:
    """Wait until delivery has counted this number."""
    wait_until(lambda: pipeline.status().get(name) == value, f"{name} {value}:", said=pipeline.status)


def until_error(pipeline: Pipeline, code: str) -> dict[str, Any]:
    """Wait until delivery has this error; the error."""

    def last_error() -> Any:
        error = pipeline.status().get("last_error")
        return error and error["code"] == code and error

    error: dict[str, Any] = wait_until(last_error, f"{code}:", said=pipeline.status)
    return error


def error_lines(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The lines of the error objects."""
    return [json.loads(line) for line in pipeline.lines("errors/")]


def test_result_of_the_function_decides_where_a_record_goes(new: New, unique: str) -> None:
    """Ok goes to the data prefix, ProcessingFailed to the error prefix, Dropped nowhere."""
    pipeline = new()
    before = int(time.time() * 1000)
    pipeline.write("one", "two", "fail me", "drop me")
    until(pipeline, "delivered", 2)
    until(pipeline, "failed", 1)
    until(pipeline, "dropped", 1)
    assert pipeline.lines("data/") == ["ONE", "TWO"]
    assert {key.split("/")[0] for key in pipeline.objects()} == {"data", "errors"}
    (line,) = error_lines(pipeline)
    assert before <= line.pop("arrivalTimestamp") <= line.pop("attemptEndingTimestamp")
    assert line == {
        "attemptsMade": 1,
        "errorCode": "Lambda.ProcessingFailedStatus",
        "errorMessage": "ProcessingFailed status set for record",
        "rawData": "ZmFpbCBtZQ==",
        "lambdaArn": pipeline.function_arn,
    }


def test_objects_are_under_the_evaluated_prefix(new: New, unique: str) -> None:
    """Day of arrival in the prefix, stream and version in the name, compression in the extension."""
    pipeline = new()
    first_day = time.strftime("%Y-%m-%d", time.gmtime())
    pipeline.write("one", "fail me")
    until(pipeline, "delivered", 1)
    until(pipeline, "failed", 1)
    days = {first_day, time.strftime("%Y-%m-%d", time.gmtime())}  # two around midnight
    data, errors = sorted(pipeline.objects())
    assert any(data.startswith(f"data/dt={day}/{unique}-1-") for day in days)
    assert any(errors.startswith(f"errors/processing-failed/dt={day}/{unique}-1-") for day in days)
    assert all(any(f"/{unique}-1-{day}-" in key for day in days) for key in (data, errors))
    assert data.endswith(".gz")
    head = pipeline.client("s3", "consumer").head_object(Bucket=unique, Key=data)
    assert head["ContentType"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("kinesis:ListShards", "Kinesis.AccessDenied"),
        ("kinesis:GetShardIterator", "Kinesis.AccessDenied"),
        ("kinesis:GetRecords", "Kinesis.AccessDenied"),
        ("s3:PutObject", "S3.AccessDenied"),
    ],
)
def test_missing_permission_of_the_role_stops_delivery_until_it_is_granted(
    new: New, unique: str, action: str, code: str
) -> None:
    """Delivery uses only the delivery role's permissions; it retries, and nothing is lost."""
    pipeline = new(denied=(action,))
    pipeline.write("one", "two")
    error = until_error(pipeline, code)
    assert action.split(":")[1] in error["message"]
    assert pipeline.objects() == {}
    pipeline.permit(denied=())
    until(pipeline, "delivered", 2)
    assert pipeline.lines() == ["ONE", "TWO"]


def test_removed_bucket_policy_delays_delivery_and_loses_nothing(new: New, unique: str) -> None:
    """Delivery across accounts needs the bucket owner's permission for every put."""
    pipeline = new()
    pipeline.write("one")
    until(pipeline, "delivered", 1)
    pipeline.admit([])
    pipeline.write("two", "fail me")
    until_error(pipeline, "S3.AccessDenied")
    retries = pipeline.status()["retries"]
    wait_until(lambda: pipeline.status()["retries"] > retries, "another attempt:", said=pipeline.status)
    assert pipeline.lines() == ["ONE"]
    assert pipeline.status()["buffered"] == 2
    pipeline.admit()
    until(pipeline, "delivered", 2)
    until(pipeline, "failed", 1)
    assert pipeline.lines() == ["ONE", "TWO"]


def test_batch_goes_to_the_error_prefix_when_the_function_cannot_be_invoked(new: New, unique: str) -> None:
    """After NumberOfRetries; the records can be replayed from there."""
    pipeline = new(denied=("lambda:InvokeFunction",))
    pipeline.write("one", "two")
    until(pipeline, "failed", 2)
    assert [(line["errorCode"], line["attemptsMade"]) for line in error_lines(pipeline)] == [
        ("Lambda.InvokeAccessDenied", 2)
    ] * 2
    assert sorted(line["rawData"] for line in error_lines(pipeline)) == ["b25l", "dHdv"]


def test_failing_function_is_retried_before_its_batch_fails(new: New, unique: str) -> None:
    """NumberOfRetries further attempts, then every record of the batch has failed with its attempts."""
    source = "def handler(event, context):\n    raise ValueError('boom')\n"
    pipeline = new(function=source, processor={"NumberOfRetries": "2"})
    pipeline.write("one")
    until(pipeline, "failed", 1)
    (line,) = error_lines(pipeline)
    assert (line["errorCode"], line["attemptsMade"]) == ("Lambda.FunctionError", 3)
    assert pipeline.status()["invocations"] == 3


def test_timeout_of_the_function_has_its_own_error_code(new: New, unique: str) -> None:
    """Lambda.FunctionTimedOut, so that the reader checks its Timeout."""
    source = "import time\n\ndef handler(event, context):\n    time.sleep(30)\n"
    pipeline = new(function=source, timeout=1, processor={"NumberOfRetries": "0"})
    pipeline.write("one")
    until(pipeline, "failed", 1)
    (line,) = error_lines(pipeline)
    assert (line["errorCode"], line["attemptsMade"]) == ("Lambda.FunctionTimedOut", 1)


def test_incomplete_answer_fails_its_records_only(new: New, unique: str) -> None:
    """A record without an answer is MissingRecordId; the others are delivered."""
    source = FUNCTION.replace('return {"records": records}', 'return {"records": records[1:]}')
    pipeline = new(function=source)
    pipeline.write("one", "two", "three")
    until(pipeline, "delivered", 2)
    until(pipeline, "failed", 1)
    assert [line["errorCode"] for line in error_lines(pipeline)] == ["Lambda.MissingRecordId"]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"sts:ExternalId": accounts.STRANGER}},
        {"ArnEquals": {"aws:SourceArn": "arn:aws:firehose:us-east-1:111111111111:deliverystream/another"}},
    ],
)
def test_trust_policy_for_another_principal_stops_delivery(
    new: New, unique: str, condition: dict[str, Any]
) -> None:
    """Firehose assumes the role with the account as external id, for this delivery stream."""
    pipeline = new(trust_condition=condition)
    pipeline.write("one")
    until_error(pipeline, "Kinesis.AssumeRoleAccessDenied")
    assert pipeline.objects() == {}
    pipeline.trust_condition = {
        "StringEquals": {"sts:ExternalId": accounts.PRODUCER},
        "ArnEquals": {"aws:SourceArn": pipeline.arn},
    }
    pipeline.client("iam").update_assume_role_policy(RoleName=unique, PolicyDocument=pipeline.trust())
    until(pipeline, "delivered", 1)


def test_only_records_after_the_creation_of_the_delivery_stream_arrive(new: New, unique: str) -> None:
    """Firehose reads its source from its own start."""
    pipeline = new(before_delivery_stream=lambda pipelines: pipelines.write("too early"))
    pipeline.write("one")
    until(pipeline, "delivered", 1)
    assert pipeline.lines() == ["ONE"]


def test_resharding_loses_nothing_and_reads_parents_first(new: New, unique: str) -> None:
    """The records of a closed shard are delivered before its children are read."""
    pipeline = new(shards=1, denied=("kinesis:GetRecords",))
    pipeline.write(*(f"a{n}" for n in range(20)))
    kinesis = pipeline.client("kinesis")
    kinesis.update_shard_count(StreamName=unique, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    pipeline.write(*(f"b{n}" for n in range(20)))
    (first, second) = [
        shard
        for shard in kinesis.list_shards(StreamName=unique)["Shards"]
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ][:2]
    kinesis.merge_shards(
        StreamName=unique, ShardToMerge=first["ShardId"], AdjacentShardToMerge=second["ShardId"]
    )
    pipeline.write(*(f"c{n}" for n in range(20)))
    until_error(pipeline, "Kinesis.AccessDenied")
    assert set(pipeline.status()["shards"]) == {"shardId-000000000000"}
    pipeline.permit(denied=())
    until(pipeline, "delivered", 60)
    expected = sorted(f"{generation}{n}" for generation in "ABC" for n in range(20))
    assert pipeline.lines() == expected
    complete = {name for name, shard in pipeline.status()["shards"].items() if shard["complete"]}
    assert {"shardId-000000000000", first["ShardId"], second["ShardId"]} <= complete


def test_full_buffer_does_not_wait_for_its_interval(new: New, unique: str) -> None:
    """Size or interval, whichever comes first; speed does not change the size."""
    pipeline = new(
        destination={
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 900},
            "CompressionFormat": "UNCOMPRESSED",
        },
        processor={"BufferSizeInMBs": "0.2", "BufferIntervalInSeconds": "4"},
    )
    pipeline.write(*(f"{n:03d}" + "x" * 99_997 for n in range(13)))
    until(pipeline, "objects", 1)
    ((key, body),) = pipeline.objects().items()
    assert 1024 * 1024 <= len(body) < 13 * 100_001
    assert not key.endswith(".gz")


def update(pipeline: Pipeline, name: str, destination: dict[str, Any]) -> None:
    """Give the delivery stream another description of its destination, and wait until delivery uses it."""
    firehose = pipeline.client("firehose")
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    firehose.update_destination(
        DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId=described["VersionId"],
        DestinationId=described["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate=destination,
    )
    updated = time.time()

    def looked() -> bool:
        return bool((status.read(pipeline.sandbox.folder) or {"discovered_at": 0})["discovered_at"] > updated)

    wait_until(looked, "delivery looks again")


def test_updated_description_takes_effect(new: New, unique: str) -> None:
    """A new prefix and version, without a restart."""
    pipeline = new()
    pipeline.write("one")
    until(pipeline, "delivered", 1)
    update(
        pipeline,
        unique,
        {
            "Prefix": "moved/!{timestamp:yyyy}/",
            "FileExtension": ".jsonl.gz",
            "CustomTimeZone": "Asia/Tokyo",
        },
    )
    pipeline.write("two")
    until(pipeline, "delivered", 2)
    (key,) = pipeline.objects("moved/")
    assert f"/{unique}-2-" in key
    assert key.endswith(".jsonl.gz")


def test_delivery_errors_reach_the_named_log_stream(new: New, unique: str) -> None:
    """With the delivery role's permission, in the documented format, without a payload."""
    pipeline = new(denied=("s3:PutObject",))
    pipeline.write("secret-payload")
    until_error(pipeline, "S3.AccessDenied")

    def written() -> Any:
        found = pipeline.client("logs").get_log_events(logGroupName=unique, logStreamName="delivery")
        return found["events"]

    (event, *_) = wait_until(written, "a log event")
    assert "secret-payload" not in event["message"]
    message = json.loads(event["message"])
    assert message.pop("message")
    assert message == {
        "deliveryStreamARN": pipeline.arn,
        "destination": f"arn:aws:s3:::{unique}",
        "deliveryStreamVersionId": 1,
        "errorCode": "S3.AccessDenied",
    }


PARTITIONING = """
import base64

def handler(event, context):
    records = []
    for record in event["records"]:
        day, _, text = base64.b64decode(record["data"]).decode().partition(" ")
        data = base64.b64encode((text + "\\n").encode()).decode()
        metadata = {"partitionKeys": {"day": day}}
        records.append({"recordId": record["recordId"], "result": "Ok", "data": data, "metadata": metadata})
    return {"records": records}
"""


DYNAMIC = {
    "Prefix": "data/dt=!{partitionKeyFromLambda:day}/",
    "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
    "DynamicPartitioningConfiguration": {"Enabled": True},
}


def refusals(pipeline: Pipeline) -> list[str]:
    """The reasons why delivery rejects this test's delivery stream."""
    written = status.read(pipeline.sandbox.folder) or {"refused": []}
    return [rejected["reason"] for rejected in written["refused"] if rejected["arn"] == pipeline.arn]


def test_dynamic_partitioning_uses_the_keys_of_the_function(new: New, unique: str) -> None:
    """One object per partition; a record without its key goes to metadata-extraction-failed."""
    pipeline = new(function=PARTITIONING, destination=DYNAMIC)
    pipeline.write("2026-01-01 a", "2026-01-02 b", "2026-01-01 c", " d")
    until(pipeline, "delivered", 3)
    until(pipeline, "failed", 1)
    found = {key.rsplit("/", 1)[0]: body for key, body in pipeline.objects("data/").items()}
    assert {name: sorted(body.decode().split()) for name, body in found.items()} == {
        "data/dt=2026-01-01": ["a", "c"],
        "data/dt=2026-01-02": ["b"],
    }
    (line,) = error_lines(pipeline)
    assert line["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"
    assert all(key.startswith("errors/metadata-extraction-failed/") for key in pipeline.objects("errors/"))


def test_partitions_beyond_the_limit_go_to_their_own_error_type(new: New, unique: str) -> None:
    """500 at once; the rest is under activePartitionExceeded, with its data, and is not lost.

    A partition is active until its object has arrived, so none may arrive before the last record has come.
    """
    pipeline = new(function=PARTITIONING, destination=DYNAMIC, denied=("s3:PutObject",))
    pipeline.write(*(f"d{number} x" for number in range(500)))
    pipeline.write(*(f"d{number} x" for number in range(500, 503)))
    until(pipeline, "buffered", 503)
    pipeline.permit(denied=())
    until(pipeline, "failed", 3)
    until(pipeline, "delivered", 500)
    assert {line["errorCode"] for line in error_lines(pipeline)} == {
        "DynamicPartitioning.ActivePartitionExceeded"
    }
    assert all(key.startswith("errors/activePartitionExceeded/") for key in pipeline.objects("errors/"))


def test_dynamic_partitioning_cannot_be_turned_on_later(new: New, unique: str) -> None:
    """Firehose accepts it at creation only: a delivery stream with a later change is rejected here."""
    pipeline = new()
    pipeline.write("one")
    until(pipeline, "delivered", 1)
    update(pipeline, unique, DYNAMIC)
    reason = f"{unique}: dynamic partitioning was chosen when it was made and cannot change"
    assert wait_until(lambda: refusals(pipeline), "a refusal") == [reason]


def test_backup_keeps_source_records_with_any_result(new: New, unique: str) -> None:
    """S3BackupMode Enabled: raw, under its own prefix, failed and dropped ones too."""
    role = f"arn:aws:iam::{accounts.PRODUCER}:role/{unique}"
    pipeline = new(
        destination={
            "S3BackupMode": "Enabled",
            "S3BackupConfiguration": {
                "RoleARN": role,
                "BucketARN": f"arn:aws:s3:::{unique}",
                "Prefix": "source/",
                "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
            },
        },
    )
    pipeline.write("one;", "drop me;", "fail me;")
    until(pipeline, "backed_up", 3)
    until(pipeline, "delivered", 1)
    (body,) = pipeline.objects("source/").values()
    assert sorted(body.decode().split(";")) == ["", "drop me", "fail me", "one"]


def test_unsupported_setting_is_reported_in_the_status(new: New, unique: str) -> None:
    """With the name and the reason, where `sandbox check` reads them."""
    pipeline = new(destination={"CompressionFormat": "Snappy"})

    reason = f"{unique}: CompressionFormat Snappy is not emulated"
    assert wait_until(lambda: refusals(pipeline), "a refusal") == [reason]
    pipeline.remove()
    wait_until(lambda: not refusals(pipeline), "the end of the refusal")


def test_record_is_delivered_once(new: New, unique: str) -> None:
    """Direct puts are rejected; one record in the source stream is one line in the lake."""
    pipeline = new()
    firehose = pipeline.client("firehose")
    with pytest.raises(firehose.exceptions.InvalidArgumentException):
        firehose.put_record(DeliveryStreamName=unique, Record={"Data": b"past the stream"})
    pipeline.client("kinesis").put_record(StreamName=unique, Data=b"one", PartitionKey="k")
    until(pipeline, "delivered", 1)
    assert pipeline.lines("") == ["ONE"]


def test_deleted_delivery_stream_is_not_delivered(new: New, unique: str) -> None:
    """Created again with the same name, it starts from its beginning."""
    pipeline = new()
    pipeline.write("one")
    until(pipeline, "delivered", 1)
    pipeline.remove()
    wait_until(lambda: not pipeline.status(), "its status is gone")
    pipeline.write("nobody reads this")
    pipeline.create_delivery_stream()
    pipeline.write("two")
    until(pipeline, "delivered", 1)
    assert pipeline.lines() == ["ONE", "TWO"]
