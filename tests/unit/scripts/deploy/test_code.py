"""deploy: the stack runs the built code, even if somebody replaces objects in the bucket."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.core.artifacts import key_of
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import TEMPLATE, Account
from tests.unit.scripts.edge import refused


def test_a_large_template_goes_through_the_bucket(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """A request takes 51,200 bytes at most. Without a bucket, a dry run lists the template's resources."""
    (tmp_path / "consumer.yaml").write_text(TEMPLATE + "#" * 51_200)
    dry = consumer("--dry-run")
    assert dry.code == 0, dry.err
    assert "that creates bucket ddb-lake-artifacts-222222222222-eu-west-1 too" in dry.err
    assert aws["consumer"].calls == []
    assert consumer().code == 0
    assert "TemplateBody" not in aws["consumer"].request
    url = aws["consumer"].request["TemplateURL"]
    prefix = "https://s3.eu-west-1.amazonaws.com/ddb-lake-artifacts-222222222222-eu-west-1/"
    key, _, version = url.removeprefix(prefix).partition("?versionId=")
    kept = aws["consumer"].s3.versions[key]
    assert kept == {version: (tmp_path / "consumer.yaml").read_bytes()}


def test_a_template_that_is_replaced_under_our_key_is_not_launched(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """Otherwise whoever may put objects there could have the deployer create any role."""
    body = TEMPLATE + "#" * 51_200
    (tmp_path / "consumer.yaml").write_text(body)
    s3 = aws["consumer"].s3
    s3.owner = "222222222222"
    evil = body.replace("Bucket: {Type: AWS::S3::Bucket}", "Backdoor: {Type: AWS::IAM::Role}")
    s3._put_object(key_of("templates", "consumer.yaml", body.encode()), evil.encode())
    done = consumer()
    assert done.code == 0, done.err
    assert aws["consumer"].templates["ddb-lake-consumer"] == body
    assert "differs from the file built here: uploading it again" in done.err


def test_a_template_that_is_replaced_before_cloudformation_reads_it_is_not_launched(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without versions both have the same URL, so the command compares the change set's template."""
    (tmp_path / "consumer.yaml").write_text(TEMPLATE + "#" * 51_200)
    evil = TEMPLATE.replace("Bucket: {Type: AWS::S3::Bucket}", "Backdoor: {Type: AWS::IAM::Role}")
    monkeypatch.setattr(aws["consumer"], "_template_at", lambda _: evil)
    done = consumer()
    assert (done.code, "CloudFormation read a template that differs from" in done.err) == (1, True)
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]


def sha256(content: bytes) -> str:
    """A function's CodeSha256 with this as its zip."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize(
    ("runs", "code"), [(b"zip", 0), (b"evil", 1)], ids=["what was built", "something else"]
)
@pytest.mark.parametrize("changes", [True, False])
def test_the_code_of_a_function_is_compared_with_the_built_zip(
    *, consumer: Callable[..., Ran], aws: dict[str, Account], runs: bytes, code: int, changes: bool
) -> None:
    """After every deployment, also one without changes: somebody may have replaced the code."""
    account = aws["consumer"]
    account.resources = {"CatalogFunction": "lake-Catalog", "Bucket": "b"}
    account.code = {"lake-Catalog": sha256(b"zip")}
    if not changes:
        assert consumer().code == 0
        account.changes_nothing = True
    account.code = {"lake-Catalog": sha256(runs)}
    done = consumer("--output", "json")
    assert done.code == code, done.err
    if code:
        error = json.loads(done.out)["error"]
        assert error["function"] == "lake-Catalog"
        assert sha256(b"evil") in error["message"]
        assert "aws lambda update-function-code --function-name lake-Catalog --zip-file" in error["next"]
        assert "--profile consumer`" in error["next"]
    assert account.calls[-1] == ("execute_change_set" if changes else "delete_change_set")


def test_a_deployer_without_the_permission_to_read_functions_gets_a_warning(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launch succeeds; the warning names the check that was left out."""
    aws["consumer"].resources = {"CatalogFunction": "lake-Catalog"}

    def denied(**_: Any) -> None:
        raise refused("AccessDeniedException", operation="GetFunctionConfiguration")

    monkeypatch.setattr(aws["consumer"], "get_function_configuration", denied)
    done = consumer()
    assert (done.code, "lambda:GetFunctionConfiguration is not granted" in done.err) == (0, True)


def test_another_error_of_the_code_check_is_not_ignored(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a missing permission makes the check a warning. Otherwise the command would report success."""
    aws["consumer"].resources = {"CatalogFunction": "lake-Catalog"}

    def failing(**_: Any) -> None:
        raise refused("ServiceException", operation="GetFunctionConfiguration")

    monkeypatch.setattr(aws["consumer"], "get_function_configuration", failing)
    done = consumer()
    assert (done.code, "ServiceException" in done.err) == (1, True)


def test_only_functions_with_the_built_zip_are_compared(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """A changed copy of the template may have a function with the user's own code."""
    own = "  Own: {Type: AWS::Lambda::Function, Properties: {Code: {S3Bucket: mine, S3Key: own.zip}}}\n"
    (tmp_path / "consumer.yaml").write_text(TEMPLATE + own)
    aws["consumer"].resources = {"CatalogFunction": "lake-Catalog", "Own": "lake-Own"}
    aws["consumer"].code = {"lake-Catalog": sha256(b"zip"), "lake-Own": sha256(b"own")}
    done = consumer()
    assert done.code == 0, done.err


def test_an_artifact_that_is_replaced_under_our_key_does_not_run(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """The function gets the uploaded version, even if the key has a newer one."""
    s3 = aws["consumer"].s3
    s3.owner = "222222222222"
    key = key_of("functions", "catalog.zip", b"zip")
    s3._put_object(key, b"evil")
    assert consumer().code == 0
    s3._put_object(key, b"evil later")
    assert consumer().code == 0
    given = aws["consumer"].parameters()
    assert s3.versions[key][str(given["CatalogArtifactVersion"])] == b"zip"
    assert given["CatalogArtifactVersion"] == "v2", "the deployed version is ours already"
