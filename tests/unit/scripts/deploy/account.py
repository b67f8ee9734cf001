"""One AWS account for the tests of deploy: CloudFormation, S3, Lambda and STS, without a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.build.zips import Package
from scripts.stacks import ARTIFACTS
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


PRODUCER = """
Metadata: {DdbLake: {Kind: producer}}
Parameters:
  LakeBucketName: {Type: String}
  DeliveryRoleName: {Type: String, Default: delivery}
  Days: {Type: Number, Default: 7, MaxValue: 30}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
"""


def feed(account: Account, **outputs: str) -> None:
    """The stack `other` with the outputs that a producer stack takes, and these."""
    outputs = {"LakeBucketName": "lake-of-consumer", "DeliveryRoleName": "deliverer", **outputs}
    account.stacks["other"] = {
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }
