"""The services around our code, with faults: a shuffled stream, a function service, and a bucket.

Each fault is drawn from the run's seed in a fixed order, so a seed repeats a run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from sandbox.delivery.processor import Record
from tests.faults.changes import POISON, Changes, poison
from transform_lambda.handler import handler

SHARDS: Final = 4
LATE: Final = 0.05  # share of records that later records overtake
LATEST: Final = 2_000  # positions
COPIED: Final = 0.01  # share of records that are written to the stream twice
POISONED: Final = 0.001  # and at least each kind three times
_SEQUENCE_INDEX_DIGITS: Final = 12
_INDEX_OF_POISON: Final = 999_999_999_999


def refused(code: str, operation: str) -> ClientError:
    """The error that botocore raises for an answer of AWS."""
    return ClientError({"Error": {"Code": code, "Message": "a fault of the test"}}, operation)


class Stream:
    """The records of all changes and of the poison, shard by shard, late and twice."""

    def __init__(self, changes: Changes, seed: int) -> None:
        self.changes = changes
        self.poison: dict[bytes, int] = {}
        self.counts: Counter[str] = Counter()
        self._random = random.Random(f"stream {seed}")  # noqa: S311  the same seed gives the same result
        self._position = 0
        self._poisoned = max(POISONED, 3 * len(POISON) / changes.count)

    def __iter__(self) -> Iterator[tuple[int, Record, int]]:
        """The shard, the record, and the number of its change (-1 for poison)."""
        draw = self._random.random
        waiting: dict[int, list[tuple[int, int]]] = {}  # position: changes and their copy
        for at, number in enumerate(self.changes):
            if draw() < LATE:
                self.counts["late records"] += 1
                waiting.setdefault(at + 1 + int(draw() * LATEST), []).append((number, 0))
            else:
                yield self._record(number, 0)
            if draw() < COPIED:
                self.counts["records written twice to the stream"] += 1
                copy = 1 if draw() < 0.5 else 0  # with another eventID, or with the same
                waiting.setdefault(at + 1 + int(draw() * LATEST), []).append((number, copy))
            for late in waiting.pop(at, ()):
                yield self._record(*late)
            if draw() < self._poisoned:
                yield self._poison()
        for at in sorted(waiting):
            for late in waiting[at]:
                yield self._record(*late)

    def _record(self, number: int, copy: int) -> tuple[int, Record, int]:
        item = self.changes.item[number]
        return item % SHARDS, self._of(self.changes.record(number, copy), number, str(item)), number

    def _poison(self) -> tuple[int, Record, int]:
        serial = len(self.poison)
        payload = poison(serial)
        self.poison[payload] = serial
        return serial % SHARDS, self._of(payload, _INDEX_OF_POISON, "poison"), -1

    def _of(self, data: bytes, index: int, key: str) -> Record:
        """A record. The end of its sequence number is the number of the change."""
        self._position += 1
        moment = self.changes.moment[-1] // 1_000  # of the newest change, in milliseconds
        sequence = f"4966{self._position:024d}{index:0{_SEQUENCE_INDEX_DIGITS}d}"
        return Record(sequence, moment, key, data)


def index_of(sequence: str) -> int:
    """The number of the change in a sequence number; -1 for poison."""
    index = int(sequence[-_SEQUENCE_INDEX_DIGITS:])
    return -1 if index == _INDEX_OF_POISON else index


@dataclass
class Function:
    """The function service: it runs the real handler, and loses requests and answers.

    `excuse` gets the sequence numbers of records that may fail because of a fault.
    """

    seed: int
    excuse: Callable[[list[str]], None]
    counts: Counter[str] = field(default_factory=Counter)
    invocations: int = 0
    _outage: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(f"function {self.seed}")  # noqa: S311  the same seed gives the same result

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        """One invocation, as boto3's client answers it."""
        del FunctionName
        self.invocations += 1
        if self._outage:
            self._outage -= 1
            return self._lost("outage", Payload)
        drawn = self._random.random()
        if drawn < 0.02:
            return self._lost("throttled", Payload)
        if drawn < 0.04:
            self._run(Payload)
            return self._lost("answer lost", Payload)
        if drawn < 0.05:
            return self._lost("timed out", Payload)
        if drawn < 0.056:
            self._outage = 3  # with this one, as many as Firehose's attempts
            return self._lost("outage", Payload)
        answer = self._run(Payload)
        if drawn < 0.060:
            self.counts["answer cut off"] += 1
            self.excuse(_sequences(Payload))
            answer = answer[: len(answer) // 2]
        elif drawn < 0.064:
            answer = self._without_one(answer)
        return {"Payload": io.BytesIO(answer)}

    def _lost(self, kind: str, payload: bytes) -> dict[str, Any]:
        """The attempt fails. The records may fail if it was the last one."""
        self.counts[kind] += 1
        self.excuse(_sequences(payload))
        if kind == "throttled":
            raise refused("TooManyRequestsException", "Invoke")
        if kind == "answer lost":
            raise ReadTimeoutError(endpoint_url="lambda")
        if kind == "timed out":
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage":"Task timed out"}')}
        raise EndpointConnectionError(endpoint_url="lambda")

    def _without_one(self, answer: bytes) -> bytes:
        """The answer without one record: Firehose reports Lambda.MissingRecordId."""
        self.counts["answer without a record"] += 1
        document = orjson.loads(answer)
        gone = document["records"].pop(self._random.randrange(len(document["records"])))
        self.excuse([gone["recordId"]])
        return orjson.dumps(document)

    @staticmethod
    def _run(payload: bytes) -> bytes:
        """The real handler, with its log line kept from the output."""
        with contextlib.redirect_stdout(io.StringIO()):
            return orjson.dumps(handler(orjson.loads(payload), None))


def _sequences(payload: bytes) -> list[str]:
    return [record["recordId"] for record in orjson.loads(payload)["records"]]


_MAY_REFUSE: Final = ("SlowDown", "InternalError", "AccessDenied", "ServiceUnavailable")


class Bucket:
    """The lake's bucket: refuses puts, takes puts and loses the answer, and gets some objects twice.

    It keeps the error objects, because a redrive reads them; every object goes to `seen`.
    """

    def __init__(self, seed: int, seen: Callable[[str, bytes], None], faults: float = 1.0) -> None:
        self.counts: Counter[str] = Counter()
        self.kept: dict[str, bytes] = {}
        self._seen, self._faults = seen, faults
        self._random = random.Random(f"bucket {seed}")  # noqa: S311  the same seed gives the same result
        self._refusals: Counter[str] = Counter()

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:
        """PutObject. An outage of some minutes refuses everything for a while."""
        del Bucket
        drawn = self._random.random() / (self._faults or 1e-9)
        if drawn < 0.06:
            self.counts["puts refused"] += 1
            raise refused(self._random.choice(_MAY_REFUSE), "PutObject")
        self._store(Key, Body)
        if drawn < 0.09:
            self.counts["answers of puts lost"] += 1
            raise ReadTimeoutError(endpoint_url="s3")
        if drawn < 0.12 and Key.startswith("data/") and not _is_ours(Key):
            self.counts["objects written twice"] += 1
            self._store(re.sub(r"(\.gz)?$", r"-again\1", Key, count=1), Body)
        return {}

    def _store(self, key: str, body: bytes) -> None:
        self._seen(key, body)
        self.kept[key] = body if key.startswith("errors/") else b""

    def get_object(self, Bucket: str, Key: str, IfMatch: str = "", **_: Any) -> dict[str, Any]:
        """GetObject, of an object that is as it was listed."""
        del Bucket
        if self._random.random() < 0.03 * self._faults:
            self.counts["reads refused"] += 1
            raise refused("SlowDown", "GetObject")
        body = self.kept.get(Key)
        if body is None:
            raise refused("NoSuchKey", "GetObject")
        if IfMatch and IfMatch.strip('"') != tag_of(body):
            raise refused("PreconditionFailed", "GetObject")
        return {"Body": io.BytesIO(body)}

    def get_paginator(self, _: str) -> Bucket:
        """The listing, in pages."""
        return self

    def paginate(self, Bucket: str, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:
        """Pages of a thousand keys."""
        del Bucket
        keys = sorted(key for key in self.kept if key.startswith(Prefix))
        for start in range(0, len(keys), 1_000):
            if self._random.random() < 0.01 * self._faults:
                self.counts["listings refused"] += 1
                raise refused("SlowDown", "ListObjectsV2")
            yield {
                "Contents": [
                    {"Key": key, "ETag": f'"{tag_of(self.kept[key])}"', "Size": len(self.kept[key])}
                    for key in keys[start : start + 1_000]
                ]
            }


def tag_of(body: bytes) -> str:
    """An object's entity tag."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _is_ours(key: str) -> bool:
    return key.rpartition("/")[2].startswith("repair-")
