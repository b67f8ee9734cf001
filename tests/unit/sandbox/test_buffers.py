"""S3 buffers: full by size or by age; the outlet repeats each put until it succeeds."""

import datetime as dt
import gzip
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from sandbox.delivery.buffers import DATA, Buffer, Buffers
from sandbox.delivery.description import Buffering, DeliveryStream, S3Destination
from sandbox.delivery.diagnostics import Diagnostics
from sandbox.delivery.outlet import Outlet
from sandbox.delivery.progress import ShardProgress

HOUR = 3600.0


def destination(size: int = 100, interval: float = 60.0, compression: str = "GZIP") -> S3Destination:
    """A destination with small buffers."""
    return S3Destination(
        bucket="lake",
        role_arn="arn:role",
        buffering=Buffering(size, interval),
        prefix="data/dt=!{timestamp:yyyy-MM-dd}/",
        error_prefix="errors/!{firehose:error-output-type}/",
        compression=compression,
        file_extension="",
        time_zone=dt.UTC,
        kms_key_arn="arn:key",
        log=None,
    )


def stream(s3: S3Destination) -> DeliveryStream:
    """A delivery stream over it."""
    return DeliveryStream("name", "arn:d", "2", "1", "r", 0.0, "arn:s", "arn:role", s3, None)


class Clock:
    """A time that changes only if a test changes it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def buffers(s3: S3Destination, speed: float = 1.0) -> tuple[Buffers, list[Buffer], Clock]:
    """Buffers, what they sealed, and their clock."""
    sealed: list[Buffer] = []
    clock = Clock()
    return Buffers(lambda: s3, speed, sealed.append, clock), sealed, clock


def add(target: Buffers, *rows: bytes, lane: Any = DATA, oldest: int = 5_000) -> None:
    """Rows of one batch of one record each."""
    shard = ShardProgress("s")
    target.add(lane, rows, oldest, shard, shard.open(0.0))


def test_buffer_is_full_when_its_size_is_reached() -> None:
    """The size counts bytes before compression; speed does not change it."""
    target, sealed, _ = buffers(destination(size=10), speed=1000)
    add(target, b"12345")
    assert not sealed
    add(target, b"67890")
    assert gzip.decompress(sealed[0].body()) == b"1234567890"
    add(target, b"another")
    assert (len(sealed), target.waiting()[0]) == (1, 1)


def test_buffer_is_full_when_its_interval_has_passed() -> None:
    """The interval counts from the first row and is divided by the speed."""
    target, sealed, clock = buffers(destination(interval=60), speed=6)
    add(target, b"a")
    clock.now += 9.9
    target.seal_due()
    assert not sealed
    clock.now += 0.1
    target.seal_due()
    assert (sealed[0].records, target.waiting()) == (1, (0, 0))


def test_each_lane_has_its_own_buffer_and_its_oldest_arrival() -> None:
    """Data, errors and partitions never share an object."""
    target, sealed, clock = buffers(destination())
    add(target, b"a", oldest=7)
    add(target, b"b", oldest=3)
    add(target, b"x", lane=("processing-failed", ()))
    clock.now += 60
    target.seal_due()
    assert {(each.lane[0], each.oldest, each.records) for each in sealed} == {
        ("", 3, 2),
        ("processing-failed", 5_000, 1),
    }


class Bucket:
    """An S3 client that rejects the first `refusals` puts."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.puts: list[dict[str, Any]] = []
        self.keys: list[str] = []

    def put_object(self, **arguments: Any) -> None:
        self.keys.append(arguments["Key"])
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
        self.puts.append(arguments)


def outlet(bucket: Bucket, retention: float = 10**12) -> Outlet:
    """An outlet with short pauses."""
    settings = destination(interval=0)
    return Outlet(
        stream=lambda: stream(settings),
        destination=lambda: settings,
        client=lambda: bucket,
        diagnostics=Diagnostics(lambda: stream(settings), lambda: None, 0.0),
        speed=1000.0,
        retention=lambda: retention,
    )


def run_until(target: Outlet, condition: Callable[[], Any]) -> None:
    """Run the outlet until the condition holds."""
    stopping = threading.Event()
    thread = threading.Thread(target=target.run, args=(stopping,), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stopping.set()
    thread.join()


def test_failed_put_is_repeated_with_the_same_key() -> None:
    """So that a put whose response was lost replaces the object and does not add a second one."""
    bucket = Bucket(refusals=3)
    target = outlet(bucket)
    shard = ShardProgress("s")
    ticket = shard.open(0.0)
    shard.add(ticket, "9", 1)
    target.buffers.add(DATA, [b"row"], 86_400_000, shard, ticket)
    shard.release(ticket)
    run_until(target, lambda: target.delivered)
    assert len(bucket.keys) == 4
    assert len(set(bucket.keys)) == 1
    assert shard.last_delivered == "9"
    assert target.diagnostics.last is not None
    assert target.diagnostics.last["code"] == "S3.AccessDenied"


def test_object_has_the_name_and_headers_of_firehose() -> None:
    """Prefix by the oldest arrival, stream and version in the name, ACL, key, encoding, content type."""
    bucket = Bucket()
    target = outlet(bucket)
    add(target.buffers, b"row", oldest=86_400_000)
    run_until(target, lambda: target.delivered)
    (put,) = bucket.puts
    assert put.pop("Key").startswith("data/dt=1970-01-02/name-2-20")
    assert bucket.keys[0].endswith(".gz")
    assert gzip.decompress(put.pop("Body")) == b"row"
    assert put == {
        "Bucket": "lake",
        "ACL": "bucket-owner-full-control",
        "ContentType": "application/octet-stream",
        "ContentEncoding": "gzip",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "arn:key",
    }


def test_object_is_discarded_after_the_retention() -> None:
    """Delivery retries as long as the source keeps its records."""
    bucket = Bucket(refusals=10**6)
    target = outlet(bucket, retention=HOUR)
    add(target.buffers, b"row", oldest=int((time.time() - 2 * HOUR) * 1000))
    run_until(target, lambda: target.expired)
    assert (target.delivered, target.expired, target.waiting()) == (0, 1, (0, 0))


def test_failing_object_does_not_delay_the_others() -> None:
    """Each object has its own retries."""

    class Picky(Bucket):
        def put_object(self, **arguments: Any) -> None:
            if arguments["Key"].startswith("data/"):
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
            super().put_object(**arguments)

    target = outlet(Picky())
    add(target.buffers, b"row")
    add(target.buffers, b"error", lane=("processing-failed", ()))
    run_until(target, lambda: target.failed)
    assert (target.delivered, target.waiting()[0]) == (0, 1)
