"""One error object redriven: the order of writes, repeated and interrupted runs, and the limits of memory."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from repair import error_objects, redriving
from repair.error_objects import DamagedObjectError, ErrorObject, error_object, lines_of, own_object
from repair.objects import Part
from repair.redriving import CountError, Counts, examine, redrive
from tests.unit.transform.records import change_record
from transform_lambda.change import transform
from transform_lambda.flatten import DEFAULT_SETTINGS

KEY = "errors/processing-failed/dt=2026-11-20/ddb-lake-1-2026-11-20-10-01-00-0002"
DAY_MICROSECONDS = 86_400_000_000
FIRST = 1_795_046_400_000_000  # 2026-11-19


def record(number: int) -> bytes:
    """A change; each third one is of the next day."""
    made = change_record(
        new={"pk": {"S": str(number)}, "text": {"S": "x" * 50}},
        keys={"pk": {"S": str(number)}},
        change={"ApproximateCreationDateTime": FIRST + number % 3 * DAY_MICROSECONDS},
        eventID=f"id-{number}",
    )
    return json.dumps(made).encode()


def error_line(payload: bytes) -> bytes:
    """An error line of Firehose."""
    raw = base64.b64encode(payload).decode()
    return json.dumps({"errorCode": "Lambda.FunctionError", "rawData": raw}).encode() + b"\n"


def body(count: int, *, bad_every: int = 4) -> bytes:
    """Error lines, of which every fourth has no change."""
    return b"".join(error_line(b"bad" if n % bad_every == 3 else record(n)) for n in range(count))


def source(key: str = KEY) -> ErrorObject:
    """The error object of a key."""
    found = error_object(key)
    assert found is not None
    return found


class Killed(BaseException):
    """The process ends."""


class Store:
    """A bucket that ends the process at one write."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.order: list[str] = []
        self.dies_at = dies_at

    def put(self, part: Part) -> None:
        """Write, unless this write is the one."""
        if len(self.order) == self.dies_at:
            raise Killed
        self.order.append(part.key)
        self.objects[part.key] = part.body

    def lines(self, prefix: str) -> list[bytes]:
        """The sorted lines below a prefix."""
        found = [gzip.decompress(data) for key, data in self.objects.items() if key.startswith(prefix)]
        return sorted(line for one in found for line in one.splitlines())


