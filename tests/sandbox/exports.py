"""Exports in the sandbox: start one, wait, and read its objects with every checksum compared."""

import base64
import gzip
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.sandbox.waiting import wait_until

Item = dict[str, Any]


def wait_for_second(after: float = 0.0) -> int:
    """Wait until a whole second has begun that is at least `after` (epoch seconds); that second."""
    moment = int(max(time.time(), after)) + 1
    time.sleep(max(moment - time.time(), 0) + 0.01)
    return moment


def make_table(dynamodb: Any, name: str, *, sort: bool = False, recovery: bool = True) -> str:
    """Create a table with the key `pk` (S), with `sort` also `sk` (N), and PITR; its ARN."""
    types = {"pk": "S", **({"sk": "N"} if sort else {})}
    dynamodb.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": attribute, "KeyType": kind}
            for attribute, kind in zip(types, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in types.items()
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    if recovery:
        enabled = {"PointInTimeRecoveryEnabled": True}
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=enabled)
    return str(dynamodb.describe_table(TableName=name)["Table"]["TableArn"])


def ended(dynamodb: Any, started: Item) -> Item:
    """The description of an export at its end."""
    arn = started["ExportDescription"]["ExportArn"]

    def found() -> Item | None:
        described: Item = dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
        return None if described["ExportStatus"] == "IN_PROGRESS" else described

    description: Item = wait_until(found, f"the end of {arn}", 60, pause=0.02)
    return description


def export(dynamodb: Any, table_arn: str, bucket: str, **parameters: Any) -> Item:
    """Start an export and wait for its end; its description."""
    started = dynamodb.export_table_to_point_in_time(TableArn=table_arn, S3Bucket=bucket, **parameters)
    return ended(dynamodb, started)


def window(start: int, end: int, **more: str) -> Item:
    """The parameters of an incremental export."""
    return {
        "ExportType": "INCREMENTAL_EXPORT",
        "IncrementalExportSpecification": {"ExportFromTime": start, "ExportToTime": end, **more},
    }


def md5_base64(content: bytes) -> str:
    """The MD5 of some bytes as base64."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


@dataclass
class Written:
    """The objects of a completed export, read through its manifests."""

    s3: Any
    bucket: str
    description: Item

    def read(self, key: str) -> bytes:
        """The content of an object."""
        content: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def manifest(self, key: str) -> bytes:
        """The content of a manifest whose checksum file is right."""
        content = self.read(key)
        assert self.read(f"{key.removesuffix('.json')}.md5").decode() == md5_base64(content)
        return content

    @property
    def summary(self) -> Item:
        """The summary manifest."""
        found: Item = json.loads(self.manifest(self.description["ExportManifest"]))
        return found

    @property
    def files(self) -> list[Item]:
        """The lines of the files manifest."""
        lines = self.manifest(self.summary["manifestFilesS3Key"]).splitlines()
        return [json.loads(line) for line in lines]

    def contents(self) -> Iterator[bytes]:
        """The uncompressed data files, each with the MD5, entity tag and number of lines of the manifest."""
        for file in self.files:
            found = self.s3.get_object(Bucket=self.bucket, Key=file["dataFileS3Key"])
            content = found["Body"].read()
            lines = gzip.decompress(content)
            assert found["ETag"].strip('"') == file["etag"]
            assert md5_base64(content) == file["md5Checksum"]
            assert lines.count(b"\n") == file["itemCount"]
            yield lines

    def rows(self) -> list[Item]:
        """All lines of a DynamoDB JSON export."""
        return [json.loads(line) for content in self.contents() for line in content.splitlines()]

    def items(self) -> list[Item]:
        """All items of a full DynamoDB JSON export, sorted."""
        return sorted((row["Item"] for row in self.rows()), key=json.dumps)
