"""deploy: what it refuses before anything is created, and what it requests from CloudFormation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import deploy
from scripts.build.wheels import host_architecture
from scripts.build.zips import Package
from scripts.stacks import ARTIFACTS, Artifact
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import TEMPLATE, Account, fake_build
from tests.unit.scripts.edge import refused


def test_a_first_deployment_uploads_proposes_and_executes(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """The zip fills its two parameters; account and Region stand first; one document comes out."""
    done = consumer("--output", "json")
    assert done.code == 0, done.err
    assert done.err.startswith("account 222222222222, Region eu-west-1: create stack ddb-lake-consumer\n")
    assert aws["consumer"].calls == ["create_change_set", "execute_change_set"]
    (key,) = aws["consumer"].s3.objects
    assert aws["consumer"].parameters() == {
        "ProducerAccountId": "111111111111",
        "ArtifactBucketName": "ddb-lake-artifacts-222222222222-eu-west-1",
        "CatalogArtifactKey": key,
        "CatalogArtifactVersion": "v1",
        "FunctionArchitecture": "arm64",
    }
    assert aws["consumer"].request["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    document = json.loads(done.out)
    assert (document["stack"], document["account"], document["region"], document["status"]) == (
        "ddb-lake-consumer",
        "222222222222",
        "eu-west-1",
        "CREATE_COMPLETE",
    )
    assert document["outputs"] == {"LakeBucketName": "lake"}


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--parameter", "ProducerAccountID=1"], 1, "has no parameter ProducerAccountID"),
        (["--parameter", "ProducerAccountId=12345"], 1, "ProducerAccountId=12345 is not an account id"),
        (["--parameter", "ProducerAccountId=222222222222"], 1, "is the account that this command deploys to"),
        (["--parameter", "Days=31"], 1, "Days=31: must be at most 30"),
        (["--parameter", "Days"], 2, "--parameter Days is not NAME=VALUE"),
        (["--parameter", "Days=1", "--parameter", "Days=2"], 2, "--parameter Days is given twice"),
        (["--stack-name", "1lake"], 2, "1lake is not a valid stack name"),
        (["--outputs-profile", "producer"], 2, "--outputs-profile and --outputs-region need a stack"),
        (["--outputs-of", "other"], 2, "a consumer stack takes no outputs of another stack"),
        (["--parameter", "CatalogArtifactVersion=v1"], 2, "is given without CatalogArtifactKey"),
        (["--template", "nowhere.yaml"], 1, "nowhere.yaml: No such file or directory"),
        (["--tag", "a"], 2, "--tag a is not NAME=VALUE"),
        (["--arch", "arm65"], 2, "invalid choice: 'arm65'"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_created(
    consumer: Callable[..., Ran], aws: dict[str, Account], arguments: list[str], code: int, why: str
) -> None:
    """An exit code, a message, a next step; no bucket, no change set, no stack."""
    done = consumer(*arguments)
    assert done.code == code
    assert why in done.err
    assert "\nnext: " in done.err
    assert aws["consumer"].calls == []
    assert aws["consumer"].s3.names() == []


def test_a_stack_in_rollback_complete_is_refused_with_the_next_command(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Before packaging, before any call that changes something."""
    aws["consumer"].stacks["ddb-lake-consumer"] = {"StackStatus": "ROLLBACK_COMPLETE"}
    done = consumer("--output", "json")
    assert done.code == 1
    error = json.loads(done.out)["error"]
    assert "is in ROLLBACK_COMPLETE" in error["message"]
    assert "python -m scripts.remove ddb-lake-consumer --profile consumer" in error["next"]
    assert aws["consumer"].calls == []


def test_an_update_keeps_the_parameters_that_are_not_given(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Parameters stay as they are, the architecture too; the zip's key is always the tree's."""
    assert consumer("--arch", "x86_64", "--parameter", "Days=3").code == 0
    assert consumer("--parameter", "LakeBucketName=b").code == 0
    assert aws["consumer"].parameters() | {"CatalogArtifactKey": "", "ArtifactBucketName": ""} == {
        "ProducerAccountId": "111111111111",
        "LakeBucketName": "b",
        "Days": True,
        "ArtifactBucketName": "",
        "CatalogArtifactKey": "",
        "CatalogArtifactVersion": "v1",
        "FunctionArchitecture": "x86_64",
    }
    assert isinstance(aws["consumer"].parameters()["CatalogArtifactKey"], str)


def test_only_a_template_with_macros_gets_the_capability_for_them(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """CAPABILITY_AUTO_EXPAND only for a template with a Transform."""
    (tmp_path / "consumer.yaml").write_text("Transform: AWS::LanguageExtensions\n" + TEMPLATE)
    assert consumer().code == 0
    assert aws["consumer"].request["Capabilities"] == ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def test_role_and_tags_are_in_the_request(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """As given."""
    assert consumer("--role-arn", "arn:aws:iam::222222222222:role/d", "--tag", "team=a=b").code == 0
    assert aws["consumer"].request["RoleARN"] == "arn:aws:iam::222222222222:role/d"
    assert aws["consumer"].request["Tags"] == [{"Key": "team", "Value": "a=b"}]


def test_the_host_architecture_is_refused_on_aws(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """A zip for this machine's Python would not import there."""
    aws["consumer"].endpoint = "https://cloudformation.eu-west-1.amazonaws.com"
    done = consumer("--arch", "host")
    assert (done.code, "does not run" in done.err) == (2, True)
    aws["consumer"].endpoint = "https://localhost:1"
    assert consumer("--arch", "host").code == 0
    assert aws["consumer"].parameters()["FunctionArchitecture"] == host_architecture()


def test_a_profile_may_set_the_architecture(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """The sandbox's profiles do, so that a command is the same there as on AWS; --arch comes first."""
    aws["consumer"].settings["ddb_lake_arch"] = "host"
    assert consumer("--dry-run").code == 0
    assert aws["consumer"].parameters()["FunctionArchitecture"] == host_architecture()
    assert consumer("--dry-run", "--arch", "arm64").code == 0
    assert aws["consumer"].parameters()["FunctionArchitecture"] == "arm64"
    aws["consumer"].settings["ddb_lake_arch"] = "riscv"
    done = consumer("--dry-run")
    assert (done.code, "Set it to one of arm64, x86_64, host" in done.err) == (2, True)


def test_an_update_keeps_the_users_own_artifact_bucket(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """The launch named it; the command creates no bucket of its own."""
    aws["consumer"].s3.owner = "222222222222"  # who owns the bucket that is there
    assert consumer("--parameter", "ArtifactBucketName=mine").code == 0
    assert consumer("--parameter", "Days=3").code == 0
    assert aws["consumer"].parameters()["ArtifactBucketName"] == "mine"
    assert {request.get("Bucket") for _, request in aws["consumer"].s3.calls} == {"mine"}


def test_each_parameter_gets_its_own_code(
    aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function with the code of another one would start and lose its first batch."""

    def build(artifact: Artifact) -> Package:
        path = tmp_path / f"{artifact.name}.zip"
        path.write_text(artifact.name)
        return Package(path.name, path, 3, 3, "abc")

    for name, artifact in ARTIFACTS.items():
        fake_build(monkeypatch, name, lambda *_, artifact=artifact: build(artifact))
    path = tmp_path / "all.yaml"
    path.write_text(
        "Metadata: {DdbLake: {Kind: single-account}}\nParameters:\n  ArtifactBucketName: {Type: String}\n"
        + "".join(f"  {name}: {{Type: String}}\n" for name in ARTIFACTS)
        + "Resources: {Bucket: {Type: AWS::S3::Bucket}}\n"
    )
    done = run_verb(deploy.main, "single-account", "--profile", "consumer", "--template", str(path), "--yes")
    assert done.code == 0, done.err
    keys = {name: str(key) for name, key in aws["consumer"].parameters().items() if name in ARTIFACTS}
    objects = aws["consumer"].s3.objects
    assert {name: objects[key].decode() for name, key in keys.items()} == {
        name: artifact.name for name, artifact in ARTIFACTS.items()
    }
    assert {name: re.split(r"-[0-9a-f]{32}", key)[0] for name, key in keys.items()} == {
        name: f"{artifact.folder}/{artifact.name}" for name, artifact in ARTIFACTS.items()
    }


def test_a_template_without_functions_packages_nothing(
    aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is packaged follows the template's parameters, not the kind."""
    fake_build(monkeypatch, "CatalogArtifactKey", lambda *_: pytest.fail("built"))
    path = tmp_path / "plain.yaml"
    marker = "Metadata: {DdbLake: {Kind: single-account}}"
    path.write_text(f"{marker}\nResources: {{Bucket: {{Type: AWS::S3::Bucket}}}}")
    done = run_verb(deploy.main, "single-account", "--profile", "consumer", "--template", str(path), "--yes")
    assert done.code == 0, done.err
    assert aws["consumer"].s3.names() == []
    assert aws["consumer"].parameters() == {}
    assert "ddb-lake" in aws["consumer"].stacks


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (None, 0, ""),
        (
            "ResourceNotFoundException",
            1,
            "there is no table ordres in account 111111111111, Region eu-west-1",
        ),
        ("AccessDeniedException", 0, "was not checked: dynamodb:DescribeTable is not granted"),
    ],
)
def test_a_table_to_adopt_must_exist(
    *,
    aws: dict[str, Account],
    tmp_path: Path,
    run_verb: Callable[..., Ran],
    answer: str | None,
    code: int,
    said: str,
) -> None:
    """A stack with a misspelt name would launch, but no change would ever arrive."""

    def describe_table(TableName: str) -> None:
        assert TableName == "ordres"
        if answer:
            raise refused(answer)

    aws["producer"].describe_table = describe_table  # type: ignore[attr-defined]
    path = tmp_path / "producer.yaml"
    parameters = "Parameters: {ExistingTableName: {Type: String, Default: ''}}"
    path.write_text(f"Metadata: {{DdbLake: {{Kind: producer}}}}\n{parameters}\nResources: {{}}")
    given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
    done = run_verb(deploy.main, *given, "--parameter", "ExistingTableName=ordres")
    assert done.code == code
    assert said in done.err
    assert ("create_change_set" in aws["producer"].calls) == (code == 0)
    assert run_verb(deploy.main, *given).code == 0


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"SourceTableName": "orders"}, "\nnext: python -m scripts.put_items orders --profile producer\n"),
        (
            {
                "SourceTableName": "orders",
                "EnableStreamingCommand": "aws dynamodb enable-it --on orders",
            },
            "\nnext: aws dynamodb enable-it --on orders --profile producer\n",
        ),
    ],
)
def test_a_launch_ends_with_the_next_command(
    aws: dict[str, Account],
    tmp_path: Path,
    run_verb: Callable[..., Ran],
    outputs: dict[str, str],
    said: str,
) -> None:
    """An item; for an adopted table first the command that turns its stream on."""
    aws["producer"].outputs = outputs
    path = tmp_path / "producer.yaml"
    path.write_text("Metadata: {DdbLake: {Kind: producer}}\nResources: {}")
    given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
    assert said in run_verb(deploy.main, *given).err
    assert "next:" not in run_verb(deploy.main, *given).err


