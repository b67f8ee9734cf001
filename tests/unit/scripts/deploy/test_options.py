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
Metadata: {DdbLake: {Kind: backfill}}
Parameters:
  ArtifactBucketName: {Type: String}
  BackfillScriptKey: {Type: String}
  BackfillLibraryKey: {Type: String}
  LakeBucketName: {Type: String}
Resources:
  Job: {Type: AWS::Glue::Job}
"""


@pytest.fixture
def backfill(aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Deploy an option template of a few lines beside a lake of account 222222222222."""
    (tmp_path / "backfill.yaml").write_text(OPTION)
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
        given = ["backfill", "--profile", profile, "--template", str(tmp_path / "backfill.yaml"), "--yes"]
        return run_verb(deploy.main, *given, "--outputs-of", "lake", *arguments)

    return run


def test_an_option_stack_takes_the_outputs_of_the_lake_and_uploads_its_job(
    backfill: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Script and library get keys with a digest of their content; the admitted account is not checked."""
    done = backfill("consumer")
    assert done.code == 0, done.err
    given, objects = aws["consumer"].parameters(), aws["consumer"].s3.objects
    assert given["LakeBucketName"] == "lake"
    assert given["BackfillScriptKey"] in objects
    assert given["BackfillLibraryKey"] in objects
    assert str(given["BackfillScriptKey"]).startswith("jobs/backfill_export-")
    assert str(given["BackfillLibraryKey"]).startswith("jobs/backfill-")
    assert "create stack ddb-lake-backfill" in done.err


def test_an_option_stack_in_another_account_than_the_lake_is_refused(
    backfill: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Its job could not read the lake."""
    done = backfill("producer")
    assert done.code == 1
    assert "is in account 222222222222, and this command deploys to 111111111111" in done.err
    assert aws["producer"].calls == []


def test_deploy_notices_a_job_script_that_is_replaced_during_the_deployment(
    backfill: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Glue takes no version and reads the script at every run, so the command checks the bucket again."""
    account = aws["consumer"]
    execute = account.execute_change_set

    def swap(**request: Any) -> None:
        execute(**request)
        account.s3._put_object(str(account.parameters()["BackfillScriptKey"]), b"evil")

    monkeypatch.setattr(account, "execute_change_set", swap)
    done = backfill("consumer")
    assert (done.code, "differs from the uploaded file" in done.err) == (1, True)
    monkeypatch.undo()


BESIDE = """
Metadata: {DdbLake: {Kind: export}}
Parameters:
  ExportBucketName: {Type: String}
  SourceTableName: {Type: String}
Resources:
  Role: {Type: AWS::IAM::Role}
"""
LANDING = """
Metadata: {DdbLake: {Kind: backfill}}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
"""


def stack(account: Account, name: str, **outputs: str) -> None:
    """A complete stack with these outputs."""
    account.stacks[name] = {
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }


@pytest.fixture
def export(aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Deploy the role that exports, with the outputs of a backfill stack in the other account."""
    (tmp_path / "export.yaml").write_text(BESIDE)
    stack(aws["consumer"], "landing", ExportBucketName="exports", ExportAccountId="111111111111")
    aws["consumer"].templates["landing"] = LANDING

    def run(*arguments: str, profile: str = "producer") -> Ran:
        command = ["export", "--profile", profile, "--template", str(tmp_path / "export.yaml"), "--yes"]
        outputs = ["--outputs-of", "landing", "--outputs-profile", "consumer"]
        return run_verb(deploy.main, *command, *outputs, *arguments)

    return run


@pytest.mark.parametrize("name", ["ddb-lake-producer", "ddb-lake"])
def test_an_option_stack_also_takes_the_outputs_of_the_stack_beside_it(
    export: Callable[..., Ran], aws: dict[str, Account], name: str
) -> None:
    """The first of the default names that exists in its own account."""
    stack(aws["producer"], name, SourceTableName="orders")
    done = export()
    assert done.code == 0, done.err
    assert aws["producer"].parameters() == {"ExportBucketName": "exports", "SourceTableName": "orders"}


def test_the_stack_beside_it_can_be_named(export: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """Also when there is one of the default name, and when the table was set before."""
    stack(aws["producer"], "ddb-lake-producer", SourceTableName="orders")
    stack(aws["producer"], "second", SourceTableName="payments")
    assert export().code == 0
    assert export("--beside", "second").code == 0
    assert aws["producer"].parameters()["SourceTableName"] == "payments"


def test_an_update_keeps_what_the_stack_beside_it_had(
    export: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """The stack of the table may be gone by then."""
    stack(aws["producer"], "ddb-lake-producer", SourceTableName="orders")
    assert export().code == 0
    del aws["producer"].stacks["ddb-lake-producer"]
    assert export().code == 0
    assert aws["producer"].parameters()["SourceTableName"] is True


def test_a_missing_stack_beside_it_is_named(export: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """With the two ways out."""
    stack(aws["producer"], "ddb-lake", TransformFunctionName="f")  # of another release: it has no such output
    done = export()
    assert (done.code, aws["producer"].calls) == (1, [])
    assert "has no stack ddb-lake-producer or ddb-lake with the output SourceTableName" in done.err
    assert "--beside STACK" in done.err
    done = export("--parameter", "SourceTableName=orders")
    assert done.code == 0, done.err


def test_beside_is_for_a_stack_that_takes_such_outputs(
    backfill: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """It would have no effect."""
    done = backfill("consumer", "--beside", "ddb-lake-producer")
    assert (done.code, aws["consumer"].calls) == (2, [])
    assert "a backfill stack takes no outputs of a stack beside it" in done.err


def test_an_export_role_in_another_account_is_refused(
    export: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """The bucket admits a role of one account."""
    stack(aws["consumer"], "ddb-lake", SourceTableName="orders")
    done = export(profile="consumer")
    assert (done.code, aws["consumer"].calls) == (1, [])
    assert (
        "accepts exports from account 111111111111 only, and this command deploys to 222222222222" in done.err
    )
