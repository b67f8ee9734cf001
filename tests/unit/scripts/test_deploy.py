"""deploy: what it refuses before anything is made, what it asks CloudFormation for, when it goes on."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import signal
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import deploy, remove
from scripts.build.wheels import host_architecture
from scripts.build.zips import Package
from scripts.core import connection
from scripts.core.artifacts import ArtifactBucket, key_of
from scripts.core.connection import Connection
from scripts.core.deployment import apply as steps
from scripts.stacks import ARTIFACTS, TEMPLATES, Artifact
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Pages, refused
from tests.unit.scripts.test_artifacts import FakeS3

TEMPLATE = """
Metadata: {DdbLake: {Kind: consumer}}
Parameters:
  ProducerAccountId: {Type: String, AllowedPattern: '[0-9]{12}'}
  LakeBucketName: {Type: String, Default: ""}
  Days: {Type: Number, Default: 7, MaxValue: 30}
  ArtifactBucketName: {Type: String}
  CatalogArtifactKey: {Type: String}
  CatalogArtifactVersion: {Type: String, Default: ""}
  FunctionArchitecture: {Type: String, Default: arm64, AllowedValues: [arm64, x86_64]}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  CatalogFunction:
    Type: AWS::Lambda::Function
    Properties: {Code: {S3Bucket: !Ref ArtifactBucketName, S3Key: !Ref CatalogArtifactKey}}
"""


class Account:
    """CloudFormation, S3 and STS of one account; stacks go straight to their end."""

    def __init__(self, account: str = "222222222222") -> None:
        self.account = account
        self.stacks: dict[str, dict[str, Any]] = {}
        self.changes = [{"Action": "Add", "LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket"}]
        self.s3 = FakeS3()
        self.changes_nothing = False
        self.calls: list[str] = []
        self.request: dict[str, Any] = {}
        self.endpoint = "https://localhost:1"
        self.settings: dict[str, str] = {}
        self.outputs = {"LakeBucketName": "lake"}
        self.templates: dict[str, str | dict[str, Any]] = {}  # of each stack, as CloudFormation keeps them
        self.change_sets: dict[str, list[dict[str, Any]]] = {}  # of each stack
        self.resources: dict[str, str] = {}  # logical id → physical id
        self.code: dict[str, str] = {}  # function → CodeSha256

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
        """Keep what is asked for; the template is what the bucket has under its address."""
        self.calls.append("create_change_set")
        self.request = request
        name = request["StackName"]
        self.stacks.setdefault(name, {"StackStatus": "REVIEW_IN_PROGRESS", "StackId": f"id of {name}"})
        made = {key: request[key] for key in ("ChangeSetName", "Description")}
        self.change_sets.setdefault(name, []).append({**made, "StackId": f"id of {name}"})
        self.templates[request["ChangeSetName"]] = request.get("TemplateBody") or self._template_at(
            request["TemplateURL"]
        )
        return {"Id": "cs"}

    def _template_at(self, address: str) -> str:
        path, _, query = address.partition("?versionId=")
        key = path.split("/", 4)[4]
        return self.s3.versions[key][query].decode()

    def get_template(self, StackName: str, ChangeSetName: str = "", **_: Any) -> dict[str, Any]:
        """Of a stack as it was launched, or of a change set."""
        return {"TemplateBody": self.templates.get(ChangeSetName or StackName, TEMPLATE)}

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        """The digest of its code."""
        return {"CodeSha256": self.code[FunctionName]}

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        """Ready at once."""
        if self.changes_nothing:
            return {"Status": "FAILED", "StatusReason": "No updates are to be performed."}
        return {
            "Status": "CREATE_COMPLETE",
            "Changes": [{"ResourceChange": change} for change in self.changes],
        }

    def delete_change_set(self, StackName: str, ChangeSetName: str) -> None:
        """Gone."""
        self.calls.append("delete_change_set")
        left = [one for one in self.change_sets[StackName] if one["ChangeSetName"] != ChangeSetName]
        self.change_sets[StackName] = left

    def delete_stack(self, StackName: str) -> None:
        """Gone."""
        self.calls.append("delete_stack")
        del self.stacks[StackName]

    def execute_change_set(self, StackName: str, **_: Any) -> None:
        """Done."""
        self.calls.append("execute_change_set")
        given = [p for p in self.request["Parameters"] if "ParameterValue" in p]
        self.templates[StackName] = self.templates[self.request["ChangeSetName"]]
        self.stacks[StackName] = {
            "StackStatus": "CREATE_COMPLETE",
            "StackId": f"id of {StackName}",
            "Parameters": given,
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
        }

    def get_paginator(self, name: str) -> Pages:
        """The stack's change sets, its resources, or its last event, once it is executed."""
        if name == "list_change_sets":
            return Pages(lambda StackName: [{"Summaries": self.change_sets.get(StackName, [])}])
        if name == "list_stack_resources":
            found = [
                {"LogicalResourceId": one, "PhysicalResourceId": other}
                for one, other in self.resources.items()
            ]
            return Pages(lambda **_: [{"StackResourceSummaries": found}])

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


