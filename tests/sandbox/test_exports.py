"""Exports to S3 have the objects, the format and the times of AWS's."""

import base64
import io
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import amazon.ion.simpleion as ion
import pytest
from botocore.exceptions import ClientError

from sandbox.lifecycle import Sandbox
from tests.sandbox import exports
from tests.sandbox.exports import Item, Written, wait_for_second, window
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
LEAST_SECONDS = 3  # of an incremental export: 15 minutes divided by the speed of the fixture `emulator`
EMPTY_MD5 = "FjvgqIxwymKf1RbbqtrZag=="  # of an empty data file in the exports that were published
EMPTY_ETAG = "7deb4078f238dd87d6af0538152c04e9-1"
ALL_TYPES: Item = {
    "pk": {"S": "all types"},
    "number": {"N": "12345678901234567890123456789012345678"},
    "fraction": {"N": "-0.50"},
    "tiny": {"N": "1E-130"},
    "huge": {"N": "9.9999999999999999999999999999999999999E125"},
    "binary": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "list": {"L": [{"N": "1"}, {"S": "two"}, {"M": {}}, {"L": []}]},
    "map": {"M": {"null": {"S": "a keyword"}, "with space": {"S": "'\"\\\n\t\x00é🂡"}, "1st": {"N": "1"}}},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "binaries": {"BS": [b"a", b"b"]},
}


@dataclass
class Scene:
    """A table with PITR and a bucket in the producer account."""

    dynamodb: Any
    s3: Any
    name: str
    arn: str

    def put(self, key: str, **values: str) -> None:
        item = {"pk": {"S": key}, **{name: {"S": value} for name, value in values.items()}}
        self.dynamodb.put_item(TableName=self.name, Item=item)

    def delete(self, key: str) -> None:
        self.dynamodb.delete_item(TableName=self.name, Key={"pk": {"S": key}})

    def export(self, **parameters: Any) -> Written:
        description = exports.export(self.dynamodb, self.arn, self.name, **parameters)
        assert description["ExportStatus"] == "COMPLETED", description
        return Written(self.s3, self.name, description)

    def objects(self) -> list[str]:
        """The keys of all objects in the bucket."""
        listed = self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [found["Key"] for found in listed]


@pytest.fixture
def scene(emulator: Sandbox, unique: str) -> Scene:
    """A new table and bucket, both named `unique`."""
    session = emulator.session("producer")
    dynamodb, s3 = session.client("dynamodb"), session.client("s3")
    s3.create_bucket(Bucket=unique)
    return Scene(dynamodb, s3, unique, exports.make_table(dynamodb, unique))


