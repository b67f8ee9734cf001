"""The shipped bucket policy controls delivery: nothing arrives without its statement, everything with it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.delivery import status
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.sandbox.commands import run_module
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox

TEMPLATE = REPOSITORY / "templates" / "consumer.yaml"
STATEMENT = re.compile(r"^( +)- Sid: DeliveryRoleWritesItsObjects\n(?:\1 +.*\n)+", re.MULTILINE)


def without_statement() -> str:
    """The shipped template without the statement that allows the delivery role to write."""
    text, removed = STATEMENT.subn("", TEMPLATE.read_text())
    assert removed == 1, "the statement has moved or was renamed: adapt this test"
    return text


def delivery(sandbox: Sandbox) -> dict[str, Any]:
    """Delivery's status of the only delivery stream."""
    written = status.read(sandbox.folder) or {"streams": []}
    return next(iter(written["streams"]), {})


def check(sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    """`python -m sandbox check` as a user runs it."""
    return run_module(sandbox, "sandbox", "check", "--timeout", "60", "--output", "json")


def objects(sandbox: Sandbox) -> list[str]:
    """The keys of the lake."""
    s3 = sandbox.session("consumer").client("s3")
    listed = s3.list_objects_v2(Bucket=sandbox.outputs["LakeBucketName"])
    return [stored["Key"] for stored in listed.get("Contents", [])]


def test_delivery_fails_without_the_statement_of_the_bucket_policy_and_then_recovers(tmp_path: Path) -> None:
    """Denied and retried while the statement is missing; once it is restored, lake and table agree."""
    changed = tmp_path / "consumer.yaml"
    changed.write_text(without_statement())
    with Sandbox(speed=60.0) as sandbox:
        sandbox.start_delivery()
        stacks = plan_launches(templates={"consumer": changed})
        sandbox.launch(stacks)
        table = sandbox.session("producer").resource("dynamodb").Table(sandbox.outputs["SourceTableName"])
        with table.batch_writer() as batch:
            for number in range(300):
                batch.put_item({"pk": f"k{number}", "n": number})
        for number in range(50):
            table.delete_item(Key={"pk": f"k{number}"})

        def refused() -> bool:
            found = delivery(sandbox)
            return bool(found.get("last_error")) and found["last_error"]["code"] == "S3.AccessDenied"

        wait_until(refused, "a refused PutObject", 60)
        retries = delivery(sandbox)["retries"]
        wait_until(lambda: delivery(sandbox)["retries"] > retries + 1, "more attempts", 60)
        assert (delivery(sandbox)["delivered"], objects(sandbox)) == (0, [])

        consumer = replace(stacks[0], template=None)
        sandbox.launch([consumer])
        done = check(sandbox)
        assert done.returncode == 0, done.stdout + done.stderr
        (result,) = json.loads(done.stdout)["tables"]
        assert result["figures"]["items in the table"] == 250
        assert result["figures"]["changes in the lake"] == 350
        assert result["figures"]["keys deleted in both"] == 50
        assert (delivery(sandbox)["delivered"], delivery(sandbox)["failed"]) == (350, 0)
        assert all(key.startswith("data/dt=") for key in objects(sandbox))


def test_check_outside_a_sandbox_fails_in_one_line() -> None:
    """`python -m sandbox check` alone: one line, exit code 2."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name != "SANDBOX_STATE"
    }
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "check"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "python -m sandbox exec" in done.stderr
    assert len(done.stderr.splitlines()) == 1