PRODUCER = """
Metadata: {DdbLake: {Kind: producer}}
Parameters:
  LakeBucketName: {Type: String}
  DeliveryRoleName: {Type: String, Default: delivery}
  Days: {Type: Number, Default: 7, MaxValue: 30}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
"""


@pytest.fixture
def producer(aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Deploy a producer template of a few lines, fed by the stack `other` of the consumer account."""
    path = tmp_path / "producer.yaml"
    path.write_text(PRODUCER)
    feed(aws["consumer"])

    def run(*arguments: str) -> Ran:
        given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
        return run_verb(deploy.main, *given, "--outputs-of", "other", *arguments)

    return run


def feed(account: Account, **outputs: str) -> None:
    """The stack `other` with the outputs that a producer stack takes, and these."""
    outputs = {"LakeBucketName": "lake-of-consumer", "DeliveryRoleName": "deliverer", **outputs}
    account.stacks["other"] = {
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }


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
        (["--parameter", "ProducerAccountId=12345"], 1, "ProducerAccountId=12345 is no account id"),
        (["--parameter", "ProducerAccountId=222222222222"], 1, "is the account that this would deploy to"),
        (["--parameter", "Days=31"], 1, "Days=31: must be at most 30"),
        (["--parameter", "Days"], 2, "--parameter Days is not NAME=VALUE"),
        (["--parameter", "Days=1", "--parameter", "Days=2"], 2, "--parameter Days is given twice"),
        (["--stack-name", "1lake"], 2, "1lake is no stack name"),
        (["--outputs-profile", "producer"], 2, "no stack to read outputs of"),
        (["--outputs-of", "other"], 2, "a consumer stack takes no output of another stack"),
        (["--parameter", "CatalogArtifactVersion=v1"], 2, "is given without CatalogArtifactKey"),
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
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Read with the other profile; a value given by hand comes first; other outputs are left alone."""
    done = producer("--outputs-profile", "consumer", "--parameter", "DeliveryRoleName=mine")
    assert done.code == 0, done.err
    assert aws["producer"].parameters() == {"LakeBucketName": "lake-of-consumer", "DeliveryRoleName": "mine"}
    assert "not taken" not in done.err


def test_an_output_beyond_the_contract_is_not_taken_and_said(
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """It may have any meaning over there, and nobody here has asked for it."""
    feed(aws["consumer"], Days="9", Unasked="x")
    done = producer("--outputs-profile", "consumer")
    assert done.code == 0, done.err
    assert "Days" not in aws["producer"].parameters()
    assert "not taken from stack other: Days." in done.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "there is no stack other in account 111111111111, Region eu-west-1"),
        (["--outputs-profile", "consumer", "--outputs-region", "us-west-1"], "name one Region"),
    ],
)
def test_outputs_that_cannot_be_read_are_refused(
    producer: Callable[..., Ran], aws: dict[str, Account], arguments: list[str], why: str
) -> None:
    """Before anything is made."""
    done = producer(*arguments)
    assert (done.code, why in done.err, aws["producer"].calls) == (1, True, [])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Resources: {}", "stack other in account 222222222222, Region eu-west-1 is not a ddb-lake stack"),
        (PRODUCER, "is a ddb-lake producer stack: a producer stack takes the outputs of consumer"),
    ],
)
def test_outputs_of_a_stack_that_hands_nothing_over_are_refused(
    producer: Callable[..., Ran], aws: dict[str, Account], template: str, said: str
) -> None:
    """A stack of somebody else with an output LakeBucketName would have the changes sent to it."""
    aws["consumer"].templates["other"] = template
    done = producer("--outputs-profile", "consumer")
    assert (done.code, said in done.err, aws["producer"].calls) == (1, True, [])


