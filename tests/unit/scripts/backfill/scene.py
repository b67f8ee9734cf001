"""A table, its exports and a lake in memory, as the clients of AWS show them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

from scripts.core.connection import Connection
from scripts.core.sides import LakeSide, Source
from tests.unit.repair.exports import EXPORT_ID, FILES, SUMMARY, TABLE_ARN, TABLE_ID, TIME, Export
from tests.unit.scripts.edge import Pages, refused

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
EXPORT_ARN = f"{TABLE_ARN}/export/{EXPORT_ID}"
LANDING, LAKE = "exports-bucket", "lake-bucket"
STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/changes"
Item = dict[str, Any]


class Bucket:
    """S3 with some buckets. `killed_after` ends the process, so to say, after that many objects were put."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {LANDING: {}, LAKE: {}}
        self.killed_after: int | None = None
        self.owners: set[str] = set()

    def put_object(self, Bucket: str, Key: str, Body: bytes, ExpectedBucketOwner: str) -> None:
        """Write an object."""
        if self.killed_after is not None:
            if self.killed_after == 0:
                raise KeyboardInterrupt
            self.killed_after -= 1
        self.owners.add(ExpectedBucketOwner)
        self.buckets[Bucket][Key] = Body

    def get_object(self, Bucket: str, Key: str, ExpectedBucketOwner: str, IfMatch: str | None = None) -> Item:
        """Read an object, if it is still the one with this entity tag."""
        self.owners.add(ExpectedBucketOwner)
        body = self.buckets[Bucket].get(Key)
        if body is None:
            raise refused("NoSuchKey", operation="GetObject")
        if IfMatch not in (None, _tag(body)):
            raise refused("PreconditionFailed", operation="GetObject")
        return {"Body": io.BytesIO(body)}

    def get_paginator(self, _: str) -> Pages:
        """Listings."""
        return Pages(self._listed)

    def _listed(
        self, Bucket: str, Prefix: str, ExpectedBucketOwner: str, Delimiter: str | None = None
    ) -> list[Item]:
        self.owners.add(ExpectedBucketOwner)
        found = {key: body for key, body in sorted(self.buckets[Bucket].items()) if key.startswith(Prefix)}
        if Delimiter:
            days = {key[: key.index("/", len(Prefix)) + 1] for key in found}
            return [{"CommonPrefixes": [{"Prefix": day} for day in sorted(days)]}]
        return [
            {"Contents": [{"Key": key, "ETag": _tag(body), "Size": len(body)}]} for key, body in found.items()
        ]


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


