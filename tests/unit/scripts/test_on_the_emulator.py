"""The verbs over a real wire: a private emulator with CloudFormation, S3 and DynamoDB."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest

from scripts import deploy, remove
from scripts.build import zips
from scripts.build.builders import build_catalog
from scripts.build.wheels import target
from scripts.core.artifacts import key_of
from scripts.core.console import Output
from scripts.core.template import ROOT
from scripts.put_items import command
from tests.unit.scripts.conftest import Ran

pytestmark = [pytest.mark.xdist_group("scripts-emulator")]

TEMPLATE = """
Metadata: {DdbLake: {Kind: single-account}}
Parameters:
  Shards: {Type: Number, Default: 1}
  ArtifactBucketName: {Type: String}
  CatalogArtifactKey: {Type: String}
  CatalogArtifactVersion: {Type: String, Default: ""}
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Handler: catalog_lambda.handler.handler
      Role: !Sub "arn:aws:iam::${AWS::AccountId}:role/none"
      Runtime: python3.13
      Code:
        S3Bucket: !Ref ArtifactBucketName
        S3Key: !Ref CatalogArtifactKey
        S3ObjectVersion: !Ref CatalogArtifactVersion
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: year, AttributeType: N}
        - {AttributeName: title, AttributeType: S}
      KeySchema: [{AttributeName: year, KeyType: HASH}, {AttributeName: title, KeyType: RANGE}]
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: !Ref Shards}}
Outputs:
  TableName: {Value: !Ref Table}
  Zip: {Value: !Sub "${ArtifactBucketName}/${CatalogArtifactKey}"}
  FunctionName: {Value: !Ref Function}
