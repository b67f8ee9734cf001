"""deploy: an option stack, with its own outputs and its own script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import deploy
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import Account

OPTION = """
Metadata: {DdbLake: {Kind: columnar}}
Parameters:
  ArtifactBucketName: {Type: String}
  JobScriptKey: {Type: String}
  JobLibraryKey: {Type: String}
  LakeBucketName: {Type: String}
Resources:
  Job: {Type: AWS::Glue::Job}
"""


@pytest.fixture
def columnar(aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Deploy an option template of a few lines beside a lake of account 222222222222."""
    (tmp_path / "columnar.yaml").write_text(OPTION)
    outputs = {
        "LakeBucketName": "lake",
        "ConsumerAccountId": "222222222222",
        "AdmittedAccountId": "111111111111",
    }
    for account in aws.values():
        account.stacks["lake"] = {
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        }

    def run(profile: str, *arguments: str) -> Ran:
        given = ["columnar", "--profile", profile, "--template", str(tmp_path / "columnar.yaml"), "--yes"]
        return run_verb(deploy.main, *given, "--outputs-of", "lake", *arguments)

    return run


def test_an_option_stack_takes_the_outputs_of_the_lake_and_uploads_its_job(
    columnar: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Script and library get keys with a digest of their content; the admitted account is not checked."""
    done = columnar("consumer")
    assert done.code == 0, done.err
    given, objects = aws["consumer"].parameters(), aws["consumer"].s3.objects
    assert given["LakeBucketName"] == "lake"
    assert given["JobScriptKey"] in objects
    assert given["JobLibraryKey"] in objects
    assert str(given["JobScriptKey"]).startswith("jobs/compact_days-")
    assert str(given["JobLibraryKey"]).startswith("jobs/compaction-")
    assert "create stack ddb-lake-columnar" in done.err


def test_an_option_stack_in_another_account_than_the_lake_is_refused(
    columnar: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Its job could not read the lake."""
    done = columnar("producer")
    assert done.code == 1
    assert "is in account 222222222222, and this command deploys to 111111111111" in done.err
    assert aws["producer"].calls == []


def test_deploy_notices_a_job_script_that_is_replaced_during_the_deployment(
    columnar: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Glue takes no version and reads the script at every run, so the command checks the bucket again."""
    account = aws["consumer"]
    execute = account.execute_change_set

    def swap(**request: Any) -> None:
        execute(**request)
        account.s3._put_object(str(account.parameters()["JobScriptKey"]), b"evil")

    monkeypatch.setattr(account, "execute_change_set", swap)
    done = columnar("consumer")
    assert (done.code, "differs from the uploaded file" in done.err) == (1, True)
    monkeypatch.undo()