def test_a_named_zip_needs_its_bucket(consumer: Callable[..., Ran]) -> None:
    """Our bucket does not contain the user's zip."""
    done = consumer("--parameter", "CatalogArtifactKey=mine.zip")
    assert (done.code, "ArtifactBucketName has no value" in done.err) == (1, True)


def test_an_artifact_with_a_given_key_is_not_built(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own zip in the user's own bucket."""
    fake_build(monkeypatch, "CatalogArtifactKey", lambda *_: pytest.fail("built"))
    done = consumer("--parameter", "CatalogArtifactKey=mine.zip", "--parameter", "ArtifactBucketName=mine")
    assert done.code == 0, done.err
    assert aws["consumer"].parameters()["CatalogArtifactKey"] == "mine.zip"
    assert aws["consumer"].parameters()["CatalogArtifactVersion"] == "", "not that of an earlier key"
    assert aws["consumer"].parameters()["ArtifactBucketName"] == "mine"
    assert aws["consumer"].s3.names() == []
    version = ("--parameter", "CatalogArtifactVersion=v7")
    assert consumer("--parameter", "CatalogArtifactKey=mine.zip", *version).code == 0
    assert aws["consumer"].parameters()["CatalogArtifactVersion"] == "v7"


def test_an_update_that_adopts_a_table_ends_with_the_command_that_starts_its_stream(
    aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]
) -> None:
    """Until then no change of the table arrives; a further update repeats nothing."""
    account = aws["producer"]
    account.describe_table = lambda **_: None  # type: ignore[attr-defined]
    account.outputs = {
        "SourceTableName": "mine",
        "EnableStreamingCommand": "aws dynamodb enable-it --on mine",
    }
    path = tmp_path / "producer.yaml"
    parameters = "Parameters: {ExistingTableName: {Type: String, Default: ''}}"
    path.write_text(f"Metadata: {{DdbLake: {{Kind: producer}}}}\n{parameters}\nResources: {{}}")
    given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
    adopting = [*given, "--parameter", "ExistingTableName=mine"]
    assert run_verb(deploy.main, *given, "--parameter", "ExistingTableName=").code == 0
    said = "\nnext: aws dynamodb enable-it --on mine --profile producer\n"
    assert said in run_verb(deploy.main, *adopting).err
    assert "next:" not in run_verb(deploy.main, *adopting).err
