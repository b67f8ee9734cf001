"""Exports: the times that are allowed, the text of Ion, and how lines become files."""

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Iterable
from typing import Any

import amazon.ion.simpleion as ion_reader
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.emulator.exports import data_files, ion, manifests, requests, service, tasks
from sandbox.emulator.exports.destination import FailedError
from sandbox.emulator.exports.requests import ExportError, Period
from sandbox.emulator.point_in_time import DAY_MICROSECONDS

SECOND = 1_000_000
ARN = "arn:aws:dynamodb:us-east-1:111111111111:table/orders"
NOW = 40 * DAY_MICROSECONDS
EARLIEST = NOW - 35 * DAY_MICROSECONDS
DAY, QUARTER = 86_400, 900  # seconds


def parsed(**given: Any) -> requests.Request:
    return requests.parse({"TableArn": ARN, "S3Bucket": "bucket", **given})


def period(start: float | None, end: float | None, speed: float = 1.0) -> Period:
    """The period from and to a number of seconds before NOW."""
    times = {"ExportFromTime": start, "ExportToTime": end}
    specification = {name: NOW / SECOND - ago for name, ago in times.items() if ago is not None}
    request = parsed(ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=specification)
    return requests.period_of(request, EARLIEST, NOW, speed)


@pytest.mark.parametrize(
    ("start", "end"),
    [(QUARTER, 0), (DAY, 0), (35 * DAY, 34 * DAY), (2 * QUARTER, QUARTER), (QUARTER, None)],
)
def test_periods_of_15_minutes_to_24_hours_are_allowed(start: float, end: float | None) -> None:
    """Inside the last 35 days; without an end until now."""
    found = period(start, end)

    assert found == Period(NOW - round(start * SECOND), NOW - round((end or 0) * SECOND))


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (QUARTER - 1, 0, "Difference between export period"),
        (0, QUARTER, "Difference between export period"),
        (DAY + 1, 0, "Difference between export period"),
        (35 * DAY + 1, 34 * DAY + 1, "Export Time is invalid"),
        (QUARTER, -1, "Export Time is invalid"),
    ],
)
def test_other_periods_are_rejected(start: float, end: float, text: str) -> None:
    """Too short, reversed, too long, too old, not over yet."""
    with pytest.raises(ExportError, match=text) as raised:
        period(start, end)
    assert raised.value.code == "InvalidExportTimeException"


def test_speed_divides_the_least_period_only() -> None:
    """At speed 300 a period may last 3 seconds; the longest stays a day."""
    assert period(3, 0, speed=300).start == NOW - 3 * SECOND
    with pytest.raises(ExportError):
        period(2, 0, speed=300)
    with pytest.raises(ExportError):
        period(DAY + 1, 0, speed=300)


def test_full_export_has_a_time_inside_the_window() -> None:
    """Now by default, in whole milliseconds; the bounds are allowed."""

    def time_of(**given: Any) -> int:
        return requests.period_of(parsed(**given), EARLIEST, NOW + 1234, 1.0).end

    assert time_of() == NOW + 1000
    assert time_of(ExportTime=EARLIEST / SECOND) == EARLIEST
    for seconds in (EARLIEST / SECOND - 1, NOW / SECOND + 1):
        with pytest.raises(ExportError, match="Export Time is invalid"):
            time_of(ExportTime=seconds)
    assert requests.period_of(parsed(), NOW + 1200, NOW + 1234, 1.0).end == NOW + 1200


@pytest.mark.parametrize("value", ["1", True, -1, float("nan"), float("inf")])
def test_a_time_must_be_a_number(value: Any) -> None:
    """Everything else is a ValidationException, not a failure of the emulator."""
    with pytest.raises(ExportError, match="exportTime") as raised:
        parsed(ExportTime=value)
    assert raised.value.code == "ValidationException"


@pytest.mark.parametrize("bucket", ["", "a", "a" * 256, "-a", "a b", "a/b", 1, None])
def test_bucket_must_have_a_valid_name(bucket: Any) -> None:
    """Also when it is absent or no text."""
    with pytest.raises(ExportError, match="s3Bucket"):
        requests.parse({"TableArn": ARN, "S3Bucket": bucket})


def test_no_more_than_300_exports_at_once() -> None:
    """The 301st is a LimitExceededException."""
    service.check_limit(299)
    with pytest.raises(ExportError, match="300") as raised:
        service.check_limit(300)
    assert raised.value.code == "LimitExceededException"


def test_pages_have_every_export_once() -> None:
    """In reverse order, the last page without a token."""
    arns = [f"arn/{number:02d}" for number in range(7)]
    seen, token = list[str](), None
    while True:
        page, token = service.page_of(arns, 3, token)
        seen += page
        if token is None:
            break
    assert seen == sorted(arns, reverse=True)


NAMES = st.text(min_size=1) | st.sampled_from(["null", "true", "nan", "$1", "$ion_1_0", "a b", "1st"])
ATTRIBUTES = st.recursive(
    st.one_of(
        st.text().map(lambda text: {"S": text}),
        st.decimals(allow_nan=False, allow_infinity=False, places=4).map(lambda number: {"N": f"{number:f}"}),
        st.binary().map(lambda value: {"B": base64.b64encode(value).decode()}),
        st.booleans().map(lambda value: {"BOOL": value}),
        st.just({"NULL": True}),
        st.sets(st.text(), min_size=1).map(lambda texts: {"SS": sorted(texts)}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: {"L": values}),
        st.dictionaries(NAMES, inner, max_size=3).map(lambda values: {"M": values}),
    ),
    max_leaves=8,
)


