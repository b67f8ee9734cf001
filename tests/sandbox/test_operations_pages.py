"""The programs on the pages of docs/operations/, run as they are written."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.sandbox.commands import run_module
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
PAGES = REPOSITORY / "docs" / "operations"
DAY = "2026-11-19"  # of the page's example


def run_block(sandbox: Sandbox, page: str, first_line: str) -> subprocess.CompletedProcess[str]:
    """Run the block of a page that begins with this line."""
    _, found, after = (PAGES / page).read_text(encoding="utf-8").partition(f"```sh\n{first_line}\n")
    assert found
    environment = sandbox.environment()
    folders = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    return subprocess.run(
        ["bash", "-euc", f"{first_line}\n{after.partition('```')[0]}"],
        cwd=REPOSITORY,
        env={**environment, "PATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )


def test_failed_record_is_redelivered(two_accounts: Sandbox, unique: str) -> None:
    """From errors/ through the stream to a row."""
    change = {
        "eventID": unique,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "tableName": two_accounts.outputs["SourceTableName"],
        "dynamodb": {
            "ApproximateCreationDateTime": int(time.time() * 1_000_000),
            "ApproximateCreationDateTimePrecision": "MICROSECOND",
            "Keys": {"pk": {"S": unique}},
            "NewImage": {"pk": {"S": unique}},
            "SizeBytes": 20,
        },
    }
    raw = base64.b64encode(json.dumps(change).encode()).decode()
    two_accounts.session("consumer").client("s3").put_object(
        Bucket=two_accounts.outputs["LakeBucketName"],
        Key=f"errors/processing-failed/dt={DAY}/{unique}",
        Body=json.dumps({"errorCode": "code", "errorMessage": "message", "rawData": raw}) + "\n",
    )

    done = run_block(
        two_accounts, "redeliver-failed-records.md", f"export FOLDER=errors/processing-failed/dt={DAY}/"
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"1 records sent to {two_accounts.outputs['SourceStreamName']}\n"
    sql = f"SELECT change_type FROM changes WHERE change_key LIKE '%{unique}%'"
    command = ("scripts.query", "--profile", "consumer", "--output", "csv", sql)
    wait_until(lambda: '"INSERT"' in run_module(two_accounts, *command).stdout, "the redelivered row", 60)


def test_record_of_forgotten_columns_is_restored() -> None:
    """Somebody overwrote it; the version before comes back."""
    forget = ("scripts.forget_columns", "--profile", "consumer")
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches("consumer", parameters={"consumer": ["ItemColumns=prices__a"]}))
        done = run_module(sandbox, *forget, "prices__*", "--yes")
        assert done.returncode == 0, done.stderr
        glue = sandbox.session("consumer").client("glue")
        glue.update_table(
            DatabaseName="ddb_lake",
            TableInput={"Name": "forgotten_columns", "Parameters": {"forgotten": "overwritten"}},
        )
        assert run_module(sandbox, *forget, "--list").returncode != 0

        restored = run_block(sandbox, "forget-columns.md", "export VERSION=1")

        assert restored.returncode == 0, restored.stderr
        assert "prices__*" in restored.stdout + restored.stderr