def run(store: Store, content: bytes, **more: Any) -> Counts:
    """Redrive an error object with this content."""
    return redrive(source(), lambda: io.BytesIO(content), DEFAULT_SETTINGS, store.put, **more)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five lines in a part."""
    monkeypatch.setattr(redriving, "PART_LINES", 5)


@pytest.mark.parametrize("packed", [False, True])
def test_every_record_becomes_a_row_of_its_day_or_states_its_reason(packed: bool) -> None:
    """found = redelivered + unrecoverable, and the objects have exactly these lines."""
    store, content = Store(), body(12)
    counts = run(store, gzip.compress(content) if packed else content)
    assert (counts.found, counts.redelivered, counts.unrecoverable) == (12, 9, 3)
    assert counts.reasons == {"JsonError": 3}
    assert counts.days == {"2026-11-19": 3, "2026-11-20": 3, "2026-11-21": 3}
    rows = [json.loads(line) for line in store.lines("data/")]
    assert sorted(row["pk"] for row in rows) == sorted(str(n) for n in range(12) if n % 4 != 3)
    for key, data in store.objects.items():
        if key.startswith("data/"):
            days = {json.loads(line)["change_time"][:10] for line in gzip.decompress(data).splitlines()}
            assert key.split("/")[1] == f"dt={days.pop()}"
            assert not days
    assert len(store.lines("errors/unrecoverable/dt=2026-11-20/")) == 3


def test_receipt_is_the_last_object_and_is_empty() -> None:
    """Of each part the rows come first, then what cannot become rows."""
    store = Store()
    run(store, body(12))
    assert store.order[-1] == source().receipt_key
    assert gzip.decompress(store.objects[source().receipt_key]) == b""
    parts = [key.rpartition("/")[2].split("-")[3] for key in store.order[:-1]]
    assert parts == sorted(parts)
    kinds = [key.startswith("errors/") for key in store.order if "-00000.gz" in key]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize(("content", "found"), [(b"", 0), (b"\n \n", 0), (error_line(b"x") * 3, 3)])
def test_object_without_rows_is_complete_too(content: bytes, found: int) -> None:
    """The receipt does not depend on rows."""
    store = Store()
    counts = run(store, content)
    assert (counts.found, counts.redelivered) == (found, 0)
    assert source().receipt_key in store.objects
    assert store.lines("data/") == []


def test_names_depend_on_the_key_only() -> None:
    """Another content has the same names where it has the same days; another key has other names."""
    first, second = Store(), Store()
    run(first, body(5))
    run(second, body(5).replace(b"Lambda.FunctionError", b"Lambda.Other"))
    assert first.order == second.order
    assert source().source not in source(KEY + "x").receipt_key


def test_second_run_writes_the_same_bytes() -> None:
    """Twice is once."""
    once, twice = Store(), Store()
    run(once, body(23))
    run(twice, body(23))
    run(twice, body(23))
    assert once.objects == twice.objects


def test_run_that_is_killed_at_any_write_is_completed_by_the_next_one() -> None:
    """Between any two writes: no receipt, and after a second run the lake of an undisturbed run."""
    undisturbed = Store()
    run(undisturbed, body(23))
    assert len(undisturbed.order) > 15
    for number in range(len(undisturbed.order)):
        store = Store(dies_at=number)
        with pytest.raises(Killed):
            run(store, body(23))
        assert source().receipt_key not in store.objects
        store.dies_at = None
        run(store, body(23))
        assert store.objects == undisturbed.objects, f"killed at write {number}"


def test_unrecoverable_records_of_an_earlier_run_become_empty_when_they_are_rows() -> None:
    """Nothing may be deleted, so an object that is no longer right keeps no line."""
    store = Store()
    run(store, error_line(b"bad") + error_line(record(1)))
    earlier = source().unrecoverable_key(0)
    assert store.lines(earlier)
    run(store, error_line(record(0)) + error_line(record(1)), earlier=[earlier])
    assert store.lines("errors/") == []
    assert len(store.lines("data/")) == 2
    assert store.order.index(earlier) < len(store.order) - 1


@pytest.mark.parametrize("cut", [10, 40, -9, -1])
def test_truncated_object_writes_nothing(cut: int) -> None:
    """Neither a row nor the receipt, even if the first parts can be read."""
    store = Store()
    with pytest.raises(DamagedObjectError, match="ends too early"):
        run(store, gzip.compress(body(23))[:cut])
    assert store.objects == {}


def test_wrong_bytes_in_the_object_write_nothing() -> None:
    """The checksum at the end of the GZIP data is compared before the first write."""
    store, content = Store(), bytearray(gzip.compress(body(23)))
    content[-6] ^= 0xFF
    with pytest.raises(DamagedObjectError, match="not valid"):
        run(store, bytes(content))
    assert store.objects == {}


def test_readings_that_differ_leave_no_receipt() -> None:
    """The counts are compared before the object counts as complete."""
    contents = [body(6), body(5)]
    store = Store()
    with pytest.raises(CountError, match="6 records were found"):
        redrive(source(), lambda: io.BytesIO(contents.pop(0)), DEFAULT_SETTINGS, store.put)
    assert source().receipt_key not in store.objects


def test_dry_run_counts_the_same() -> None:
    """`examine` and `redrive` agree, and `examine` has nothing to write with."""
    assert examine(source(), lambda: io.BytesIO(body(23)), DEFAULT_SETTINGS) == run(Store(), body(23))


def test_records_for_the_stream_are_sent_as_they_were() -> None:
    """The stream takes records that can become rows; the rest is stated as always, after they are sent."""
    store, sent = Store(), list[bytes]()

    def send(records: Any) -> None:
        assert source().receipt_key not in store.objects
        sent.extend(records)

    counts = run(store, body(12), send=send)
    assert sent == [record(n) for n in range(12) if n % 4 != 3]
    assert (counts.redelivered, counts.unrecoverable) == (9, 3)
    assert store.lines("data/") == []
    assert source().receipt_key in store.objects


def test_row_of_the_function_is_written_even_beside_the_stream() -> None:
    """The function would refuse its own row, so the stream does not get it."""
    store, sent = Store(), list[bytes]()
    line, _ = transform(record(0))
    failed = source("errors/metadata-extraction-failed/dt=2026-11-20/x")
    content = error_line(line) + error_line(record(1))
    counts = redrive(failed, lambda: io.BytesIO(content), DEFAULT_SETTINGS, store.put, send=sent.extend)
    assert (counts.redelivered, sent) == (2, [record(1)])
    assert store.lines("data/") == [line.strip()]


def test_stream_that_takes_nothing_leaves_no_receipt() -> None:
    """A later run sends the records again."""
    store = Store()

    def refuse(records: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        run(store, body(5), send=refuse)
    assert store.objects == {}


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_line_that_is_too_long_is_never_in_memory(
    monkeypatch: pytest.MonkeyPatch, wrap: Callable[[bytes], bytes]
) -> None:
    """Its length comes in its place, its neighbours are read; an exact fit is still a line."""
    monkeypatch.setattr(error_objects, "LINE_BYTES", 10)
    content = b"0123456789\n" + b"x" * 35 + b"\nshort\r\n\n" + b"y" * 11
    found = list(lines_of(io.BytesIO(wrap(content))))
    assert found == [b"0123456789", 36, b"short", 11]


def peak_of(work: Callable[[], object]) -> int:
    """The most bytes of memory that the work takes at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_a_line() -> None:
    """128 MiB in one line, which are 128 KB in the bucket."""
    packed = gzip.compress(bytes(128 * 1024 * 1024), 1)
    assert peak_of(lambda: list(lines_of(io.BytesIO(packed)))) < 64 * 1024 * 1024


def test_memory_does_not_grow_with_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of a few bytes take a kilobyte each; only one part is in memory."""
    monkeypatch.setattr(redriving, "PART_LINES", 250)

    def peak(count: int) -> int:
        packed = gzip.compress(b"x\n" * count)
        return peak_of(
            lambda: redrive(source(), lambda: io.BytesIO(packed), DEFAULT_SETTINGS, lambda _: None)
        )

    assert peak(6_000) < 1.5 * peak(1_500)


@pytest.mark.parametrize(
    "key",
    [
        "errors/processing-failed/2026/11/20/x",
        "errors/processing-failed/dt=2026-11-31/x",
        "errors/processing-failed/dt=2026-11-20/x/y",
        "errors/processing-failed/dt=2026-11-20/",
        "data/dt=2026-11-20/x",
        "errors/x",
    ],
)
def test_other_keys_are_not_error_objects(key: str) -> None:
    """The day of the failure comes from the key."""
    assert error_object(key) is None


def test_own_objects_are_known_by_their_names() -> None:
    """The receipt, the parts, and nothing else."""
    receipt, part = source().receipt_key, source().unrecoverable_key(3)
    assert own_object(receipt.rpartition("/")[2]) == (source().source, True)
    assert own_object(part.rpartition("/")[2]) == (source().source, False)
    assert own_object("repair-redrive-x-end.gz") is None
