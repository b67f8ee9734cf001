"""The deployed backfill job on Spark: its objects are those of the local engine, however often it runs.

A real export of the sandbox, made with the deployed export role, is converted by the deployed job: its
definition from Glue, its code and wheels from S3, its role's credentials.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from repair.backfill import Source, objects_of_file, source_of
from repair.exports.manifest import Manifest, read_manifest
from repair.exports.records import KeySchema, items
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from scripts.core.backfilling import glue_job
from tests.sandbox import exports
from tests.sandbox.roles import client_as, refused_roles
from tests.sandbox.waiting import wait_until
from tests.spark.deployed import DeployedJob
from tests.unit.repair.exports import ITEM
from transform_lambda.flatten import RowSettings

TABLE, SCHEMA = "orders", (("pk", "S"),)
SETTINGS = RowSettings(max_depth=5, exclude=frozenset({"secret"}), keep_images=True)
ITEMS = 400


@dataclass
class Exported:
    """A completed export in the sandbox's export bucket, and the lake that it is converted into."""

    sandbox: Sandbox
    key: str  # of manifest-summary.json

    @property
    def s3(self) -> Any:
        """The lake's account."""
        return self.sandbox.session("consumer").client("s3")

    @property
    def bucket(self) -> str:
        """The export bucket."""
        return self.sandbox.outputs["ExportBucketName"]

    def read(self, key: str) -> bytes | None:
        """The bytes of an object of the export; None if it does not exist."""
        try:
            body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None
        return body

    @property
    def manifest(self) -> Manifest:
        """Both manifests."""
        return read_manifest(self.key, self.read)

    @property
    def source(self) -> Source:
        """The origin of the rows."""
        return source_of(self.manifest, SETTINGS)

    def arguments(self, schema: KeySchema = SCHEMA) -> dict[str, Any]:
        """The arguments of a run, as the verb passes them."""
        lake = self.sandbox.outputs["LakeBucketName"]
        written = glue_job.arguments(self.manifest, schema, self.source, lake)
        return {name.removeprefix("--").replace("-", "_"): value for name, value in written.items()}

    def local(self) -> dict[str, bytes]:
        """The objects that the local engine writes for this export."""
        return {
            part.key: part.body
            for file in self.manifest.files
            for part in objects_of_file(
                items(io.BytesIO(self.read(file.key) or b""), file, self.manifest, SCHEMA), file, self.source
            )
        }

    def written(self) -> dict[str, bytes]:
        """The objects of this export in the lake."""
        lake = self.sandbox.outputs["LakeBucketName"]
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=lake, Prefix=self.source.objects_prefix
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=lake, Key=key)["Body"].read() for key in keys}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The lake's stack and both option stacks, and a table in the other account. No stream: exports only."""
    with Sandbox(speed=20) as running:
        table = {"export": [f"SourceTableName={TABLE}"]}
        running.launch(plan_launches("consumer", "backfill", "export", parameters=table))
        dynamodb = running.session("producer").client("dynamodb")
        exports.make_table(dynamodb, TABLE)
        for number in range(ITEMS):
            plain = {"pk": {"S": f"item-{number:05d}"}, "n": {"N": str(number)}, "secret": {"S": "x"}}
            dynamodb.put_item(TableName=TABLE, Item=plain)
        dynamodb.put_item(TableName=TABLE, Item={**ITEM, "long": {"S": "ä" * 100_000}})
        yield running
        assert refused_roles(running) == []


@pytest.fixture
def exported(sandbox: Sandbox) -> Exported:
    """A new export of the table, requested with the export role as the verb does."""
    session, outputs = sandbox.session("producer"), sandbox.outputs
    sts = session.client("sts")
    role = sts.assume_role(RoleArn=outputs["ExportRoleArn"], RoleSessionName="test")["Credentials"]
    dynamodb = client_as(session, "dynamodb", role)
    description = exports.export(
        dynamodb,
        dynamodb.describe_table(TableName=TABLE)["Table"]["TableArn"],
        outputs["ExportBucketName"],
        S3BucketOwner=outputs["ExportBucketAccountId"],
        S3Prefix=outputs["ExportPrefix"],
        S3SseAlgorithm="KMS",
        S3SseKmsKeyId=outputs["ExportKeyArn"],
    )
    assert description["ExportStatus"] == "COMPLETED", description
    return Exported(sandbox, description["ExportManifest"])


