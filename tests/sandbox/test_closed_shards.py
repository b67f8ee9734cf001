"""Resharding in the emulator: closed shards stay readable and report that they are closed."""

from typing import Any

import pytest

from sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.sandbox

FIRST = "shardId-000000000000"


def read(kinesis: Any, name: str, shard: str) -> dict[str, Any]:
    """All records of a shard, in one read."""
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    answer: dict[str, Any] = kinesis.get_records(ShardIterator=iterator["ShardIterator"])
    return answer


def test_split_closes_the_parent_and_keeps_its_records(emulator: Sandbox, unique: str) -> None:
    """The parent ends, returns its children and takes no more records; the children take them."""
    kinesis = emulator.session("producer").client("kinesis")
    kinesis.create_stream(StreamName=unique, ShardCount=1)
    kinesis.put_record(StreamName=unique, Data=b"before", PartitionKey="k")
    kinesis.split_shard(StreamName=unique, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    kinesis.put_record(StreamName=unique, Data=b"after", PartitionKey="k")

    shards = {shard["ShardId"]: shard for shard in kinesis.list_shards(StreamName=unique)["Shards"]}
    children = {name for name, shard in shards.items() if shard.get("ParentShardId") == FIRST}
    assert (len(shards), len(children)) == (3, 2)
    assert "EndingSequenceNumber" in shards[FIRST]["SequenceNumberRange"]
    assert not any("EndingSequenceNumber" in shards[name]["SequenceNumberRange"] for name in children)

    parent = read(kinesis, unique, FIRST)
    assert [record["Data"] for record in parent["Records"]] == [b"before"]
    assert "NextShardIterator" not in parent
    assert {shard["ShardId"] for shard in parent["ChildShards"]} == children
    found = [record["Data"] for name in children for record in read(kinesis, unique, name)["Records"]]
    assert found == [b"after"]
    summary = kinesis.describe_stream_summary(StreamName=unique)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2


def test_closed_shard_cannot_be_split_again(emulator: Sandbox, unique: str) -> None:
    """Only open shards can be split or merged."""
    kinesis = emulator.session("producer").client("kinesis")
    kinesis.create_stream(StreamName=unique, ShardCount=1)
    kinesis.split_shard(StreamName=unique, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.split_shard(StreamName=unique, ShardToSplit=FIRST, NewStartingHashKey=str(2**126))


def test_new_shard_count_keeps_every_record(emulator: Sandbox, unique: str) -> None:
    """UpdateShardCount: earlier records stay in the closed parents."""
    kinesis = emulator.session("producer").client("kinesis")
    kinesis.create_stream(StreamName=unique, ShardCount=2)
    for number in range(20):
        kinesis.put_record(StreamName=unique, Data=str(number).encode(), PartitionKey=str(number))
    kinesis.update_shard_count(StreamName=unique, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    for number in range(20, 40):
        kinesis.put_record(StreamName=unique, Data=str(number).encode(), PartitionKey=str(number))
    shards = kinesis.list_shards(StreamName=unique)["Shards"]
    found = [
        int(record["Data"])
        for shard in shards
        for record in read(kinesis, unique, shard["ShardId"])["Records"]
    ]
    assert sorted(found) == list(range(40))
    assert len([shard for shard in shards if "ParentShardId" in shard]) == 3
