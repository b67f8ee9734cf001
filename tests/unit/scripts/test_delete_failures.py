"""What could not be deleted: named, with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.core.delete_failures import Failure, failures_of, way_out
from tests.unit.scripts.edge import Pages

OPTIONS = " --profile p"


class Formation:
    """A stack with resources in three states, on two pages."""

    def get_paginator(self, name: str) -> Pages:
        """The resources."""
        assert name == "list_stack_resources"
        common = {"ResourceType": "AWS::EC2::Subnet", "PhysicalResourceId": "subnet-1"}
        rows: list[dict[str, Any]] = [
            {**common, "LogicalResourceId": "Gone", "ResourceStatus": "DELETE_COMPLETE"},
            {**common, "LogicalResourceId": "Stuck", "ResourceStatus": "DELETE_FAILED"},
            {**common, "LogicalResourceId": "Waiting", "ResourceStatus": "CREATE_COMPLETE"},
        ]
        rows[1]["ResourceStatusReason"] = "The subnet 'subnet-1' has dependencies and cannot be deleted."
        return Pages(lambda **_: [{"StackResourceSummaries": rows[:2]}, {"StackResourceSummaries": rows[2:]}])


def test_only_failed_resources_are_listed() -> None:
    """What went, and what nobody tried to delete, is not named."""
    reason = "The subnet 'subnet-1' has dependencies and cannot be deleted."
    assert failures_of(Formation(), "lake") == [Failure("Stuck", "AWS::EC2::Subnet", "subnet-1", reason)]


@pytest.mark.parametrize(
    ("kind", "reason", "advice"),
    [
        (
            "AWS::EC2::SecurityGroup",
            "resource x has a dependent object",
            "up to 40 minutes after the function is deleted. Wait, and list them with "
            "`aws ec2 describe-network-interfaces --filters Name=group-id,Values=x --profile p`",
        ),
        ("AWS::EC2::Subnet", "has dependencies", "--filters Name=subnet-id,Values=x --profile p"),
        ("AWS::EC2::VPC", "has dependencies", "--filters Name=vpc-id,Values=x --profile p"),
        ("AWS::S3::Bucket", "The bucket you tried to delete is not empty", "empty it with all its versions"),
        (
            "AWS::IAM::Role",
            "Cannot delete entity, must detach all policies first",
            "`aws iam list-attached-role-policies --role-name x --profile p`",
        ),
        (
            "AWS::IAM::Role",
            "User: u is not authorized to perform: iam:DeleteRole",
            "grant the action in its reason to the profile",
        ),
        ("AWS::Glue::Crawler", "CrawlerRunning", "Correct the reasons in the message."),
    ],
)
def test_the_usual_reasons_have_a_next_step(kind: str, reason: str, advice: str) -> None:
    """Then the command again; or the one that leaves what cannot go."""
    said = way_out("lake", [Failure("Thing", kind, "x", reason)], OPTIONS)
    assert advice in said
    assert "Then run `python -m scripts.remove lake --profile p` again." in said
    assert said.endswith(
        "`aws cloudformation delete-stack --stack-name lake --profile p --retain-resources Thing`."
    )


def test_one_command_keeps_several_failed_resources() -> None:
    """A function's interfaces keep its subnets and its groups alike."""
    both = [Failure(name, "AWS::EC2::Subnet", name, "has dependencies") for name in ("A", "B")]
    assert "--retain-resources A B`" in way_out("lake", both, "")


def test_without_a_failure_the_events_are_named() -> None:
    """CloudFormation retains nothing that it was not told by name."""
    said = way_out("lake", [], OPTIONS)
    assert "`aws cloudformation describe-stack-events --stack-name lake --profile p`" in said
    assert "--retain-resources" not in said