@pytest.fixture(scope="module")
def job(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedJob]:
    """The deployed job, with one Spark session for all its runs."""
    folder = tmp_path_factory.mktemp("backfill")
    with DeployedJob(sandbox, assembly.require(), folder, "BackfillJobName") as running:
        yield running


def test_the_objects_are_byte_for_byte_those_of_the_local_engine(
    job: DeployedJob, exported: Exported
) -> None:
    """All ten types, 38 digits, a long item, and files without an item."""
    files = exported.manifest.files
    assert [file for file in files if file.items == 0]
    log = job.run(**exported.arguments())["log"]
    assert exported.written() == exported.local()
    assert len(exported.written()) == sum(1 for file in files if file.items) > 1
    assert f"{ITEMS + 1} rows written" in log
    assert "item-0" not in log


def test_a_second_run_changes_nothing(job: DeployedJob, exported: Exported) -> None:
    """It finds that every file is done."""
    job.run(**exported.arguments())
    before = exported.written()
    log = job.run(**exported.arguments())["log"]
    assert "0 rows written in 0 objects" in log
    assert exported.written() == before


def test_a_file_whose_task_died_is_written_again(job: DeployedJob, exported: Exported) -> None:
    """The same bytes under the same name, and no other file."""
    job.run(**exported.arguments())
    before = exported.written()
    lost = sorted(before)[0]
    exported.s3.delete_object(Bucket=exported.sandbox.outputs["LakeBucketName"], Key=lost)
    assert "1 objects" in job.run(**exported.arguments())["log"]
    assert exported.written() == before


def test_a_killed_process_is_continued(
    sandbox: Sandbox, exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A new process writes what is missing; the result is as if nothing had happened."""
    with DeployedJob(
        sandbox, assembly.require(), tmp_path_factory.mktemp("killed"), "BackfillJobName"
    ) as dying:
        run = threading.Thread(target=lambda: _ignoring(dying, exported.arguments()))
        run.start()
        wait_until(exported.written, "the first object", 120, pause=0.01)
        dying.kill()
        run.join(60)
    with DeployedJob(
        sandbox, assembly.require(), tmp_path_factory.mktemp("next"), "BackfillJobName"
    ) as running:
        running.run(**exported.arguments())
    assert exported.written() == exported.local()


def _ignoring(job: DeployedJob, arguments: dict[str, Any]) -> None:
    try:
        job.run(**arguments)
    except Exception:  # noqa: BLE001  the process is killed: how the run ends does not matter
        return


def test_a_truncated_file_is_named_and_nothing_is_written(job: DeployedJob, exported: Exported) -> None:
    """Every other file of the export is right."""
    file = next(file for file in exported.manifest.files if file.items)
    content = exported.read(file.key)
    assert content
    exported.s3.put_object(Bucket=exported.bucket, Key=file.key, Body=content[:-10])
    answer = job.run(may_fail=True, **exported.arguments())
    assert f"TruncatedFile: {file.key} ends in the middle of its GZIP data" in answer["error"]
    assert "Next: Copy the object again" in answer["error"]
    assert exported.written() == {}


def test_an_export_of_another_table_is_refused(job: DeployedJob, exported: Exported) -> None:
    """Its key schema differs; the message names the attribute and no value."""
    answer = job.run(may_fail=True, **exported.arguments((("pk", "N"),)))
    assert "KeySchema: " in answer["error"]
    assert "the key attribute pk is of type N in the table, and S here" in answer["error"]
    assert "item-0" not in json.dumps(answer)
    assert exported.written() == {}