def test_a_profile_that_may_only_describe_the_other_stack_is_enough(
    producer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its template is not for everybody; that it was not looked at is said."""

    def denied(**_: Any) -> None:
        raise refused("AccessDenied", operation="GetTemplate")

    monkeypatch.setattr(aws["consumer"], "get_template", denied)
    done = producer("--outputs-profile", "consumer")
    assert (done.code, "was not checked: GetTemplate is not granted there" in done.err) == (0, True)


def test_an_account_that_the_other_stack_does_not_admit_is_refused(
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Its pipeline would launch and never deliver: the lake's policies name another account."""
    feed(aws["consumer"], AdmittedAccountId="333333333333")
    done = producer("--outputs-profile", "consumer")
    assert done.code == 1
    assert "admits account 333333333333" in done.err
    assert "\nnext: Deploy with a --profile of account 333333333333" in done.err
    assert aws["producer"].calls == []


def test_outputs_that_no_parameter_asks_for_are_a_mistake(
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """A stack still being made has none: silence would launch with defaults."""
    aws["consumer"].stacks["other"] = {"StackStatus": "CREATE_IN_PROGRESS", "Outputs": []}
    done = producer("--outputs-profile", "consumer")
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
        "CatalogArtifactVersion": "v1",
        "FunctionArchitecture": "x86_64",
    }
    assert isinstance(aws["consumer"].parameters()["CatalogArtifactKey"], str)


def test_a_dry_run_changes_nothing(consumer: Callable[..., Ran], aws: dict[str, Account]) -> None:
    """The change set is made, shown and taken back with the empty stack; no bucket, no upload."""
    done = consumer("--dry-run", "--output", "json", yes=False)
    assert done.code == 0, done.err
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
    assert set(aws["consumer"].s3.names()) == {"head_bucket"}
    assert json.loads(done.out)["changes"] == [
        {"action": "Add", "resource": "Bucket", "type": "AWS::S3::Bucket", "replacement": ""}
    ]


@pytest.mark.parametrize("size", [0, 51_200], ids=["small", "large"])
@pytest.mark.parametrize("deployed", ["not", "the same", "another"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_dry_run_leaves_everything_as_it_was(
    *,
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    deployed: str,
    interrupted: bool,
) -> None:
    """Stacks, change sets and every object version, wherever it starts from and however it ends."""
    account = aws["consumer"]
    account.s3.owner = "222222222222"
    if deployed != "not":
        (tmp_path / "consumer.yaml").write_text(TEMPLATE + "#" * size)
        assert consumer().code == 0
    if deployed == "another":
        path = tmp_path / "catalog.zip"
        path.write_bytes(b"next")
        fake_build(monkeypatch, "CatalogArtifactKey", lambda *_: Package(path.name, path, 4, 4, "abc"))
    (tmp_path / "consumer.yaml").write_text(
        TEMPLATE + "#" * size + ("# next" if deployed == "another" else "")
    )

    def state() -> Any:
        return deepcopy((account.stacks, {k: v for k, v in account.s3.versions.items() if v}))

    account.change_sets.clear()
    before = state()
    if interrupted:

        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(steps, "_show_changes", interrupt)
    assert consumer("--dry-run").code == (130 if interrupted else 0)
    assert state() == before
    assert account.calls.count("create_change_set") == (1 if deployed == "not" else 2)
    assert not any(account.change_sets.values())


def test_a_large_template_goes_through_the_bucket(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """Over 51,200 bytes a request may not carry it; a dry run without a bucket shows what it has instead."""
    (tmp_path / "consumer.yaml").write_text(TEMPLATE + "#" * 51_200)
    dry = consumer("--dry-run")
    assert dry.code == 0, dry.err
    assert "bucket ddb-lake-artifacts-222222222222-eu-west-1 would be made" in dry.err
    assert aws["consumer"].calls == []
    assert consumer().code == 0
    assert "TemplateBody" not in aws["consumer"].request
    url = aws["consumer"].request["TemplateURL"]
    prefix = "https://s3.eu-west-1.amazonaws.com/ddb-lake-artifacts-222222222222-eu-west-1/"
    key, _, version = url.removeprefix(prefix).partition("?versionId=")
    kept = aws["consumer"].s3.versions[key]
    assert kept == {version: (tmp_path / "consumer.yaml").read_bytes()}


def test_a_template_that_is_swapped_under_our_key_is_not_launched(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path
) -> None:
    """Who may put objects there would otherwise have the deployer's rights: one role more in the template."""
    body = TEMPLATE + "#" * 51_200
    (tmp_path / "consumer.yaml").write_text(body)
    s3 = aws["consumer"].s3
    s3.owner = "222222222222"
    evil = body.replace("Bucket: {Type: AWS::S3::Bucket}", "Backdoor: {Type: AWS::IAM::Role}")
    s3._put_object(key_of("templates", "consumer.yaml", body.encode()), evil.encode())
    done = consumer()
    assert done.code == 0, done.err
    assert aws["consumer"].templates["ddb-lake-consumer"] == body
    assert "is not what this tree makes: uploading it again" in done.err


def test_a_template_that_is_swapped_before_cloudformation_reads_it_is_not_launched(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bucket without versions no address can tell the two apart; what the change set has read can."""
    (tmp_path / "consumer.yaml").write_text(TEMPLATE + "#" * 51_200)
    evil = TEMPLATE.replace("Bucket: {Type: AWS::S3::Bucket}", "Backdoor: {Type: AWS::IAM::Role}")
    monkeypatch.setattr(aws["consumer"], "_template_at", lambda _: evil)
    done = consumer()
    assert (done.code, "CloudFormation has read another template than" in done.err) == (1, True)
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]


def sha256(content: bytes) -> str:
    """A function's CodeSha256 with this as its zip."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize(
    ("runs", "code"), [(b"zip", 0), (b"evil", 1)], ids=["what was built", "something else"]
)
@pytest.mark.parametrize("changes", [True, False])
def test_what_a_function_runs_is_compared_with_what_was_built(
    *, consumer: Callable[..., Ran], aws: dict[str, Account], runs: bytes, code: int, changes: bool
) -> None:
    """After every deployment, one that had nothing to do included: the code may have been replaced since."""
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


def test_a_deployer_who_may_not_look_at_functions_is_told(
    consumer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launch is done; what was not checked is said."""
    aws["consumer"].resources = {"CatalogFunction": "lake-Catalog"}

    def denied(**_: Any) -> None:
        raise refused("AccessDeniedException", operation="GetFunctionConfiguration")

    monkeypatch.setattr(aws["consumer"], "get_function_configuration", denied)
    done = consumer()
    assert (done.code, "lambda:GetFunctionConfiguration is not granted" in done.err) == (0, True)


def test_an_artifact_that_is_swapped_under_our_key_does_not_run(
    consumer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """The function gets the version that was uploaded, whatever is newest under the key by then."""
    s3 = aws["consumer"].s3
    s3.owner = "222222222222"
    key = key_of("functions", "catalog.zip", b"zip")
    s3._put_object(key, b"evil")
    assert consumer().code == 0
    s3._put_object(key, b"evil later")
    assert consumer().code == 0
    given = aws["consumer"].parameters()
    assert s3.versions[key][str(given["CatalogArtifactVersion"])] == b"zip"
    assert given["CatalogArtifactVersion"] == "v2", "what runs already is ours: nothing to change"


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
        (io.StringIO("y\n"), "True", False),
        (io.StringIO("y\n"), "Conditional", False),
        (io.StringIO(""), "False", True),
        (Terminal("y\n"), "Remove", True),
    ],
    ids=["yes", "no", "enter", "closed", "nobody", "loss", "replaced", "perhaps", "changed", "yes-loss"],
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
    change = aws["consumer"].changes[0]
    change |= (
        {"Action": changed} if changed in ("Add", "Remove") else {"Action": "Modify", "Replacement": changed}
    )
    done = consumer(yes=False)
    assert (done.code == 0) == goes_on
    assert ("execute_change_set" in aws["consumer"].calls) == goes_on
    if not goes_on:
        assert "not confirmed" in done.err
        assert "the stack was not changed" in done.err.lower()
        assert (done.code, "--yes" in done.err.partition("\nnext: ")[2]) == (1, True)
        assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
        assert consumer().code == 0, "with --yes it is carried out"


@pytest.mark.parametrize("error", [KeyboardInterrupt, refused("AccessDenied", operation="PutObject")])
def test_what_ends_before_it_is_carried_out_leaves_no_change_set(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException | type[BaseException],
) -> None:
    """Ctrl-C at the question: change set and empty stack go; a refused upload ends before there is one."""

    def interrupted(*_: Any, **__: Any) -> bool:
        raise error

    where, name = (steps, "_confirm") if error is KeyboardInterrupt else (ArtifactBucket, "put")
    monkeypatch.setattr(where, name, interrupted)
    assert consumer().code != 0
    made = ["create_change_set", "delete_change_set", "delete_stack"]
    assert aws["consumer"].calls == (made if error is KeyboardInterrupt else [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_takes_its_change_set_back(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    """`kill`, or the terminal window that is closed at the question."""
    monkeypatch.setattr(steps, "_confirm", lambda *_: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as ended:
        consumer()
    assert ended.value.code == 128 + number
    assert aws["consumer"].calls == ["create_change_set", "delete_change_set", "delete_stack"]
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Resources: {}", "is not a ddb-lake stack: its template has no marker of ddb-lake"),
        ({"Resources": {}, "Metadata": {"DdbLake": "x"}}, "is not a ddb-lake stack"),
        (PRODUCER, "is a ddb-lake producer stack, and this would make it a consumer stack"),
    ],
)
@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_a_stack_of_that_name_that_is_not_ours_is_not_touched(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    template: str | dict[str, Any],
    said: str,
    status: str,
) -> None:
    """An update would delete all that it has; and no message leads on to removing it."""
    aws["consumer"].stacks["ddb-lake-consumer"] = {"StackStatus": status, "StackId": "x"}
    aws["consumer"].templates["ddb-lake-consumer"] = template
    done = consumer()
    assert (done.code, said in done.err, aws["consumer"].calls) == (1, True, [])
    assert "account 222222222222, Region eu-west-1" in done.err
    assert "scripts.remove" not in done.err
    assert aws["consumer"].s3.names() == []


@pytest.mark.parametrize(
    ("description", "template", "goes_on"),
    [
        ("python -m scripts.deploy", "", True),
        ("", TEMPLATE, True),
        ("", "Resources: {}", False),
        (None, "", True),
    ],
    ids=["a run that was killed", "by hand, from our template", "somebody else's", "empty"],
)
def test_a_stack_that_is_only_being_prepared_is_ours_by_its_change_sets(
    consumer: Callable[..., Ran],
    aws: dict[str, Account],
    description: str | None,
    template: str,
    goes_on: bool,
) -> None:
    """A stack in REVIEW_IN_PROGRESS has no template; what a killed run has left is in nobody's way."""
    account = aws["consumer"]
    account.stacks["ddb-lake-consumer"] = {"StackStatus": "REVIEW_IN_PROGRESS", "StackId": "id"}
    if description is not None:
        waiting = {"ChangeSetName": "one", "Description": description, "StackId": "id"}
        account.change_sets["ddb-lake-consumer"] = [waiting]
        account.templates["one"] = template
    done = consumer()
    assert (done.code == 0) == goes_on
    assert ("execute_change_set" in account.calls) == goes_on
    assert ("is not a ddb-lake stack: somebody else's change set waits in it" in done.err) != goes_on


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("", "has no marker of ddb-lake: no later command would know its stack"),
        ("Metadata: {DdbLake: {Kind: producer}}", "is the template of a producer stack"),
    ],
)
def test_a_template_whose_stack_nobody_would_know_is_refused(
    consumer: Callable[..., Ran], aws: dict[str, Account], tmp_path: Path, metadata: str, said: str
) -> None:
    """The copy that somebody changed must keep the marker."""
    (tmp_path / "consumer.yaml").write_text(
        TEMPLATE.replace("Metadata: {DdbLake: {Kind: consumer}}", metadata)
    )
    done = consumer()
    assert (done.code, said in done.err, aws["consumer"].calls) == (1, True, [])


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
    path.write_text("Metadata: {DdbLake: {Kind: producer}}\nResources: {}")
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
    assert aws["consumer"].parameters()["CatalogArtifactVersion"] == "", "not that of an earlier key"
    assert aws["consumer"].parameters()["ArtifactBucketName"] == "mine"
    assert aws["consumer"].s3.names() == []
    version = ("--parameter", "CatalogArtifactVersion=v7")
    assert consumer("--parameter", "CatalogArtifactKey=mine.zip", *version).code == 0
    assert aws["consumer"].parameters()["CatalogArtifactVersion"] == "v7"


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


def test_a_jobs_script_that_is_replaced_meanwhile_is_noticed(
    columnar: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Glue takes no version and reads the script at every run, so the bucket is asked once more."""
    account = aws["consumer"]
    execute = account.execute_change_set

    def swap(**request: Any) -> None:
        execute(**request)
        account.s3._put_object(str(account.parameters()["JobScriptKey"]), b"evil")

    monkeypatch.setattr(account, "execute_change_set", swap)
    done = columnar("consumer")
    assert (done.code, "is no longer what was uploaded" in done.err) == (1, True)
    monkeypatch.undo()


def test_the_readme_and_the_help_say_alike_when_a_command_asks() -> None:
    """Word for word, whatever the line breaks."""
    readme = " ".join((TEMPLATES.parent / "README.md").read_text(encoding="utf-8").replace("`", "").split())
    for verb in (deploy, remove):
        said = " ".join(verb.CONFIRMATION.split())
        assert said in " ".join(verb.options().format_help().split())
        assert said in readme
