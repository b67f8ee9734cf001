"""Which resources a stack's deletion deletes, which it keeps, and how to delete the kept ones by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.core.artifacts import bucket_name

if TYPE_CHECKING:
    from scripts.core.connection import Connection
    from scripts.core.console import Output
    from scripts.core.stack import Stack

UPLOADS = "ArtifactBucketName"  # the parameter that names the bucket of the functions' zips
LEFT_BEHIND = "DeliveryStream of an earlier PartitionBy"  # no longer a resource of a stack
DATABASE, TABLE = "AWS::Glue::Database", "AWS::Glue::Table"
# What the settle job made; the logical id of such a table is its database.
SETTLED_TABLE, FILES = "settled table", "S3 objects"

# How to delete by hand each type of resource that a stack may keep.
BY_HAND = {
    "AWS::DynamoDB::Table": "aws dynamodb delete-table --table-name {id}",
    "AWS::KinesisFirehose::DeliveryStream": (
        "aws firehose delete-delivery-stream --delivery-stream-name {id}"
    ),
    "AWS::KMS::Key": "aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30",
    "AWS::Kinesis::Stream": "aws kinesis delete-stream --stream-name {id}",
    "AWS::Logs::LogGroup": "aws logs delete-log-group --log-group-name {id}",
    FILES: "after its tables, aws s3 rm --recursive {id}",
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
    """The resources of a stack. After a failed first launch, RetainExceptOnCreate keeps none of them."""
    if status == "REVIEW_IN_PROGRESS":
        return []  # the stack has no template yet
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


def tables_of(resources: Sequence[Resource], connection: Connection, out: Output) -> list[Resource]:
    """The tables and views that go with a Glue database, although no stack made them.

    They are the views of `python -m scripts.views`, the crawler's tables and `forgotten_columns`.
    """
    own = {resource.physical_id for resource in resources if resource.type == TABLE}
    result = []
    for database in (r.physical_id for r in resources if r.type == DATABASE and not r.stays):
        try:
            pages = connection.client("glue").get_paginator("get_tables").paginate(DatabaseName=database)
            tables = [table for page in pages for table in page["TableList"]]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code != "EntityNotFoundException":
                out.say(f"tables and views in database {database} go too; they cannot be listed: {code}")
            continue
        result += [
            Resource(
                f"(a view in {database})"
                if table.get("TableType") == "VIRTUAL_VIEW"
                else f"(a table in {database})",
                TABLE,
                table["Name"],
                False,
            )
            for table in tables
            if table["Name"] not in own and f"{database}|{table['Name']}" not in own
        ]
    return result


def uploads_of(description: Mapping[str, Any], account: str, region: str) -> list[Resource]:
    """The bucket that `deploy` created for its uploads. It belongs to no stack; all stacks share it.

    A bucket of another name belongs to the user and is not listed.
    """
    name = bucket_name(account, region)
    parameters = {
        each["ParameterKey"]: each.get("ParameterValue") for each in description.get("Parameters", [])
    }
    return [Resource(UPLOADS, "AWS::S3::Bucket", name, True)] if parameters.get(UPLOADS) == name else []


def left_behind(name: str | None) -> list[Resource]:
    """The delivery stream of an earlier PartitionBy that still reads the stack's Kinesis stream."""
    return [Resource(LEFT_BEHIND, "AWS::KinesisFirehose::DeliveryStream", name, True)] if name else []


def by_hand(resource: Resource) -> str:
    """How to delete a resource that stays."""
    if resource.logical_id == UPLOADS:
        how = BY_HAND[resource.type].format(id=resource.physical_id)
        return (
            f"the uploads of `deploy` for all stacks of this account and Region; after the last stack, {how}"
        )
    if resource.type == SETTLED_TABLE:
        return f"aws glue delete-table --database-name {resource.logical_id} --name {resource.physical_id}"
    return BY_HAND.get(resource.type, "delete {id}").format(id=resource.physical_id)


def show(resources: Sequence[Resource], out: Output) -> None:
    """Print what goes, then what stays. Where a line is too long, the name moves to a line of its own."""
    for title, stays in (("goes", False), ("stays", True)):
        rows = [
            (r.logical_id, r.type, r.physical_id)
            for r in sorted(resources, key=lambda r: (r.type, r.logical_id))
            if r.stays == stays
        ]
        if not rows:
            continue
        out.say(f"{title} ({len(rows)}):", "bold")
        rows = [("resource", "type", "name"), *rows]
        first, second, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
        for resource, type_, name in rows:
            line = f"  {resource:<{first}}  {type_:<{second}}  {name}"
            if len(line) <= out.console.width:
                out.say(line)
            else:
                out.say(f"  {resource:<{first}}  {type_}")
                out.say(f"      {name}")