"""
LARGE = "#" * 51_200  # what makes a template go through the bucket


EU_WEST_1: Any = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh emulator that knows account ids, on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    log = tmp_path_factory.mktemp("emulator") / "log"
    with log.open("wb") as file:
        emulator = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, stdout=file, stderr=file
        )
    url = f"http://localhost:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/_ministack/health", timeout=1).close()  # noqa: S310  our own
                break
            except OSError:
                assert emulator.poll() is None, log.read_text()
                time.sleep(0.1)
        else:
            raise AssertionError(f"the emulator does not answer: {log.read_text()}")
        yield url
    finally:
        emulator.terminate()
        emulator.wait()


@pytest.fixture
def profile(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile of an account of its own for every test, in the files a user would have."""
    account = str(abs(hash(str(tmp_path))))[:12].rjust(12, "7")
    (tmp_path / "config").write_text(
        f"[profile here]\nregion=eu-west-1\nendpoint_url={endpoint}\ns3=\n  addressing_style=path\n"
    )
    (tmp_path / "credentials").write_text(f"[here]\naws_access_key_id={account}\naws_secret_access_key=x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return "here"


@pytest.fixture
def launch(
    profile: str, tmp_path: Path, run_verb: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Deploy a template from its text as the stack `lake`."""
    monkeypatch.setattr(zips, "BUILD", tmp_path / "build")

    def run(template: str, *arguments: str) -> Ran:
        path = tmp_path / "t.yaml"
        path.write_text(template)
        given = ["single-account", "--stack-name", "lake", "--template", str(path), "--profile", profile]
        return run_verb(deploy.main, *given, "--output", "json", *arguments)

    return run


def test_a_stack_is_launched_updated_unchanged_and_removed(
    launch: Callable[..., Ran], profile: str, run_verb: Callable[..., Ran]
) -> None:
    """Create, no change, dry run, update, remove: events, outputs, and the zip where the template says."""
    first = launch(TEMPLATE, "--yes")
    assert first.code == 0, first.err
    assert "stack lake: 3 resources to create\n" in first.err
    assert "stack lake is CREATE_COMPLETE: 3 created in " in first.err
    made = json.loads(first.out)
    bucket, _, key = made["outputs"]["Zip"].partition("/")
    account = made["account"]
    s3 = boto3.Session(profile_name=profile).client("s3")
    assert bucket == f"ddb-lake-artifacts-{account}-eu-west-1"
    assert (
        s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        == build_catalog(target("arm64"), Output()).path.read_bytes()
    )
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"

    again = launch(TEMPLATE, "--yes")
    assert (again.code, "nothing to do" in again.err) == (0, True), again.err
    assert json.loads(again.out)["outputs"] == made["outputs"]

    dry = launch(TEMPLATE, "--parameter", "Shards=2", "--dry-run")
    assert [change["resource"] for change in json.loads(dry.out)["changes"]] == ["Stream"]
    assert launch(TEMPLATE).code == 0, "the dry run has changed something"

    large = launch(TEMPLATE + LARGE, "--parameter", "Shards=2", "--yes")
    assert large.code == 0, large.err
    assert "stack lake is UPDATE_COMPLETE: 1 updated in " in large.err
    assert json.loads(large.out)["status"] == "UPDATE_COMPLETE"
    stack = (
        boto3.Session(profile_name=profile)
        .client("cloudformation")
        .describe_stacks(StackName="lake")["Stacks"][0]
    )
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}["Shards"] == "2"

    gone = run_verb(remove.main, "lake", "--profile", profile, "--yes", "--output", "json")
    assert gone.code == 0, gone.err
    assert json.loads(gone.out)["status"] == "DELETE_COMPLETE"


def everything(profile: str) -> Any:
    """Every stack, change set, bucket and object version of the account."""
    session = boto3.Session(profile_name=profile)
    formation, s3 = session.client("cloudformation"), session.client("s3")
    stacks = [
        (stack["StackName"], stack["StackId"], stack["StackStatus"])
        for stack in formation.describe_stacks()["Stacks"]
    ]
    change_sets = [
        one["ChangeSetId"]
        for name, *_ in stacks
        for one in formation.list_change_sets(StackName=name)["Summaries"]
        if one["ExecutionStatus"] == "AVAILABLE"
    ]
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    versions = [
        (name, one["Key"], one["VersionId"])
        for name in buckets
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name)
        for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    ]
    return sorted(stacks), sorted(change_sets), sorted(versions), sorted(buckets)


@pytest.mark.parametrize("large", [False, True])
def test_a_dry_run_leaves_nothing_behind(launch: Callable[..., Ran], profile: str, *, large: bool) -> None:
    """In an empty account, and beside a stack and its bucket, which a large template needs for a while."""
    body = TEMPLATE + (LARGE if large else "")
    empty = everything(profile)
    assert launch(body, "--dry-run").code == 0
    assert everything(profile) == empty
    assert launch(body, "--yes").code == 0
    before = everything(profile)
    for text in (body, body + "# another text"):
        dry = launch(text, "--parameter", "Shards=2", "--dry-run")
        assert dry.code == 0, dry.err
        assert [change["resource"] for change in json.loads(dry.out)["changes"]] == ["Stream"]
        assert everything(profile) == before


def test_foreign_objects_under_our_keys_are_never_used(launch: Callable[..., Ran], profile: str) -> None:
    """Who may put objects into the artifact bucket, and has the public tree, knows every key beforehand."""
    session = boto3.Session(profile_name=profile)
    s3, functions = session.client("s3"), session.client("lambda")
    first = launch(TEMPLATE, "--yes")
    assert first.code == 0, first.err
    bucket, _, key = json.loads(first.out)["outputs"]["Zip"].partition("/")
    evil_zip = io.BytesIO()
    with zipfile.ZipFile(evil_zip, "w") as archive:
        archive.writestr("catalog_lambda/handler.py", "EVIL = 1")
    s3.put_object(Bucket=bucket, Key=key, Body=evil_zip.getvalue())
    body = TEMPLATE + LARGE
    evil = body.replace("Stream: {Type: AWS::Kinesis::Stream", "Backdoor: {Type: AWS::Kinesis::Stream")
    s3.put_object(Bucket=bucket, Key=key_of("templates", "t.yaml", body.encode()), Body=evil.encode())

    again = launch(body, "--parameter", "Shards=2", "--yes")
    assert again.code == 0, again.err
    assert "differs from the file built here: uploading it again" in again.err
    made = json.loads(again.out)
    assert [change["resource"] for change in made["changes"]] == ["Stream"]
    ours = build_catalog(target("arm64"), Output()).path.read_bytes()
    name = made["outputs"]["FunctionName"]
    digest = base64.b64encode(hashlib.sha256(ours).digest()).decode()
    assert functions.get_function_configuration(FunctionName=name)["CodeSha256"] == digest

    functions.update_function_code(FunctionName=name, ZipFile=evil_zip.getvalue())
    replaced = launch(body, "--yes")
    assert replaced.code == 1
    error = json.loads(replaced.out)["error"]
    assert f"function {name} does not run the code that was built" in error["message"]
    assert "aws lambda update-function-code" in error["next"]


def test_a_foreign_stack_is_neither_updated_nor_removed(
    launch: Callable[..., Ran], profile: str, run_verb: Callable[..., Ran]
) -> None:
    """Whatever it is called; dry run or not, and whatever --yes says."""
    formation = boto3.Session(profile_name=profile).client("cloudformation")
    theirs = '{"Resources": {"Orders": {"Type": "AWS::SQS::Queue"}}}'
    formation.create_stack(StackName="lake", TemplateBody=theirs)
    formation.get_waiter("stack_create_complete").wait(StackName="lake", WaiterConfig={"Delay": 1})
    before = everything(profile)
    for options in (["--yes"], ["--dry-run"]):
        for done in (
            launch(TEMPLATE, *options),
            run_verb(remove.main, "lake", "--profile", profile, *options),
        ):
            assert (done.code, "is not a ddb-lake stack" in done.err) == (1, True), done.err
    assert everything(profile) == before


def test_a_destructive_plan_needs_confirmation(
    launch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe there is nobody to ask: exit code 1, what would go, and the option that means it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert launch(TEMPLATE).code == 0, "nothing goes with a first launch"
    kept = "  TableName: {Value: !Ref Table}\n"
    table, _, rest = TEMPLATE.partition("  Table:\n")[2].partition("  Stream:")
    smaller = TEMPLATE.replace(f"  Table:\n{table}", "").replace(kept, "")
    refused = launch(smaller)
    assert refused.code == 1, rest
    error = json.loads(refused.out)["error"]
    assert "1 removed: Table. The stack was not changed" in error["message"]
    assert "--yes" in error["next"]
    assert launch(TEMPLATE).code == 0
    assert launch(smaller, "--yes").code == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_first_launch_does_not_block_the_next(
    launch: Callable[..., Ran],
    profile: str,
    tmp_path: Path,
    run_verb: Callable[..., Ran],
    number: signal.Signals,
) -> None:
    """What can be taken back is; a kill that cannot be noticed leaves what deploy and remove go on from."""
    path = tmp_path / "t.yaml"
    path.write_text(TEMPLATE)
    command = [sys.executable, "-m", "scripts.deploy", "single-account", "--stack-name", "lake"]
    command += ["--template", str(path), "--profile", profile]
    empty = everything(profile)[0]
    for again in ("remove", "deploy"):
        ours, theirs = pty.openpty()
        with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr
            said = ""
            while "apply? [y/N]" not in said:
                said += running.stderr.read(1) or pytest.fail(said)
            running.send_signal(number)
            running.wait(timeout=30)
        os.close(ours)
        os.close(theirs)
        stacks, change_sets, *_ = everything(profile)
        if number != signal.SIGKILL:
            assert (stacks, change_sets) == (empty, [])
        elif again == "remove":
            assert [status for *_, status in stacks] == ["REVIEW_IN_PROGRESS"]
            gone = run_verb(remove.main, "lake", "--profile", profile, "--yes")
            assert gone.code == 0, gone.err
            assert everything(profile)[0] == empty
    assert launch(TEMPLATE, "--yes").code == 0


def test_a_failed_launch_names_the_resource_and_the_next_step(
    launch: Callable[..., Ran], profile: str, run_verb: Callable[..., Ran]
) -> None:
    """The reason first; then ROLLBACK_COMPLETE is refused with the command that leads on, and it does."""
    boto3.Session(profile_name=profile).client("s3").create_bucket(Bucket="taken", **EU_WEST_1)
    broken = TEMPLATE.replace(
        "Outputs:", "  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: taken}}\nOutputs:"
    )
    failed = launch(broken, "--yes")
    assert failed.code == 1
    error = json.loads(failed.out)["error"]
    assert "ended in ROLLBACK_COMPLETE" in error["message"]
    assert "taken" in error["message"]
    stuck = launch(TEMPLATE, "--yes")
    assert stuck.code == 1
    assert "python -m scripts.remove lake --profile here" in json.loads(stuck.out)["error"]["next"]
    assert run_verb(remove.main, "lake", "--profile", profile, "--yes").code == 0
    assert launch(TEMPLATE, "--yes").code == 0


def test_a_files_items_arrive_with_every_digit(
    launch: Callable[..., Ran], profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All ten types, 38 digits and many versions of one key come back as the file has them."""
    made = launch(TEMPLATE, "--yes")
    assert made.code == 0, made.err
    table = json.loads(made.out)["outputs"]["TableName"]
    films: list[dict[str, Any]] = [
        {"year": {"N": "1999"}, "title": {"S": f"film {n % 40}"}, "take": {"N": str(n)}} for n in range(120)
    ]
    exact = {
        "year": {"N": "2026"},
        "title": {"S": "exact"},
        "pi": {"N": "3.1415926535897932384626433832795028842"},
        "b": {"B": "AAH+/w=="},
        "z": {"NULL": True},
        "t": {"BOOL": False},
        "l": {"L": [{"M": {"é": {"N": "1E-130"}}}]},
        "ss": {"SS": ["a", "ü"]},
        "ns": {"NS": ["1", "2.5"]},
        "bs": {"BS": ["AA==", "AQ=="]},
    }
    path = tmp_path / "films.json"
    path.write_text("\n".join(json.dumps({"Item": film}) for film in [*films, exact]))
    assert command.run([table, "--file", str(path), "--profile", profile, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 121
    client = boto3.Session(profile_name=profile).client("dynamodb")
    items = {item["title"]["S"]: item for item in client.scan(TableName=table)["Items"]}
    assert len(items) == 41
    assert {items[f"film {n}"]["take"]["N"] for n in range(40)} == {str(n) for n in range(80, 120)}
    assert items["exact"]["pi"] == exact["pi"]
    assert items["exact"]["b"] == {"B": b"\x00\x01\xfe\xff"}
    ((tiny,),) = (element["M"].values() for element in items["exact"]["l"]["L"])
    assert Decimal(tiny["N"]) == Decimal("1E-130")
    assert command.run([table, "--profile", profile]) == 0
    assert client.scan(TableName=table)["Count"] == 41, "the sample item is still there"
