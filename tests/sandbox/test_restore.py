"""`python -m scripts.restore` as a user runs it: from the lake into a table, and the two are compared."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from repair.objects import Row, parts
from repair.rows import snapshot
from sandbox import accounts
from sandbox.demo import _batches, _write
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from sandbox.workload import KeySchema, Workload
from scripts.core.restoring.target import SOURCE_TAG, UNFINISHED_TAG
from tests.sandbox.commands import run_module
from tests.sandbox.roles import account_root, credential_arguments, trust_policy
from tests.sandbox.waiting import wait_until
from tests.unit.transform.records import EVERY_TYPE
from transform_lambda.canonical import canonical_json
from transform_lambda.change import Change, line_of
from transform_lambda.flatten import RowSettings
from transform_lambda.values import as_sent

pytestmark = [pytest.mark.sandbox, pytest.mark.xdist_group("restore")]
ITEMS = 120
LEDGERS = (
    "12345678901234567890123456789012345678",
    "-1E-130",
    "9.9999999999999999999999999999999999999E+125",
)


class Scene:
    """A sandbox whose table has a past: a first state, and a second one later."""

    def __init__(self, sandbox: Sandbox, *, write: bool = True) -> None:
        self.sandbox = sandbox
        self.table = sandbox.outputs["SourceTableName"]
        self.client: Any = sandbox.session("producer").client("dynamodb")
        if not write:
            return
        batches = list(_batches(Workload(KeySchema(("pk", "S")), items=ITEMS)))
        for batch in batches[: len(batches) // 2]:
            _write(self.client, self.table, batch)
        self.write_every_type()
        time.sleep(0.01)
        self.first_time = now()
        self.first = self.items(self.table)
        time.sleep(0.01)
        for batch in batches[len(batches) // 2 :]:
            _write(self.client, self.table, batch)
        self.put("ledger-0", ledger={"S": "not a number any more"})
        self.client.delete_item(TableName=self.table, Key={"pk": {"S": "every-type"}})
        time.sleep(0.01)
        self.second_time = now()
        self.second = self.items(self.table)
        wait_until(lambda: run_module(sandbox, "sandbox", "check").returncode == 0, "delivery", 120, pause=1)

    def write_orders(self, items: int) -> None:
        """Put the items of the sandbox's shop, and change and delete some."""
        for batch in _batches(Workload(KeySchema(("pk", "S")), items=items)):
            _write(self.client, self.table, batch)

    def write_every_type(self) -> None:
        """Put items with all ten types and 38 digits."""
        for number, ledger in enumerate(LEDGERS):
            self.put(f"ledger-{number}", ledger={"N": ledger})
        self.client.put_item(TableName=self.table, Item=boto3_item(EVERY_TYPE) | {"pk": {"S": "every-type"}})

    def wait_for_delivery(self, both: tuple[str, ...]) -> None:
        """Wait until `reconcile` finds no difference between table and lake."""
        said: list[str] = []

        def equal() -> bool:
            done = run_module(self.sandbox, "scripts.reconcile", *both, "--read-capacity", "10000")
            said.append(done.stdout + done.stderr)
            return done.returncode == 0

        wait_until(equal, "no difference", 180, said=lambda: said[-1], pause=1)

    def put(self, key: str, **attributes: Any) -> None:
        """Put an item."""
        self.client.put_item(TableName=self.table, Item={"pk": {"S": key}} | attributes)

    def items(self, table: str) -> dict[str, bytes]:
        """Every item of a table, as its canonical text, by key."""
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        found = [item for page in pages for item in page["Items"]]
        return {str(as_sent(item["pk"])): canonical_json(item) for item in found}

    def command(self, moment: str, into: str, *options: str, table: str = "") -> list[str]:
        """The command line."""
        profiles = ("--profile", "producer", "--lake-profile", "consumer")
        return [
            "scripts.restore",
            table or self.table,
            "--as-of",
            moment,
            "--into",
            into,
            *profiles,
            *options,
        ]

    def restore(self, moment: str, into: str, *options: str, table: str = "") -> dict[str, Any]:
        """Restore, which must succeed; the JSON."""
        done = run_module(
            self.sandbox, *self.command(moment, into, "--output", "json", *options, table=table)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def refused(self, moment: str, into: str, *options: str, table: str = "") -> str:
        """Restore, which must fail; the error. No table of that name is made."""
        before = self.client.list_tables()["TableNames"]
        done = run_module(self.sandbox, *self.command(moment, into, *options, table=table))
        assert done.returncode in (1, 2), done.stdout + done.stderr
        assert self.client.list_tables()["TableNames"] == before
        return done.stderr

    def tags(self, table: str) -> dict[str, str]:
        """A table's tags."""
        arn = self.client.describe_table(TableName=table)["Table"]["TableArn"]
        return {
            tag["Key"]: tag["Value"] for tag in self.client.list_tags_of_resource(ResourceArn=arn)["Tags"]
        }


def now() -> str:
    """The time now, to the microsecond."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def boto3_item(item: dict[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB JSON with binary as bytes."""
    from scripts.put_items.values import from_typed  # noqa: PLC0415

    return {name: from_typed(value, name)[0] for name, value in item.items()}


def scene(keep_images: str) -> Iterator[Scene]:
    """The shipped stacks in two accounts."""
    with Sandbox(speed=20) as sandbox:
        sandbox.start_delivery()
        sandbox.launch(plan_launches(parameters={"producer": [f"KeepImages={keep_images}"]}))
        yield Scene(sandbox)


@pytest.fixture(scope="module")
def with_images() -> Iterator[Scene]:
    """Rows with change_image."""
    yield from scene("true")


@pytest.fixture(scope="module")
def without_images() -> Iterator[Scene]:
    """Rows without it, the default."""
    yield from scene("false")


def test_items_of_any_moment_are_restored_exactly(with_images: Scene) -> None:
    """All ten types and 38 digits: the restored table equals what the table was, at both moments."""
    assert with_images.first != with_images.second
    for moment, expected in (
        (with_images.first_time, with_images.first),
        (with_images.second_time, with_images.second),
    ):
        into = f"restored-{moment[-9:-1]}"
        plan = with_images.restore(moment, into, "--dry-run")
        assert (plan["status"], plan["exact"]["with_image"]) == ("dry run", len(expected))
        assert into not in with_images.client.list_tables()["TableNames"]
        done = with_images.restore(moment, into, "--yes")
        assert (done["status"], done["written"], done["inexact"], done["gaps"]) == (
            "restored",
            len(expected),
            0,
            0,
        )
        assert with_images.items(into) == expected
        table = with_images.client.describe_table(TableName=into)["Table"]
        assert table["SSEDescription"]["KMSMasterKeyArn"] == with_images.sandbox.outputs["ProducerKeyArn"]
        assert table["DeletionProtectionEnabled"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        backups = with_images.client.describe_continuous_backups(TableName=into)[
            "ContinuousBackupsDescription"
        ]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert set(with_images.tags(into)) == {SOURCE_TAG}
        assert "this restore, which is complete" in with_images.refused(moment, into, "--yes")
        assert with_images.items(into) == expected


def test_killed_restore_continues_where_it_stopped(with_images: Scene) -> None:
    """SIGKILL while it writes. The second run writes the rest only, and the result is exact."""
    expected, into = with_images.second, "restored-killed"
    command = with_images.command(with_images.second_time, into, "--yes", "--write-capacity", "15")
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=REPOSITORY, env=with_images.sandbox.environment()
    )
    tables = with_images.client.get_paginator("list_tables")
    wait_until(
        lambda: (
            any(into in page["TableNames"] for page in tables.paginate())
            and len(with_images.items(into)) > len(expected) // 4
        ),
        "a part of the items",
        120,
    )
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    there = len(with_images.items(into))
    assert len(expected) // 4 < there < len(expected)
    assert set(with_images.tags(into)) == {SOURCE_TAG, UNFINISHED_TAG}
    assert "another restore" in with_images.refused(with_images.first_time, into, "--yes")
    stranger = {"pk": {"S": "not of this moment"}}
    with_images.client.put_item(TableName=into, Item=stranger)
    assert "the lake changed since" in with_images.refused(with_images.second_time, into, "--yes")
    with_images.client.delete_item(TableName=into, Key=stranger)
    for key in list(with_images.items(into).values())[there:]:
        with_images.client.delete_item(TableName=into, Key={"pk": json.loads(key)["pk"]})
    there = len(with_images.items(into))
    done = with_images.restore(with_images.second_time, into, "--yes")
    assert (done["written"], done["already_there"]) == (len(expected) - there, there)
    assert with_images.items(into) == expected
    assert set(with_images.tags(into)) == {SOURCE_TAG}


def test_empty_table_is_filled_and_keeps_its_settings(with_images: Scene) -> None:
    """No tag is left, and it is not encrypted or protected by the command."""
    with_images.client.create_table(
        TableName="made-by-hand",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with_images.restore(with_images.first_time, "made-by-hand", "--yes")
    assert with_images.items("made-by-hand") == with_images.first
    table = with_images.client.describe_table(TableName="made-by-hand")["Table"]
    assert not table["DeletionProtectionEnabled"]
    assert with_images.tags("made-by-hand") == {}


def test_bad_input_is_refused_and_nothing_is_made(with_images: Scene) -> None:
    """Each with the next step."""
    refused, moment = with_images.refused, with_images.second_time
    assert "is in the future" in refused("2999-01-01T00:00:00Z", "copy", "--yes")
    assert "the lake begins at" in refused("2026-01-01T00:00:00Z", "copy", "--yes")
    assert "have other keys than id:S" in refused(moment, "copy", "--key-schema", "id:S", "--yes")
    assert "not confirmed" in refused(moment, "copy")
    assert "is not a table name" in refused(moment, "a b", "--yes")
    assert "is not empty" in refused(moment, with_images.table, "--yes")
    assert "no KMS key is known" in refused(moment, "copy", "--into-profile", "consumer", "--yes")


def test_item_older_than_the_lake_comes_from_a_backfill_only(with_images: Scene) -> None:
    """It is named until a SNAPSHOT row states what it was. Then it is restored like any other."""
    sandbox, into, table = with_images.sandbox, "restored-backfilled", "a-table-that-is-gone"
    first_time, later_time = with_images.first_time, with_images.second_time
    options = ("--key-schema", "pk:S", "--kms-key", "alias/aws/dynamodb", "--yes")
    keys = {"pk": {"S": "older"}}
    first, later = keys | {"n": {"N": "1"}}, keys | {"n": {"N": "2"}}
    s3 = sandbox.session("consumer").client("s3")
    images = RowSettings(keep_images=True)

    def write(source: str, *changes: Change) -> None:
        lines = [Row(line_of(change, images), change.change_time) for change in changes]
        for part in parts("backfill", source, lines):
            s3.put_object(Bucket=sandbox.outputs["LakeBucketName"], Key=part.key, Body=part.body)

    begin = snapshot("s", first_time, table, {"pk": {"S": "other"}}, None)
    change = snapshot("s", later_time, table, keys, later)
    write("change", begin, replace(change, change_type="MODIFY", old_image=dict(first)))
    error = with_images.refused(first_time, into, *options, table=table)
    assert "1 item may have existed at" in error
    assert '{"pk":{"S":"older"}}' in error
    write("export", snapshot("export-1", first_time, table, keys, dict(first)))
    done = with_images.restore(first_time, into, *options, table=table)
    assert (done["gaps"], done["older_items"], done["backfilled_rows"], done["written"]) == (0, 0, 2, 1)
    assert with_images.items(into) == {str(keys["pk"]): canonical_json(first)}


def test_documented_permissions_are_enough(with_images: Scene, tmp_path: Path) -> None:
    """Roles with what docs/operations/restore-a-table.md lists, and nothing else."""
    sandbox, page = with_images.sandbox, REPOSITORY / "docs" / "operations" / "restore-a-table.md"
    [line] = [each for each in page.read_text().splitlines() if "For the new table it needs" in each]
    actions = [name if ":" in name else f"dynamodb:{name}" for name in re.findall(r"`([A-Za-z:]+)`", line)]
    assert len(actions) > 5
    # the emulator checks ListTagsOfResource without the table's ARN, so only the actions are tested here
    allowed = {"Effect": "Allow", "Action": [*actions, "cloudformation:DescribeStacks"], "Resource": "*"}
    outputs = sandbox.outputs
    managed = {"producer": [], "consumer": [outputs["AnalystPolicyArn"], outputs["RepairerPolicyArn"]]}
    lines = []
    for profile, policies in managed.items():
        session: Any = sandbox.session(profile)
        iam, trust = session.client("iam"), trust_policy(account_root(accounts.PROFILES[profile]))
        role = iam.create_role(RoleName="restorer", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for policy in policies:
            iam.attach_role_policy(RoleName="restorer", PolicyArn=policy)
        if profile == "producer":
            document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
            iam.put_role_policy(RoleName="restorer", PolicyName="restore", PolicyDocument=document)
        answer = session.client("sts").assume_role(RoleArn=role, RoleSessionName="session")
        lines.append(f"[{profile}]")
        lines += [f"{name} = {value}" for name, value in credential_arguments(answer["Credentials"]).items()]
    file = tmp_path / "credentials"
    file.write_text("\n".join(lines))
    environment = {**sandbox.environment(), "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    command = with_images.command(with_images.first_time, "restored-by-role", "--yes")
    done = run_module(sandbox, *command, environment=environment)
    assert done.returncode == 0, done.stderr
    assert with_images.items("restored-by-role") == with_images.first


def test_items_without_images_are_exact_if_their_digest_matches(without_images: Scene) -> None:
    """Before any crawl, and after the table was deleted. A name with capitals needs --names."""
    scene, into = without_images, "restored-rows"
    error = scene.refused(scene.first_time, into, "--yes")
    assert "1 item would not be exact" in error
    assert "capital letters of the name" in error
    plan = scene.restore(scene.first_time, into, "--dry-run", "--inexact")
    assert (plan["inexact"], plan["exact"]["with_image"]) == (1, 0)
    done = scene.restore(scene.first_time, into, "--yes", "--names", "g_map.City")
    assert done["exact"] == {"with_image": 0, "by_digest": len(scene.first)}
    assert scene.items(into) == scene.first

    # the table is deleted: --key-schema and --kms-key replace what table and stack stated
    scene.client.update_table(TableName=scene.table, DeletionProtectionEnabled=False)
    scene.client.delete_table(TableName=scene.table)
    named = ("--key-schema", "pk:S", "--kms-key", "alias/aws/dynamodb")
    assert "Give it with --key-schema" in scene.refused(scene.second_time, "restored-again", "--yes")
    missing = ("--stack", "no-such-stack", *named, "--yes")
    assert "If the stack is gone" in scene.refused(scene.second_time, "restored-again", *missing)
    done = scene.restore(scene.second_time, "restored-again", *named, "--yes")
    assert (done["inexact"], done["written"]) == (0, len(scene.second))
    assert scene.items("restored-again") == scene.second


def test_emptied_table_is_restored_from_export_and_stream_and_reconciled() -> None:
    """Some items came by an export, others by the stream: afterwards, table and lake have no difference."""
    with Sandbox(speed=20) as sandbox:
        parameters = {"producer": ["KeepImages=true"]}
        sandbox.launch(plan_launches("consumer", "producer", "backfill", "export", parameters=parameters))
        scene = Scene(sandbox, write=False)
        stream = {"TableName": scene.table, "StreamArn": sandbox.outputs["SourceStreamArn"]}
        scene.client.disable_kinesis_streaming_destination(**stream)
        scene.write_orders(30)
        scene.write_every_type()
        scene.client.enable_kinesis_streaming_destination(**stream)
        sandbox.start_delivery()
        scene.put("new", n={"N": "1"})
        before_backfill = now()
        time.sleep(1)  # an export has a whole second as its time
        both = (scene.table, "--profile", "producer", "--lake-profile", "consumer")
        done = run_module(sandbox, "scripts.backfill", *both, "--yes")
        assert done.returncode == 0, done.stderr
        scene.put("ledger-1", ledger={"S": "changed after the backfill"})
        scene.put("newer", n={"N": "2"})
        scene.client.delete_item(TableName=scene.table, Key={"pk": {"S": "ledger-2"}})
        moment, expected = now(), scene.items(scene.table)
        time.sleep(0.01)
        for item in list(expected.values()):
            scene.client.delete_item(TableName=scene.table, Key={"pk": json.loads(item)["pk"]})
        scene.wait_for_delivery(both)

        error = scene.refused(before_backfill, "too-early", "--yes")
        assert "may have existed at" in error
        assert "or later with --as-of" in error
        restored = scene.restore(moment, scene.table, "--yes")
        assert (restored["gaps"], restored["older_items"]) == (0, 0)
        assert restored["exact"] == {"with_image": len(expected), "by_digest": 0}
        assert scene.items(scene.table) == expected
        scene.wait_for_delivery(both)  # the restored items have reached the lake
        assert scene.restore(now(), "copy", "--yes")["written"] == len(expected)
        assert scene.items("copy") == expected
