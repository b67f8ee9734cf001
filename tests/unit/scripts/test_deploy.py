"""deploy: what it refuses before anything is made, what it asks CloudFormation for, when it goes on."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import deploy
from scripts.build.wheels import host_architecture
from scripts.build.zips import Package
from scripts.core import connection
from scripts.core.artifacts import ArtifactBucket
from scripts.core.connection import Connection
from scripts.core.deployment import apply as steps
from scripts.stacks import ARTIFACTS, Artifact
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Pages, refused
from tests.unit.scripts.test_artifacts import FakeS3

TEMPLATE = """
Parameters:
  ProducerAccountId: {Type: String, AllowedPattern: '[0-9]{12}'}
  LakeBucketName: {Type: String, Default: ""}
  Days: {Type: Number, Default: 7, MaxValue: 30}
  ArtifactBucketName: {Type: String}
  CatalogArtifactKey: {Type: String}
  FunctionArchitecture: {Type: String, Default: arm64, AllowedValues: [arm64, x86_64]}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
"""


class Account:
    """CloudFormation, S3 and STS of one account; stacks go straight to their end."""

    def __init__(self, account: str = "222222222222") -> None:
        self.account = account
        self.stacks: dict[str, dict[str, Any]] = {}
        self.changes = [{"Action": "Add", "LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket"}]
        self.s3 = FakeS3()
        self.calls: list[str] = []
        self.request: dict[str, Any] = {}
        self.endpoint = "https://localhost:1"
        self.settings: dict[str, str] = {}
        self.outputs = {"LakeBucketName": "lake"}

    def client(self, service: str) -> Any:
        """One client for everything but S3."""
        if service == "s3":
            return self.s3
        self.meta = SimpleNamespace(endpoint_url=self.endpoint, region_name="eu-west-1")
        return self

    def get_caller_identity(self) -> dict[str, str]:
        """Who we are."""
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:root"}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        """The stack, if there is one."""
        if StackName not in self.stacks:
            raise refused("ValidationError", "does not exist")
        return {"Stacks": [self.stacks[StackName]]}

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        """Keep what is asked for."""
        self.calls.append("create_change_set")
        self.request = request
        return {"Id": "cs"}

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        """Ready at once."""
        return {
            "Status": "CREATE_COMPLETE",
            "Changes": [{"ResourceChange": change} for change in self.changes],
        }

    def delete_change_set(self, **_: Any) -> None:
        """Gone."""
        self.calls.append("delete_change_set")

    def delete_stack(self, **_: Any) -> None:
        """Gone."""
        self.calls.append("delete_stack")

    def execute_change_set(self, StackName: str, **_: Any) -> None:
        """Done."""
        self.calls.append("execute_change_set")
        given = [p for p in self.request["Parameters"] if "ParameterValue" in p]
        self.stacks[StackName] = {
            "StackStatus": "CREATE_COMPLETE",
            "Parameters": given,
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
        }

    def get_paginator(self, _: str) -> Pages:
        """The stack's last event, once it is executed."""

        def events(StackName: str) -> list[dict[str, Any]]:
            executed = self.calls.count("execute_change_set")
            if not executed:
                return []
            event = {
                "EventId": str(executed),
                "StackId": "x",
                "PhysicalResourceId": "x",
                "ResourceStatus": "CREATE_COMPLETE",
            }
            event |= {"LogicalResourceId": StackName, "ResourceType": "AWS::CloudFormation::Stack"}
            return [{"StackEvents": [event | {"Timestamp": datetime(2026, 11, 20, tzinfo=UTC)}]}]

        return Pages(events)

    def parameters(self) -> dict[str, str | bool]:
        """What the change set gives each parameter; True where the stack keeps its own."""
        return {
            p["ParameterKey"]: p.get("ParameterValue", p.get("UsePreviousValue"))
            for p in self.request["Parameters"]
        }


def fake_build(monkeypatch: pytest.MonkeyPatch, parameter: str, build: Callable[..., Package]) -> None:
    """Have the artifact of a parameter built by something else."""
    monkeypatch.setitem(ARTIFACTS, parameter, replace(ARTIFACTS[parameter], build=build))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Account]:
    """Two profiles, consumer and producer; the zips are built of nothing."""
    accounts = {"consumer": Account(), "producer": Account("111111111111")}

    def session(profile: str | None, region: str | None) -> SimpleNamespace:
        return SimpleNamespace(region_name=region or "eu-west-1", profile=profile)

    def build(name: str) -> Package:
        path = tmp_path / name
        path.write_bytes(b"zip")
        return Package(name, path, 3, 3, "abc")

    monkeypatch.setattr(connection, "open_session", session)
    monkeypatch.setattr(
        connection, "open_client", lambda opened, service, _: accounts[opened.profile].client(service)
    )
    monkeypatch.setattr(
        Connection,
        "profile_setting",
        lambda self, name: accounts[self.session.profile].settings.get(name),
    )
    fake_build(monkeypatch, "CatalogArtifactKey", lambda *_: build("catalog.zip"))
    fake_build(monkeypatch, "TransformArtifactKey", lambda wanted, *_: build(wanted.zip_name))
    return accounts