def refusal(call: Callable[..., Any], **parameters: Any) -> str:
    """The code and message of the error that a call raises."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_full_export_has_every_item_of_every_type(scene: Scene) -> None:
    """The lines are the items as DynamoDB JSON, in files that the manifests describe."""
    scene.dynamodb.put_item(TableName=scene.name, Item=ALL_TYPES)
    for number in range(40):
        scene.put(f"item {number}", v=str(number))
    written = scene.export()

    (found,) = [item for item in written.items() if item["pk"]["S"] == "all types"]
    assert len(written.items()) == 41
    assert found["number"] == {"N": "12345678901234567890123456789012345678"}
    assert found["binary"] == {"B": "AP8="}
    assert found["map"] == ALL_TYPES["map"]
    assert found["nothing"] == {"NULL": True}
    assert sorted(found["binaries"]["BS"]) == ["YQ==", "Yg=="]
    assert written.description["ItemCount"] == 41
    assert written.description["BilledSizeBytes"] > 41 * 10


def test_full_export_has_the_objects_of_aws(scene: Scene) -> None:
    """Names, manifests and checksums are those of the exports that were published."""
    scene.put("a")
    written = scene.export(S3Prefix="some/prefix")
    description, summary = written.description, written.summary

    export_id = description["ExportArn"].rpartition("/")[2]
    folder = f"some/prefix/AWSDynamoDB/{export_id}"
    assert re.fullmatch(r"0\d{13}-[0-9a-f]{8}", export_id)
    assert {key for key in scene.objects() if "/data/" not in key} == {
        f"{folder}/{name}"
        for name in (
            "_started",
            "manifest-files.json",
            "manifest-files.md5",
            "manifest-summary.json",
            "manifest-summary.md5",
        )
    }
    assert written.read(f"{folder}/_started") == b""
    files = [key for key in scene.objects() if "/data/" in key]
    assert sorted(files) == sorted(file["dataFileS3Key"] for file in written.files)
    assert all(re.fullmatch(rf"{folder}/data/[a-z2-7]{{26}}\.json\.gz", key) for key in files)
    started = description["StartTime"].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert {**summary, "endTime": "", "billedSizeBytes": 0} == {
        "version": "2020-06-30",
        "exportArn": description["ExportArn"],
        "startTime": started,
        "endTime": "",
        "tableArn": scene.arn,
        "tableId": description["TableId"],
        "exportTime": started,
        "s3Bucket": scene.name,
        "s3Prefix": "some/prefix",
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{folder}/manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": 1,
        "outputFormat": "DYNAMODB_JSON",
    }
    assert list(written.files[0]) == ["itemCount", "md5Checksum", "etag", "dataFileS3Key"]


def test_empty_files_are_those_of_aws(scene: Scene) -> None:
    """Byte for byte: their MD5 and entity tag are known. Without items every file is empty."""
    files = scene.export().files

    assert len(files) >= 4
    assert {(file["itemCount"], file["md5Checksum"], file["etag"]) for file in files} == {
        (0, EMPTY_MD5, EMPTY_ETAG)
    }


def test_items_are_spread_over_files_and_unsorted(scene: Scene) -> None:
    """Several files have items, one has none, and no file has them in the order of their keys."""
    for number in range(100):
        scene.put(f"{number:03d}")
    written = scene.export()

    counts = [file["itemCount"] for file in written.files]
    assert sum(count > 0 for count in counts) >= 4
    assert 0 in counts
    for content in written.contents():
        keys = [json.loads(line)["Item"]["pk"]["S"] for line in content.splitlines()]
        assert len(keys) < 2 or keys != sorted(keys)


def _state(records: list[Item], until: int) -> list[Item]:
    """The items after all changes up to a time (epoch microseconds)."""
    items: dict[str, Item] = {}
    for record in records:
        change = record["dynamodb"]
        if change["ApproximateCreationDateTime"] <= until:
            items.pop(json.dumps(change["Keys"]), None)
            if "NewImage" in change:
                items[json.dumps(change["Keys"])] = change["NewImage"]
    return sorted(items.values(), key=json.dumps)


def test_export_is_the_table_at_its_time_while_writes_go_on(scene: Scene, emulator: Sandbox) -> None:
    """Compared with the table's stream: the items at a second, and at the start of an export."""
    kinesis = emulator.session("producer").client("kinesis")
    kinesis.create_stream(StreamName=scene.name, ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName=scene.name)["StreamDescriptionSummary"]["StreamARN"]
    scene.dynamodb.enable_kinesis_streaming_destination(
        TableName=scene.name,
        StreamArn=stream,
        EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )
    stop, failures = threading.Event(), list[BaseException]()

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                key = str(number * 7 % 25)
                if number % 3:
                    scene.put(key, v=str(number))
                else:
                    scene.delete(key)
                number += 1
        except BaseException as error:
            failures.append(error)
            raise

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_for_second()
        moment = wait_for_second()
        earlier = scene.export(ExportTime=moment)
        now = scene.export()
        latest = wait_for_second()
        last = scene.export(ExportTime=latest)
    finally:
        stop.set()
        writer.join()

    assert failures == []
    iterator = kinesis.get_shard_iterator(
        StreamARN=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = []
    while found := kinesis.get_records(ShardIterator=iterator, StreamARN=stream):
        records += [json.loads(record["Data"]) for record in found["Records"]]
        if not found["Records"]:
            break
        iterator = found["NextShardIterator"]
    started = round(now.description["ExportTime"].timestamp() * 1000) * 1000
    states = [_state(records, when) for when in (moment * 1_000_000, started, latest * 1_000_000)]
    assert states[0] != states[1] != states[2]
    assert [earlier.items(), now.items(), last.items()] == states


@dataclass
class Changes:
    """What one export of a period says, by key."""

    rows: dict[str, Item]

    def shape(self, key: str) -> tuple[str | None, str | None] | None:
        """The value `v` before and after, or None if the key has no line."""
        row = self.rows.get(key)
        if row is None:
            return None
        before, after = row.get("OldImage"), row.get("NewImage")
        return before and before["v"]["S"], after and after["v"]["S"]


def changes_of(written: Written) -> Changes:
    rows = {row["Keys"]["pk"]["S"]: row for row in written.rows()}
    assert len(rows) == written.description["ItemCount"]
    return Changes(rows)


def test_incremental_export_has_one_line_per_changed_item(scene: Scene) -> None:
    """The first state and the last state of the period; nothing for an item absent before and after."""
    for key in ("kept", "updated", "twice", "deleted", "back", "reverted"):
        scene.put(key, v="old")
    start = wait_for_second()
    before = start * 1_000_000
    scene.put("inserted", v="new")
    scene.put("updated", v="new")
    scene.put("twice", v="middle")
    scene.put("twice", v="new")
    scene.delete("deleted")
    scene.delete("back")
    scene.put("back", v="new")
    scene.put("reverted", v="new")
    scene.put("reverted", v="old")
    scene.put("brief", v="x")
    scene.delete("brief")
    end = wait_for_second(start + LEAST_SECONDS - 1)
    scene.put("updated", v="later")
    scene.put("later", v="later")
    both = scene.export(**window(start, end))
    new = changes_of(scene.export(**window(start, end, ExportViewType="NEW_IMAGE")))

    changes = changes_of(both)
    assert {key: changes.shape(key) for key in changes.rows} == {
        "inserted": (None, "new"),
        "updated": ("old", "new"),
        "twice": ("old", "new"),
        "deleted": ("old", None),
        "back": ("old", "new"),
        "reverted": ("old", "old"),
    }
    assert new.rows.keys() == changes.rows.keys()
    assert all("OldImage" not in row for row in new.rows.values())
    assert set(new.rows["deleted"]) == {"Metadata", "Keys"}
    written = [int(row["Metadata"]["WriteTimestampMicros"]["N"]) for row in changes.rows.values()]
    assert all(before <= moment < end * 1_000_000 for moment in written)


def test_incremental_exports_share_a_data_folder(scene: Scene) -> None:
    """The manifests tell which files are whose; the summary has the times, the view and the type."""
    start = wait_for_second()
    scene.put("a", v="1")
    middle = wait_for_second(start + LEAST_SECONDS - 1)
    scene.put("b", v="1")
    end = wait_for_second(middle + LEAST_SECONDS - 1)
    first = scene.export(S3Prefix="p", **window(start, middle))
    second = scene.export(S3Prefix="p", **window(middle, end, ExportViewType="NEW_IMAGE"))

    assert [set(changes_of(one).rows) for one in (first, second)] == [{"a"}, {"b"}]
    files = [{file["dataFileS3Key"] for file in one.files} for one in (first, second)]
    assert files[0].isdisjoint(files[1])
    data = {key for key in scene.objects() if "/data/" in key}
    assert data == files[0] | files[1]
    assert all(re.fullmatch(r"p/AWSDynamoDB/data/[a-z2-7]{26}\.json\.gz", key) for key in data)
    summary = second.summary
    assert "exportTime" not in summary
    assert summary["version"] == "2023-08-01"
    assert (summary["outputView"], summary["exportType"]) == ("NEW_IMAGE", "INCREMENTAL_EXPORT")
    assert summary["billedSizeBytes"] == 10_000_000
    assert summary["startTime"].endswith(".000Z")
    specification = second.description["IncrementalExportSpecification"]
    assert specification["ExportFromTime"].timestamp() == middle
    assert specification["ExportToTime"].timestamp() == end


def test_cancelled_transaction_is_in_no_export(scene: Scene) -> None:
    """MiniStack applies its statements, then restores a snapshot: neither leaves a trace."""
    statement = """INSERT INTO "{}" VALUE {{'pk':'{}'}}"""
    start = wait_for_second()
    scene.put("there", v="1")
    with pytest.raises(ClientError, match="TransactionCanceled"):
        scene.dynamodb.execute_transaction(
            TransactStatements=[{"Statement": statement.format(scene.name, key)} for key in ("x", "there")]
        )
    scene.put("after", v="1")
    end = wait_for_second(start + LEAST_SECONDS - 1)

    assert set(changes_of(scene.export(**window(start, end))).rows) == {"there", "after"}
    assert [item["pk"]["S"] for item in scene.export(ExportTime=start).items()] == []


def _plain(attribute: Item) -> Any:
    """An attribute value of DynamoDB JSON as a reader of Ion gives it."""
    ((kind, value),) = attribute.items()
    if kind in {"SS", "NS", "BS"}:
        return (f"$dynamodb_{kind}", [_plain({kind[0]: member}) for member in value])
    if kind == "L":
        return [_plain(member) for member in value]
    if kind == "M":
        return {name: _plain(member) for name, member in value.items()}
    if kind == "N":
        return f"number {float(value)}"
    return None if kind == "NULL" else value


def _from_ion(value: Any) -> Any:
    """The same for a value of amazon.ion; binary as base64."""
    kind = value.ion_type.name
    if kind == "LIST":
        members = [_from_ion(member) for member in value]
        return (value.ion_annotations[0].text, members) if value.ion_annotations else members
    if kind == "STRUCT":
        return {name: _from_ion(member) for name, member in value.items()}
    if kind == "BLOB":
        return base64.b64encode(value).decode()
    if kind == "DECIMAL":
        return f"number {float(value)}"
    if kind == "BOOL":
        return bool(value)
    return None if kind == "NULL" else str(value)


def _ion_rows(written: Written) -> list[Any]:
    """All lines of an Ion export, read one by one by amazon.ion."""
    lines = [line for content in written.contents() for line in content.splitlines()]
    assert all(line.startswith(b"$ion_1_0 {") for line in lines)
    return [ion.load(io.BytesIO(line)) for line in lines]


def test_ion_has_the_same_items_for_a_real_reader(scene: Scene) -> None:
    """Every type as the guide maps it, sets by annotation, and every digit of a number."""
    scene.dynamodb.put_item(TableName=scene.name, Item=ALL_TYPES)
    scene.put("another", v="1")
    written = scene.export(ExportFormat="ION")
    expected = {item["pk"]["S"]: _plain({"M": item}) for item in scene.export().items()}

    assert all(file["dataFileS3Key"].endswith(".ion.gz") for file in written.files)
    assert written.summary["outputFormat"] == "ION"
    rows = [row["Item"] for row in _ion_rows(written)]
    assert {str(row["pk"]): _from_ion(row) for row in rows} == expected
    (found,) = [row for row in rows if str(row["pk"]) == "all types"]
    assert found["number"].ion_type.name == "DECIMAL"
    assert str(found["number"]) == "12345678901234567890123456789012345678"


def test_ion_of_an_incremental_export_has_the_same_changes(scene: Scene) -> None:
    """Keys, images and times, in the struct `Record`."""
    scene.put("deleted", v="old")
    start = wait_for_second()
    scene.delete("deleted")
    scene.put("inserted", v="new")
    end = wait_for_second(start + LEAST_SECONDS - 1)
    written = scene.export(ExportFormat="ION", **window(start, end))
    expected = changes_of(scene.export(**window(start, end))).rows

    records = {str(row["Record"]["Keys"]["pk"]): row["Record"] for row in _ion_rows(written)}
    assert records.keys() == expected.keys()
    for key, record in records.items():
        row = expected[key]
        assert str(record["Metadata"]["WriteTimestampMicros"]) == row["Metadata"]["WriteTimestampMicros"]["N"]
        images = {name: _from_ion(image) for name, image in record.items() if name != "Metadata"}
        assert images == {name: _plain({"M": row[name]}) for name in row if name != "Metadata"}


def test_times_outside_the_window_are_rejected(scene: Scene) -> None:
    """Before PITR was enabled, in the future, too short and too long a period."""
    now = wait_for_second(wait_for_second() + LEAST_SECONDS)
    start = scene.dynamodb.export_table_to_point_in_time
    common = {"TableArn": scene.arn, "S3Bucket": scene.name}
    invalid = "InvalidExportTimeException: Export Time is invalid"

    assert refusal(start, **common, ExportTime=now - 3600) == invalid
    assert refusal(start, **common, ExportTime=now + 60) == invalid
    assert refusal(start, **common, **window(now - 3600, now)) == invalid
    assert refusal(start, **common, **window(now - LEAST_SECONDS, now + 60)) == invalid
    difference = "InvalidExportTimeException: Difference between export period"
    assert refusal(start, **common, **window(now - LEAST_SECONDS + 1, now)).startswith(difference)
    assert refusal(start, **common, **window(now - 86_401, now)).startswith(difference)
    assert scene.objects() == []


def test_table_without_recovery_cannot_be_exported(scene: Scene) -> None:
    """PITR off, unknown table; PITR on again has a new earliest time."""
    start = scene.dynamodb.export_table_to_point_in_time

    def recover(enabled: bool) -> None:
        scene.dynamodb.update_continuous_backups(
            TableName=scene.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        )

    known = wait_for_second()
    wait_for_second()
    scene.export(ExportTime=known)
    recover(False)
    off = refusal(start, TableArn=scene.arn, S3Bucket=scene.name)
    recover(True)
    again = refusal(start, TableArn=scene.arn, S3Bucket=scene.name, ExportTime=known)
    unknown = refusal(start, TableArn=f"{scene.arn}x", S3Bucket=scene.name)

    assert off == (
        "PointInTimeRecoveryUnavailableException: "
        f"Point in time recovery is not enabled for table '{scene.name}'"
    )
    assert again == "InvalidExportTimeException: Export Time is invalid"
    assert unknown == f"TableNotFoundException: Table not found: {scene.arn}x"


def test_new_table_of_the_same_name_has_no_history(scene: Scene) -> None:
    """The old table's items are in no export of the new one."""
    scene.put("old")
    known = wait_for_second()
    scene.dynamodb.delete_table(TableName=scene.name)
    exports.make_table(scene.dynamodb, scene.name)
    scene.put("new")

    common = {"TableArn": scene.arn, "S3Bucket": scene.name}
    rejected = refusal(scene.dynamodb.export_table_to_point_in_time, **common, ExportTime=known)
    assert rejected.startswith("InvalidExportTimeException")
    assert [item["pk"]["S"] for item in scene.export().items()] == ["new"]


def test_continuous_backups_describe_the_window(scene: Scene) -> None:
    """The earliest time is when PITR was enabled and stays; the days are those of the request."""

    def recovery(**changed: Any) -> Item:
        if changed:
            scene.dynamodb.update_continuous_backups(
                TableName=scene.name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, **changed},
            )
        described = scene.dynamodb.describe_continuous_backups(TableName=scene.name)
        found: Item = described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return found

    first = recovery()
    wait_for_second(wait_for_second())
    second = recovery(RecoveryPeriodInDays=7)
    assert (first["RecoveryPeriodInDays"], second["RecoveryPeriodInDays"]) == (35, 7)
    assert first["EarliestRestorableDateTime"] == second["EarliestRestorableDateTime"]
    assert second["EarliestRestorableDateTime"] < second["LatestRestorableDateTime"]
    with pytest.raises(ClientError, match="RecoveryPeriodInDays must be between 1 and 35"):
        recovery(RecoveryPeriodInDays=36)


