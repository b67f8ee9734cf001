"""What becomes of a stack's resources when it is deleted, and how what stays is deleted by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.core.artifacts import bucket_name

if TYPE_CHECKING:
    from scripts.core.stack import Stack

UPLOADS = "ArtifactBucketName"  # the parameter that names the bucket of the functions' zips
LEFT_BEHIND = "DeliveryStream of an earlier PartitionBy"  # no stack's resource any more

# How each kind of resource that may stay is deleted by hand.
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
    """A resource of the stack, and whether it stays when the stack goes."""

    logical_id: str
    type: str
    physical_id: str
    stays: bool


def resources_of(stack: Stack, formation: Any, status: str) -> list[Resource]:
    """The resources of a stack. After a failed first launch nothing stays: it is all empty."""
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
    """The bucket that `deploy` made for what it uploads: no stack's resource, and one for all of them.

    A bucket of another name is the user's own, and nothing is said of it.
    """
    name = bucket_name(account, region)
    given = {one["ParameterKey"]: one.get("ParameterValue") for one in found.get("Parameters", [])}
    return [Resource(UPLOADS, "AWS::S3::Bucket", name, True)] if given.get(UPLOADS) == name else []


def left_behind(name: str | None) -> list[Resource]:
    """The delivery stream that a change of PartitionBy has left reading the stack's Kinesis stream."""
    return [Resource(LEFT_BEHIND, "AWS::KinesisFirehose::DeliveryStream", name, True)] if name else []


def by_hand(resource: Resource) -> str:
    """How to delete it."""
    if resource.logical_id == UPLOADS:
        how = BY_HAND[resource.type].format(id=resource.physical_id)
        return f"what `deploy` uploaded, for all stacks of this account and Region; after the last one {how}"
    return BY_HAND.get(resource.type, "delete {id}").format(id=resource.physical_id)