@pytest.fixture
def consumer(aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Deploy a consumer template of a few lines."""
    path = tmp_path / "consumer.yaml"
    path.write_text(TEMPLATE)

    def run(*arguments: str, yes: bool = True) -> Ran:
        given = ["consumer", "--profile", "consumer", "--template", str(path), *(["--yes"] if yes else [])]
        if not any(argument.startswith("ProducerAccountId=") for argument in arguments):
            given += ["--parameter", "ProducerAccountId=111111111111"]
        return run_verb(deploy.main, *given, *arguments)

    return run


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
        (["--parameter", "ProducerAccountId=12345"], 1, "ProducerAccountId=12345 is no account id"),
        (["--parameter", "ProducerAccountId=222222222222"], 1, "is the account that this would deploy to"),
        (["--parameter", "Days=31"], 1, "Days=31: must be at most 30"),
        (["--parameter", "Days"], 2, "--parameter Days is not NAME=VALUE"),
        (["--parameter", "Days=1", "--parameter", "Days=2"], 2, "--parameter Days is given twice"),
        (["--stack-name", "1lake"], 2, "1lake is no stack name"),
        (["--outputs-profile", "producer"], 2, "no stack to read outputs of"),
        (["--outputs-of", "other"], 1, "there is no stack other in account 222222222222, Region eu-west-1"),
        (["--outputs-of", "other", "--outputs-region", "us-west-1"], 1, "name one Region"),
        (["--template", "nowhere.yaml"], 1, "nowhere.yaml: No such file or directory"),
        (["--tag", "a"], 2, "--tag a is not NAME=VALUE"),
        (["--arch", "arm65"], 2, "invalid choice: 'arm65'"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_made(
    consumer: Callable[..., Ran], aws: dict[str, Account], arguments: list[str], code: int, why: str
) -> None:
    """An exit code, a message, a next step; no bucket, no change set, no stack."""
    done = consumer(*arguments)
    assert done.code == code
    assert why in done.err
    assert "\nnext: " in done.err
    assert aws["consumer"].calls == []
    assert aws["consumer"].s3.names() == []


def test_a_stack_in_rollback_complete_is_answered_with_the_way_out(
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


def test_outputs_of_another_stack_fill_parameters_of_the_same_name(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Read with the other profile; a value given by hand comes first; other outputs are left alone."""
    outputs = {"LakeBucketName": "lake-of-producer", "Days": "9", "Unasked": "x"}
    aws["producer"].stacks["other"] = {
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }
    done = consumer("--outputs-of", "other", "--outputs-profile", "producer", "--parameter", "Days=3")
    assert done.code == 0, done.err
    given = aws["consumer"].parameters()
    assert (given["LakeBucketName"], given["Days"], "Unasked" in given) == ("lake-of-producer", "3", False)


def test_an_account_that_the_other_stack_does_not_admit_is_refused(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Its pipeline would launch and never deliver: the lake's policies name another account."""
    outputs = {"LakeBucketName": "lake", "AdmittedAccountId": "333333333333"}
    aws["producer"].stacks["other"] = {
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }
    done = consumer("--outputs-of", "other", "--outputs-profile", "producer")
    assert done.code == 1
    assert "admits account 333333333333" in done.err
    assert "\nnext: Deploy with a --profile of account 333333333333" in done.err
    assert aws["consumer"].calls == []


def test_outputs_that_no_parameter_asks_for_are_a_mistake(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """A stack still being made has none: silence would launch with defaults."""
    aws["producer"].stacks["other"] = {"StackStatus": "CREATE_IN_PROGRESS", "Outputs": []}
    done = consumer("--outputs-of", "other", "--outputs-profile", "producer")
    assert (done.code, "has no output that is a parameter here" in done.err) == (1, True)


def test_an_update_keeps_what_is_not_given(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """Parameters stay as they are, the architecture too; the zip's key is always the tree's."""
    assert consumer("--arch", "x86_64", "--parameter", "Days=3").code == 0
    assert consumer("--parameter", "LakeBucketName=b").code == 0
    assert aws["consumer"].parameters() | {"CatalogArtifactKey": "", "ArtifactBucketName": ""} == {
        "ProducerAccountId": "111111111111",
        "LakeBucketName": "b",
        "Days": True,
        "ArtifactBucketName": "",
        "CatalogArtifactKey": "",
        "FunctionArchitecture": "x86_64",
    }
    assert isinstance(aws["consumer"].parameters()["CatalogArtifactKey"], str)


def test_a_dry_run_changes_nothing(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """The change set is made, shown and taken back with the empty stack; no bucket, no upload."""
    done = consumer("--dry-run", "--output", "json", yes=False)
    assert done.code == 0, done.err
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
    assert aws["consumer"].s3.names() == []
    assert json.loads(done.out)["changes"] == [
        {"action": "Add", "resource": "Bucket", "type": "AWS::S3::Bucket", "replacement": ""}
    ]


def test_a_large_template_goes_through_the_bucket(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """Over 51,200 bytes a request may not carry it; a dry run without a bucket shows what it has instead."""
    (tmp_path / "consumer.yaml").write_text(TEMPLATE + "#" * 51_200)
    dry = consumer("--dry-run")
    assert dry.code == 0, dry.err
    assert "bucket ddb-lake-artifacts-222222222222-eu-west-1 would be made" in dry.err
    assert aws["consumer"].calls == []
    aws["consumer"].s3.meta = SimpleNamespace(endpoint_url="https://s3.eu-west-1.amazonaws.com")
    assert consumer().code == 0
    assert "TemplateBody" not in aws["consumer"].request
    url = aws["consumer"].request["TemplateURL"]
    prefix = "https://s3.eu-west-1.amazonaws.com/ddb-lake-artifacts-222222222222-eu-west-1/"
    assert aws["consumer"].s3.objects[url.removeprefix(prefix)] == (tmp_path / "consumer.yaml").read_bytes()


def test_macros_need_their_capability_and_others_do_not(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """CAPABILITY_AUTO_EXPAND only for a template with a Transform."""
    (tmp_path / "consumer.yaml").write_text("Transform: AWS::LanguageExtensions\n" + TEMPLATE)
    assert consumer().code == 0
    assert aws["consumer"].request["Capabilities"] == ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def test_role_and_tags_are_passed_on(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """As given."""
    assert consumer("--role-arn", "arn:aws:iam::222222222222:role/d", "--tag", "team=a=b").code == 0
    assert aws["consumer"].request["RoleARN"] == "arn:aws:iam::222222222222:role/d"
    assert aws["consumer"].request["Tags"] == [{"Key": "team", "Value": "a=b"}]


def test_host_is_refused_where_lambda_is_the_real_one(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """A zip for this machine's Python would not import there."""
    aws["consumer"].endpoint = "https://cloudformation.eu-west-1.amazonaws.com"
    done = consumer("--arch", "host")
    assert (done.code, "does not run" in done.err) == (2, True)
    aws["consumer"].endpoint = "https://localhost:1"
    assert consumer("--arch", "host").code == 0
    assert aws["consumer"].parameters()["FunctionArchitecture"] == host_architecture()


def test_a_profile_may_say_what_its_functions_run_on(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """The sandbox's profiles do, so that a command is the same there as on AWS; --arch comes first."""
    aws["consumer"].settings["ddb_lake_arch"] = "host"
    assert consumer("--dry-run").code == 0
    assert aws["consumer"].parameters()["FunctionArchitecture"] == host_architecture()
    assert consumer("--dry-run", "--arch", "arm64").code == 0
    assert aws["consumer"].parameters()["FunctionArchitecture"] == "arm64"
    aws["consumer"].settings["ddb_lake_arch"] = "riscv"
    done = consumer("--dry-run")
    assert (done.code, "Set it to one of arm64, x86_64, host" in done.err) == (2, True)


class Terminal(io.StringIO):
    """A stdin that somebody sits at."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.mark.parametrize(
    ("stdin", "changed", "goes_on"),
    [
        (Terminal("y\n"), "Add", True),
        (Terminal("n\n"), "Add", False),
        (Terminal("\n"), "Add", False),
        (Terminal(""), "Add", False),
        (io.StringIO(""), "Add", True),
        (io.StringIO("y\n"), "Remove", False),
        (Terminal("y\n"), "Remove", True),
    ],
    ids=["yes", "no", "enter", "closed", "nobody", "nobody-loss", "yes-loss"],
)
def test_what_is_not_confirmed_is_not_done(
    *,
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    stdin: io.StringIO,
    changed: str,
    goes_on: bool,
) -> None:
    """A person is asked; where nobody sits, only what takes nothing away goes on without --yes."""
    monkeypatch.setattr("sys.stdin", stdin)
    aws["consumer"].changes[0]["Action"] = changed
    done = consumer(yes=False)
    assert (done.code == 0) == goes_on
    assert ("execute_change_set" in aws["consumer"].calls) == goes_on
    if not goes_on:
        assert "not confirmed: nothing was changed" in done.err
        assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
        assert aws["consumer"].s3.objects == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt, refused("AccessDenied", operation="PutObject")])
def test_what_ends_before_it_is_carried_out_leaves_no_change_set(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException | type[BaseException],
) -> None:
    """Ctrl-C at the question, or an upload that is refused: change set and empty stack go."""

    def interrupted(*_: Any) -> bool:
        raise error

    where, name = (steps, "_confirm") if error is KeyboardInterrupt else (ArtifactBucket, "put")
    monkeypatch.setattr(where, name, interrupted)
    assert consumer().code != 0
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]


def test_an_update_stays_with_the_users_own_artifact_bucket(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """It was named once, at the launch; no bucket of ours is made beside it."""
    aws["consumer"].s3.owner = "222222222222"  # who owns the bucket that is there
    assert consumer("--parameter", "ArtifactBucketName=mine").code == 0
    assert consumer("--parameter", "Days=3").code == 0
    assert aws["consumer"].parameters()["ArtifactBucketName"] == "mine"
    assert {request.get("Bucket") for _, request in aws["consumer"].s3.calls} == {"mine"}


def test_each_parameter_gets_the_code_it_is_named_for(
    aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function with another one's code would start, and lose its first batch."""

    def build(artifact: Artifact) -> Package:
        path = tmp_path / f"{artifact.name}.zip"
        path.write_text(artifact.name)
        return Package(path.name, path, 3, 3, "abc")

    for name, artifact in ARTIFACTS.items():
        fake_build(monkeypatch, name, lambda *_, artifact=artifact: build(artifact))
    path = tmp_path / "all.yaml"
    path.write_text(
        "Parameters:\n  ArtifactBucketName: {Type: String}\n"
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
    path.write_text("Resources: {Bucket: {Type: AWS::S3::Bucket}}")
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
def test_a_table_to_adopt_is_looked_for_before_anything_is_made(
    *,
    aws: dict[str, Account],
    tmp_path: Path,
    run_verb: Callable[..., Ran],
    answer: str | None,
    code: int,
    said: str,
) -> None:
    """A stack around a misspelt name would launch, and nothing would ever arrive."""

    def describe_table(TableName: str) -> None:
        assert TableName == "ordres"
        if answer:
            raise refused(answer)

    aws["producer"].describe_table = describe_table  # type: ignore[attr-defined]
    path = tmp_path / "producer.yaml"
    path.write_text("Parameters: {ExistingTableName: {Type: String, Default: ''}}\nResources: {}")
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
def test_a_launch_leads_on_to_what_comes_next(
    aws: dict[str, Account],
    tmp_path: Path,
    run_verb: Callable[..., Ran],
    outputs: dict[str, str],
    said: str,
) -> None:
    """An item; but what is written into an adopted table reaches nothing until its stream is turned on."""
    aws["producer"].outputs = outputs
    path = tmp_path / "producer.yaml"
    path.write_text("Resources: {}")
    given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
    assert said in run_verb(deploy.main, *given).err
    assert "next:" not in run_verb(deploy.main, *given).err


def test_a_named_zip_needs_its_bucket(consumer: Callable[..., Ran]) -> None:
    """Our bucket does not hold the user's zip."""
    done = consumer("--parameter", "CatalogArtifactKey=mine.zip")
    assert (done.code, "ArtifactBucketName has no value" in done.err) == (1, True)


def test_an_artifact_that_is_named_is_not_built(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own zip in the user's own bucket."""
    fake_build(monkeypatch, "CatalogArtifactKey", lambda *_: pytest.fail("built"))
    done = consumer("--parameter", "CatalogArtifactKey=mine.zip", "--parameter", "ArtifactBucketName=mine")
    assert done.code == 0, done.err
    assert aws["consumer"].parameters()["CatalogArtifactKey"] == "mine.zip"
    assert aws["consumer"].parameters()["ArtifactBucketName"] == "mine"
    assert aws["consumer"].s3.names() == []


OPTION = """
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


def test_an_option_takes_its_lakes_outputs_and_uploads_its_job(
    columnar: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Script and library each under a key of their own content; whom the lake admits is no matter here."""
    done = columnar("consumer")
    assert done.code == 0, done.err
    given, objects = aws["consumer"].parameters(), aws["consumer"].s3.objects
    assert given["LakeBucketName"] == "lake"
    assert given["JobScriptKey"] in objects
    assert given["JobLibraryKey"] in objects
    assert str(given["JobScriptKey"]).startswith("jobs/compact_days-")
    assert str(given["JobLibraryKey"]).startswith("jobs/compaction-")
    assert "create stack ddb-lake-columnar" in done.err


def test_an_option_for_another_accounts_lake_is_refused(
    columnar: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Its job could read nothing there."""
    done = columnar("producer")
    assert done.code == 1
    assert "holds its lake in account 222222222222, and this would deploy to 111111111111" in done.err
    assert aws["producer"].calls == []