def test_invalid_parameters_are_rejected_by_name(scene: Scene) -> None:
    """Each with a ValidationException; no export starts."""
    start = scene.dynamodb.export_table_to_point_in_time
    for parameters in (
        {"ExportFormat": "CSV"},
        {"ExportType": "DIFFERENTIAL"},
        {"S3SseAlgorithm": "DES"},
        {"S3Prefix": ""},
        {"S3BucketOwner": "1"},
        {"ClientToken": ""},
        {"S3SseKmsKeyId": "key"},
        {"ExportType": "INCREMENTAL_EXPORT"},
        {"IncrementalExportSpecification": {"ExportFromTime": 1}},
        window(1, 2, ExportViewType="OLD_IMAGE"),
        {"FilterSpecification": {"FilterExpression": "a = b"}},
    ):
        asked = {"TableArn": scene.arn, "S3Bucket": scene.name, **parameters}
        assert refusal(start, **asked).startswith("ValidationException: "), parameters
    assert scene.dynamodb.list_exports(TableArn=scene.arn)["ExportSummaries"] == []


def test_client_token_starts_one_export(scene: Scene) -> None:
    """The same request returns the same export, another one with the token is a conflict."""
    start = scene.dynamodb.export_table_to_point_in_time
    common = {"TableArn": scene.arn, "S3Bucket": scene.name, "ClientToken": scene.name}
    first, again = start(**common), start(**common)

    assert first["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
    assert first["ExportDescription"]["ExportArn"] == again["ExportDescription"]["ExportArn"]
    conflict = refusal(start, **common, S3Prefix="another")
    assert conflict == "ExportConflictException: Duplicate request detected"
    exports.ended(scene.dynamodb, first)
    assert len(scene.dynamodb.list_exports(TableArn=scene.arn)["ExportSummaries"]) == 1


def test_exports_are_listed_in_pages(scene: Scene) -> None:
    """In reverse order of their ARNs, with their status and type."""
    arns = [scene.export().description["ExportArn"] for _ in range(3)]
    first = scene.dynamodb.list_exports(TableArn=scene.arn, MaxResults=2)
    second = scene.dynamodb.list_exports(TableArn=scene.arn, NextToken=first["NextToken"])

    found = first["ExportSummaries"] + second["ExportSummaries"]
    assert [one["ExportArn"] for one in found] == sorted(arns, reverse=True)
    assert {(one["ExportStatus"], one["ExportType"]) for one in found} == {("COMPLETED", "FULL_EXPORT")}
    assert "NextToken" not in second
    describe = scene.dynamodb.describe_export
    assert refusal(describe, ExportArn=f"{arns[0]}x").startswith("ExportNotFoundException")
    assert refusal(describe, ExportArn=scene.arn) == "ValidationException: Invalid Export ARN"


def test_completed_export_has_all_objects(scene: Scene) -> None:
    """Before its status is COMPLETED the summary may be missing, afterwards nothing is."""
    for number in range(50):
        scene.put(str(number), v="x" * 1000)
    started = scene.dynamodb.export_table_to_point_in_time(TableArn=scene.arn, S3Bucket=scene.name)
    arn = started["ExportDescription"]["ExportArn"]
    seen: list[tuple[str, int]] = []

    def completed() -> bool:
        status = scene.dynamodb.describe_export(ExportArn=arn)["ExportDescription"]["ExportStatus"]
        seen.append((status, len(scene.objects())))
        return bool(status == "COMPLETED")

    wait_until(completed, "the end of the export", pause=0.0)
    (total,) = {objects for status, objects in seen if status == "COMPLETED"}
    assert total == len(scene.objects()) == 10


def test_composite_keys_are_whole_in_an_incremental_export(emulator: Sandbox, unique: str) -> None:
    """`Keys` has both attributes, and items with the same partition key are in the same file."""
    session = emulator.session("producer")
    dynamodb, s3 = session.client("dynamodb"), session.client("s3")
    s3.create_bucket(Bucket=unique)
    arn = exports.make_table(dynamodb, unique, sort=True)
    start = wait_for_second()
    for number in range(5):
        dynamodb.put_item(TableName=unique, Item={"pk": {"S": "a"}, "sk": {"N": str(number)}})
    dynamodb.delete_item(TableName=unique, Key={"pk": {"S": "a"}, "sk": {"N": "0"}})
    end = wait_for_second(start + LEAST_SECONDS - 1)
    written = Written(s3, unique, exports.export(dynamodb, arn, unique, **window(start, end)))

    assert sorted(row["Keys"]["sk"]["N"] for row in written.rows()) == ["1", "2", "3", "4"]
    assert sorted(file["itemCount"] for file in written.files) == [0, 0, 0, 0, 4]
