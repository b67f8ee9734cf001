"""The resources of a stack that is deleted: which ones stay, and how to delete those by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.core.artifacts import bucket_name

if TYPE_CHECKING:
    from scripts.core.stack import Stack

UPLOADS = "ArtifactBucketName"  # the parameter with the bucket of the functions' zips
LEFT_BEHIND = "DeliveryStream of an earlier PartitionBy"  # it no longer belongs to a stack

# The command that deletes each type of resource that may stay.
BY_HAND = {
    "AWS::DynamoDB::Table": "aws dynamodb delete-table --table-name {id}",
    "AWS::KinesisFirehose::DeliveryStream": (
        "aws firehose delete-delivery-stream --delivery-stream-name {id}"
    ),
    "AWS::KMS::Key": "aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30",
    "AWS::Kinesis::Stream": "aws kinesis delete-stream --stream-name {id}",
    "AWS::Logs::LogGroup": "aws logs delete-log-group --log-group-name {id}",
    "AWS::S3::Bucket": "empty it with all its versions (S3 console: Empty), then aws s3 rb s3://{id}",
}


@dataclass(frozen=True)
class Resource:
    """A resource of the stack, and whether it stays when the stack is deleted."""

    logical_id: str
    type: str
    physical_id: str
    stays: bool


def resources_of(stack: Stack, formation: Any, status: str) -> list[Resource]:
    """The resources of a stack. After a failed first launch, RetainExceptOnCreate retains nothing."""
    if status == "REVIEW_IN_PROGRESS":
        return []  # it has no template yet
    declared = stack.template()
    policies: Mapping[str, Any] = {
        name: resource.get("DeletionPolicy", "Delete") for name, resource in declared["Resources"].items()
    }
    found = []
    for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack.name):
        for entry in page["StackResourceSummaries"]:
            if entry["ResourceStatus"] == "DELETE_COMPLETE" or not entry.get("PhysicalResourceId"):
                continue
            policy = policies.get(entry["LogicalResourceId"], "Delete")
            found.append(
                Resource(
                    entry["LogicalResourceId"],
                    entry["ResourceType"],
                    entry["PhysicalResourceId"],
                    policy == "Retain"
                    or (policy == "RetainExceptOnCreate" and status != "ROLLBACK_COMPLETE"),
                )
            )
    return found


def uploads_of(found: Mapping[str, Any], account: str, region: str) -> list[Resource]:
    """The bucket that `deploy` created for its uploads. It belongs to no stack; all stacks share it.

    A bucket of another name is the user's own and is not listed.
    """
    name = bucket_name(account, region)
    parameters = {one["ParameterKey"]: one.get("ParameterValue") for one in found.get("Parameters", [])}
    return [Resource(UPLOADS, "AWS::S3::Bucket", name, True)] if parameters.get(UPLOADS) == name else []


def left_behind(name: str | None) -> list[Resource]:
    """The old delivery stream that still reads the stack's Kinesis stream after a change of PartitionBy."""
    return [Resource(LEFT_BEHIND, "AWS::KinesisFirehose::DeliveryStream", name, True)] if name else []


def by_hand(resource: Resource) -> str:
    """How to delete the resource by hand."""
    if resource.logical_id == UPLOADS:
        how = BY_HAND[resource.type].format(id=resource.physical_id)
        return (
            f"uploads of `deploy`, shared by all stacks of this account and Region; after the last one, {how}"
        )
    return BY_HAND.get(resource.type, "delete {id}").format(id=resource.physical_id)