@dataclass
class Dynamo:
    """DynamoDB with the table `orders`. Its clock is a second later at each answer."""

    items: list[Item]
    bucket: Bucket
    recovery: str = "ENABLED"
    earliest: datetime = NOW - timedelta(days=10)
    stream: str = "ACTIVE"
    described: Item = field(default_factory=dict)
    exports: dict[str, Item] = field(default_factory=dict)
    requests: list[Item] = field(default_factory=list)
    fails: Item | None = None  # the description of an export that fails
    polls: int = 2  # descriptions of an export before its end
    now: datetime = NOW
    scans: int = 0
    answer_seconds: Callable[[int], int] = lambda _: 1  # by the number of the scan's page

    def _answer(self, members: Item, seconds: int = 1) -> Item:
        self.now += timedelta(seconds=seconds)
        return {
            **members,
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(self.now, usegmt=True)}},
        }

    def describe_table(self, TableName: str) -> Item:
        """The table."""
        if TableName != "orders":
            raise refused("ResourceNotFoundException", operation="DescribeTable")
        table = {
            "TableStatus": "ACTIVE",
            "TableArn": TABLE_ARN,
            "TableId": TABLE_ID,
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "ItemCount": len(self.items),
            "TableSizeBytes": 100 * len(self.items),
            **self.described,
        }
        return self._answer({"Table": table})

    def describe_continuous_backups(self, TableName: str) -> Item:
        """Point-in-time recovery."""
        del TableName
        point = {"PointInTimeRecoveryStatus": self.recovery, "EarliestRestorableDateTime": self.earliest}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": point}}

    def describe_kinesis_streaming_destination(self, TableName: str) -> Item:
        """The stream."""
        if self.stream == "DENIED":
            raise refused("AccessDeniedException", operation="DescribeKinesisStreamingDestination")
        found = [{"StreamArn": STREAM, "DestinationStatus": self.stream}] if self.stream else []
        return {"TableName": TableName, "KinesisDataStreamDestinations": found}

    def list_exports(self, TableArn: str, MaxResults: int) -> Item:
        """The exports, the newest first."""
        assert (TableArn, MaxResults) == (TABLE_ARN, 25)
        return {"ExportSummaries": list(reversed(self.exports.values()))}

    def describe_export(self, ExportArn: str) -> Item:
        """An export; it ends after some descriptions."""
        if ExportArn not in self.exports:
            raise refused("ExportNotFoundException", operation="DescribeExport")
        export = self.exports[ExportArn]
        if export["ExportStatus"] == "IN_PROGRESS":
            self.polls -= 1
            if self.polls <= 0:
                export |= self.fails or {
                    "ExportStatus": "COMPLETED",
                    "ExportManifest": SUMMARY,
                    "ItemCount": len(self.items),
                    "BilledSizeBytes": 100 * len(self.items),
                }
        return {"ExportDescription": dict(export)}

    def export_table_to_point_in_time(self, **request: Any) -> Item:
        """Start an export and write its objects."""
        self.requests.append(request)
        time = f"{request['ExportTime']:%Y-%m-%dT%H:%M:%S}.000Z"
        export = self.add_export(
            self.write_export(request["S3Bucket"], exportTime=time),
            ExportStatus="IN_PROGRESS",
            ExportTime=request["ExportTime"],
            S3Bucket=request["S3Bucket"],
            S3Prefix=request["S3Prefix"],
        )
        return {"ExportDescription": dict(export)}

    def write_export(self, bucket: str, **members: Any) -> str:
        """Write the objects of an export of the items, in three files; returns its ARN."""
        half = len(self.items) // 2
        texts = [
            b"".join(json.dumps({"Item": item}).encode() + b"\n" for item in items)
            for items in (self.items[:half], [], self.items[half:])
        ]
        self.bucket.buckets[bucket] |= Export.of(texts, **members).objects
        return EXPORT_ARN

    def add_export(self, arn: str, **members: Any) -> Item:
        """Describe an export."""
        self.exports[arn] = {
            "ExportArn": arn,
            "ExportStatus": "COMPLETED",
            "ExportManifest": SUMMARY,
            "ExportTime": datetime.fromisoformat(TIME),
            "S3Bucket": LANDING,
            "S3Prefix": "exports",
            "ItemCount": len(self.items),
            "BilledSizeBytes": 100 * len(self.items),
            **members,
        }
        return self.exports[arn]

    def scan(self, **request: Any) -> Item:
        """A page of at most `Limit` items of a segment."""
        self.scans += 1
        assert request["ConsistentRead"] is True
        segment, segments = request.get("Segment", 0), request.get("TotalSegments", 1)
        mine = self.items[segment::segments]
        start = request.get("ExclusiveStartKey", {"at": 0})["at"]
        end = start + request["Limit"]
        more = {"LastEvaluatedKey": {"at": end}} if end < len(mine) else {}
        page = {"Items": mine[start:end], "ConsumedCapacity": {"CapacityUnits": 2.0}, **more}
        return self._answer(page, self.answer_seconds(self.scans))


class Glue:
    """The table `changes`, and the option stack's job, which `work` stands for."""

    def __init__(self, first_day: str = "2026-01-01") -> None:
        self.first_day = first_day
        self.runs: list[Item] = []
        self.started: list[Item] = []
        self.ends = {"JobRunState": "SUCCEEDED"}
        self.work: Callable[[], None] = lambda: None

    def get_table(self, DatabaseName: str, Name: str) -> Item:
        """`changes` as the stack declares it."""
        assert (DatabaseName, Name) == ("ddb_lake", "changes")
        return {"Table": {"Parameters": {"projection.dt.range": f"{self.first_day},NOW+1DAY"}}}

    def get_job_runs(self, JobName: str) -> Item:
        """The runs."""
        assert JobName == "backfill-job"
        return {"JobRuns": self.runs}

    def start_job_run(self, JobName: str, Arguments: dict[str, str]) -> Item:
        """Start a run."""
        self.started.append({"JobName": JobName, **Arguments})
        self.runs.append({"Id": "jr_1", "JobRunState": "RUNNING", "Arguments": Arguments})
        return {"JobRunId": "jr_1"}

    def get_job_run(self, JobName: str, RunId: str) -> Item:
        """The run: it ends at the second look."""
        run = next(run for run in self.runs if run["Id"] == RunId)
        answer = {"JobRun": dict(run), "JobName": JobName}
        if run["JobRunState"] == "RUNNING":
            self.work()
            run |= self.ends
        return answer


