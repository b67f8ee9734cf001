"""Resharding as in Kinesis: parent shards are closed and stay readable, child shards continue.

AWS facts
- "After a reshard, the parent shards transition to CLOSED: data records that were in the parents are still
  available for reading" until their retention ends (Kinesis Data Streams developer guide, "Resharding a
  stream").
- A closed shard has an EndingSequenceNumber; at its end GetRecords returns no NextShardIterator but the
  ChildShards (API reference, "Shard", "GetRecords").
- UpdateShardCount is a series of splits and merges: earlier records stay in the closed shards.

MiniStack deletes the parents with all their records.
"""

import json
from collections.abc import Callable
from typing import Any

from sandbox.emulator.seam import Seam

SPLIT = Seam("services.kinesis", "_split_shard", "79e732074645c747")
MERGE = Seam("services.kinesis", "_merge_shards", "4440fcd2a9bb9c94")
UPDATE_COUNT = Seam("services.kinesis", "_update_shard_count", "79b02ca7148f0011")
ROUTE = Seam("services.kinesis", "_route_to_shard", "e45cf7a2b75843a3")
SHARD = Seam("services.kinesis", "_shard_out", "3124090ac60fae17")
GET_RECORDS = Seam("services.kinesis", "_get_records", "b9eb8fa90228500d")
SUMMARY = Seam("services.kinesis", "_describe_stream_summary", "a63741b068a7d68f")
SEAMS = (SPLIT, MERGE, UPDATE_COUNT, ROUTE, SHARD, GET_RECORDS, SUMMARY)

Request = dict[str, Any]
Shard = dict[str, Any]
_CLOSED = "ending_sequence_number"


def _covers(shard: Shard, point: int) -> bool:
    return int(shard["starting_hash_key"]) <= point <= int(shard["ending_hash_key"])


def _parents_of(child: Shard, parents: dict[str, Shard]) -> list[str]:
    """The closed shards whose hash keys a new shard takes over, at most two, with Kinesis's names."""
    first, last = int(child["starting_hash_key"]), int(child["ending_hash_key"])
    overlapping = [
        name
        for name, shard in parents.items()
        if int(shard["starting_hash_key"]) <= last and int(shard["ending_hash_key"]) >= first
    ]
    return overlapping if len(overlapping) <= 2 else [overlapping[0], overlapping[-1]]


def _answered(answer: Any, change: Callable[[Request], None]) -> Any:
    """A JSON response with a changed body."""
    status, headers, body = answer
    document = json.loads(body)
    change(document)
    return status, headers, json.dumps(document).encode()


def install() -> None:
    """Close shards instead of deleting them."""
    _install_resharding()
    _install_reading()


def _install_resharding() -> None:
    from ministack.core.responses import error_response_json, json_response  # noqa: PLC0415
    from ministack.services import kinesis  # noqa: PLC0415

    def keep_parents(reshard: Callable[[Request], Any], members: tuple[str, ...]) -> Any:
        def resharded(data: Request) -> Any:
            _, stream = kinesis._resolve_stream(data)
            named = {data.get(member) for member in members}
            before = dict(stream["shards"]) if stream else {}
            if any(name in before and _CLOSED in before[name] for name in named):
                return error_response_json("InvalidArgumentException", "The shard is not open", 400)
            answer = reshard(data)
            for name in named & before.keys():
                if stream and name not in stream["shards"]:
                    stream["shards"][name] = {**before[name], _CLOSED: kinesis._next_sequence_number()}
            return answer

        return resharded

    def update_shard_count(data: Request) -> Any:
        name, stream = kinesis._resolve_stream(data)
        if not stream:
            return error_response_json("ResourceNotFoundException", f"Stream {name} not found", 400)
        target = int(data.get("TargetShardCount") or 0)
        if target < 1:
            return error_response_json("ValidationException", "TargetShardCount must be >= 1", 400)
        parents = {shard_id: shard for shard_id, shard in stream["shards"].items() if _CLOSED not in shard}
        children = kinesis._build_shards(target, kinesis._max_shard_index(stream) + 1)
        for child in children.values():
            first, *other = _parents_of(child, parents)
            child.update(parent_shard_id=first, adjacent_parent_shard_id=other[0] if other else None)
        for shard in parents.values():
            shard[_CLOSED] = kinesis._next_sequence_number()
        stream["shards"].update(children)
        return json_response(
            {
                "StreamName": stream["StreamName"],
                "CurrentShardCount": len(parents),
                "TargetShardCount": target,
                "StreamARN": stream["StreamARN"],
            }
        )

    def route_to_shard(hash_key: int, stream: Request) -> str:
        for name, shard in stream["shards"].items():
            if _CLOSED not in shard and _covers(shard, hash_key):
                return str(name)
        return str(next(name for name, shard in stream["shards"].items() if _CLOSED not in shard))

    SPLIT.replace(keep_parents(SPLIT.check(), ("ShardToSplit",)))
    MERGE.replace(keep_parents(MERGE.check(), ("ShardToMerge", "AdjacentShardToMerge")))
    UPDATE_COUNT.replace(update_shard_count)
    ROUTE.replace(route_to_shard)


def _install_reading() -> None:
    from ministack.services import kinesis  # noqa: PLC0415

    shard_out, get_records, summary = SHARD.check(), GET_RECORDS.check(), SUMMARY.check()

    def described(name: str, shard: Shard) -> Request:
        answer: Request = shard_out(name, shard)
        if _CLOSED in shard:
            answer["SequenceNumberRange"]["EndingSequenceNumber"] = shard[_CLOSED]
        return answer

    def records(data: Request) -> Any:
        state = kinesis._shard_iterators.get(data.get("ShardIterator"))
        answer = get_records(data)
        stream = kinesis._streams.get(state["stream"]) if state else None
        shard = stream["shards"].get(state["shard_id"]) if stream else None
        if state is None or stream is None or shard is None or _CLOSED not in shard or answer[0] != 200:
            return answer

        def end(document: Request) -> None:
            if state["position"] + len(document["Records"]) >= len(shard["records"]):
                del document["NextShardIterator"]
                document["ChildShards"] = [
                    {
                        "ShardId": name,
                        "ParentShards": [parent for parent in _named_parents(child) if parent],
                        "HashKeyRange": described(name, child)["HashKeyRange"],
                    }
                    for name, child in stream["shards"].items()
                    if state["shard_id"] in _named_parents(child)
                ]

        return _answered(answer, end)

    def stream_summary(data: Request) -> Any:
        answer = summary(data)
        _, stream = kinesis._resolve_stream(data)
        if answer[0] != 200 or not stream:
            return answer
        still_open = sum(_CLOSED not in shard for shard in stream["shards"].values())
        return _answered(
            answer, lambda document: document["StreamDescriptionSummary"].update(OpenShardCount=still_open)
        )

    SHARD.replace(described)
    GET_RECORDS.replace(records)
    SUMMARY.replace(stream_summary)


def _named_parents(shard: Shard) -> tuple[Any, Any]:
    return shard.get("parent_shard_id"), shard.get("adjacent_parent_shard_id")