def attribute(value: Any) -> dict[str, Any]:
    """A value of amazon.ion as DynamoDB JSON."""
    kind = value.ion_type.name
    if kind == "LIST":
        members = [attribute(member) for member in value]
        if not value.ion_annotations:
            return {"L": members}
        annotation = value.ion_annotations[0].text.removeprefix("$dynamodb_")
        return {annotation: [next(iter(member.values())) for member in members]}
    if kind == "STRUCT":
        return {"M": {name: attribute(member) for name, member in value.items()}}
    scalars: dict[str, tuple[str, Any]] = {
        "BLOB": ("B", kind == "BLOB" and base64.b64encode(value).decode()),
        "DECIMAL": ("N", kind == "DECIMAL" and f"{value:f}"),
        "BOOL": ("BOOL", value == 1),
        "NULL": ("NULL", True),
        "STRING": ("S", value),
    }
    name, plain = scalars[kind]
    return {name: plain}


@given(st.dictionaries(NAMES, ATTRIBUTES, min_size=1, max_size=4))
def test_a_reader_of_ion_gets_the_item_back(item: dict[str, Any]) -> None:
    """One line whatever the texts and names, and every type and digit as it was."""
    text = ion.VERSION + ion.struct(item)

    assert "\n" not in text
    assert "\r" not in text
    assert attribute(ion_reader.load(io.BytesIO(text.encode()))) == {"M": item}


@pytest.mark.parametrize(
    ("number", "text"),
    [("103", "103."), ("-0.5", "-0.5"), ("1E-130", "1d-130"), ("1.5E+10", "1.5d10"), ("0", "0.")],
)
def test_every_number_is_an_ion_decimal(number: str, text: str) -> None:
    """Never an int or a float, which have a dot neither or an exponent with e."""
    assert ion.decimal(number) == text
    assert ion_reader.loads(text).ion_type.name == "DECIMAL"


def test_compressed_files_are_read_in_parts() -> None:
    """The parts together are one GZIP file; their MD5 and number of lines are those of all."""
    lines = [hashlib.sha256(str(number).encode()).hexdigest().encode() + b"\n" for number in range(5000)]
    file = data_files.Compressed(lines, part_bytes=10_000)
    parts = list(file)
    whole = b"".join(parts)

    assert len(parts) > 3
    assert all(len(part) >= 10_000 for part in parts[:-1])
    assert gzip.decompress(whole) == b"".join(lines)
    assert file.rows == 5000
    assert file.md5 == manifests.checksum(whole).decode()


def test_an_empty_file_is_the_one_of_aws() -> None:
    """One part of 20 bytes with the MD5 of the published exports."""
    file = data_files.Compressed([])

    assert [len(part) for part in file] == [20]
    assert (file.rows, file.md5) == (0, "FjvgqIxwymKf1RbbqtrZag==")


def test_partitions_are_used_evenly() -> None:
    """Each of a large table's partitions has about the same number of items."""
    count = data_files.partition_count(200_000)
    used = [0] * count
    for number in range(4000):
        used[data_files.partition_of(f"key {number}", count)] += 1

    assert data_files.partition_count(0) == data_files.partition_count(200_000) == 4
    assert data_files.partition_count(200_001) == 5
    assert min(used) > 800


class Bucket:
    """A bucket in memory that may refuse a key."""

    def __init__(self, refused: str = "none of these") -> None:
        self.objects: dict[str, bytes] = {}
        self.refused = refused

    def check_owner(self) -> None:
        """Any owner is right."""

    def put(self, key: str, content: bytes) -> None:
        if self.refused in key:
            raise FailedError("S3AccessDenied", "Access Denied")
        self.objects[key] = content

    def upload(self, key: str, parts: Iterable[bytes]) -> str:
        self.put(key, b"".join(parts))
        return "etag-1"


def export(items: list[dict[str, Any]]) -> tasks.Export:
    table = {"TableId": "id", "pk_name": "pk", "sk_name": None}
    return tasks.Export(parsed(), f"{ARN}/export/0-0", Period(None, NOW), NOW, table, items, [])


@pytest.mark.parametrize("refused", ["_started", ".json.gz", "manifest-files.json", "manifest-summary.md5"])
def test_refused_object_fails_the_export(refused: str) -> None:
    """Whichever it is; nothing is written after it, and the description has the reason."""
    bucket = Bucket(refused)
    result = tasks.run(export([{"pk": {"S": "a"}}]), bucket, len, lambda: NOW)

    assert (result["ExportStatus"], result["FailureCode"]) == ("FAILED", "S3AccessDenied")
    assert "ExportManifest" not in result
    written = list(bucket.objects)
    assert not any(refused in key for key in written)
    assert any("summary.json" in key for key in written) == (refused == "manifest-summary.md5")


def test_objects_are_written_in_order() -> None:
    """`_started` first, the summary and its checksum last."""
    bucket = Bucket()
    result = tasks.run(export([{"pk": {"S": "a"}}]), bucket, len, lambda: NOW)

    names = [key.rpartition("/")[2] for key in bucket.objects]
    assert names[0] == "_started"
    assert names[-4:] == [
        "manifest-files.json",
        "manifest-files.md5",
        "manifest-summary.json",
        "manifest-summary.md5",
    ]
    assert result["ExportStatus"] == "COMPLETED"
    assert json.loads(bucket.objects[result["ExportManifest"]])["itemCount"] == 1