@dataclass
class Scene:
    """Everything that a run of the verb touches."""

    bucket: Bucket
    dynamodb: Dynamo
    glue: Glue
    first_changes: dict[str, str]  # day: change_time of the table's first change
    stacks: dict[str, dict[str, dict[str, str]]]  # account: stack: outputs
    roles: list[str] = field(default_factory=list)

    def sides(self) -> tuple[Source, LakeSide]:
        """The sides that the verb finds."""
        source = {
            "SourceTableName": "orders",
            "FlattenMaxDepth": "32",
            "KeepImages": "false",
            "SourceStreamArn": STREAM,
            "EnableStreamingCommand": "aws dynamodb enable-kinesis-streaming-destination",
        }
        lake = {
            "LakeBucketName": LAKE,
            "DatabaseName": "ddb_lake",
            "WorkgroupName": "ddb-lake",
            "ConsumerAccountId": "222222222222",
            "RepairRoleArn": "arn:aws:iam::222222222222:role/repair",
        }
        clients = {"s3": self.bucket, "glue": self.glue}
        return (
            Source(self._connection("111111111111", "producer"), "ddb-lake-producer", source),
            LakeSide(self._connection("222222222222", "consumer"), "ddb-lake-consumer", lake, clients),
        )

    def _connection(self, account: str, profile: str) -> Connection:
        return cast("Connection", _Connection(self, account, profile))

    def lines(self) -> list[Item]:
        """The rows of the lake."""
        return [
            json.loads(line)
            for _, body in sorted(self.bucket.buckets[LAKE].items())
            for line in gzip.decompress(body).splitlines()
        ]


class _Connection:
    """A connection to one account of the scene."""

    region, endpoint = "eu-west-1", None

    def __init__(self, scene: Scene, account: str, profile: str) -> None:
        self._scene, self.account, self.profile = scene, account, profile
        self.location = f" --profile {profile}"
        self.session = type("Session", (), {"profile_name": profile})

    def client(self, service: str) -> Any:
        """A client."""
        scene = self._scene
        stacks = _Formation(scene.stacks[self.account])
        return {"dynamodb": scene.dynamodb, "s3": scene.bucket, "glue": scene.glue, "cloudformation": stacks}[
            service
        ]


class _Formation:
    """CloudFormation with some stacks."""

    def __init__(self, stacks: dict[str, dict[str, str]]) -> None:
        self._stacks = stacks

    def describe_stacks(self, StackName: str) -> Item:
        """A stack."""
        if StackName not in self._stacks:
            raise refused("ValidationError", f"Stack {StackName} does not exist", "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": text} for key, text in self._stacks[StackName].items()]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


def made(items: list[Item]) -> Scene:
    """A scene with both option stacks, and no export."""
    bucket = Bucket()
    backfill = {
        "ExportBucketName": LANDING,
        "ExportBucketAccountId": "222222222222",
        "ExportKeyArn": "arn:aws:kms:eu-west-1:222222222222:key/1",
        "ExportPrefix": "exports",
        "BackfillJobName": "backfill-job",
    }
    export = {"ExportRoleArn": "arn:aws:iam::111111111111:role/ddb-lake-export"}
    stacks = {
        "111111111111": {"ddb-lake-export": export},
        "222222222222": {"ddb-lake-backfill": backfill},
    }
    return Scene(bucket, Dynamo(items, bucket), Glue(), {}, stacks)


__all__ = ["EXPORT_ARN", "FILES", "LAKE", "LANDING", "NOW", "Scene", "made"]
