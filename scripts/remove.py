"""Delete one stack: says first in which account and Region, and what stays."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.core.console import CommandError, Output, client, parser, place, run, session

if TYPE_CHECKING:
    from scripts.core.stack import Stack

EPILOG = """\
Remove the producer stack first: its delivery stream writes to the consumer's bucket.
What holds data (table, buckets, keys) stays when its stack goes; the commands that delete it are shown."""

UPLOADS = "ArtifactBucketName"  # the parameter that names the bucket of the functions' zips

# How each kind of resource that may stay is deleted by hand.
BY_HAND = {
    "AWS::DynamoDB::Table": "aws dynamodb delete-table --table-name {id}",
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


def main(arguments: Sequence[str], out: Output) -> int:
    """Delete one stack."""
    options = parser("remove", "Delete one stack.", epilog=EPILOG)
    options.add_argument("stack", metavar="STACK", help="the stack's name")
    options.add_argument(
        "--dry-run", action="store_true", help="show what would go and what stays, change nothing"
    )
    options.add_argument("--yes", action="store_true", help="do not ask")
    given = options.parse_args(arguments)

    from scripts.core.stack import Stack  # noqa: PLC0415  boto3 is behind it

    here = session(given.profile, given.region)
    account = client(here, "sts", given.endpoint_url).get_caller_identity()["Account"]
    formation = client(here, "cloudformation", given.endpoint_url)
    stack = Stack(formation, given.stack)
    found = stack.describe()
    where = f"account {account}, Region {here.region_name}"
    if found is None:
        raise CommandError(
            f"there is no stack {given.stack} in {where}", "Correct the name, --profile or --region."
        )
    if found.get("EnableTerminationProtection"):
        raise CommandError(
            f"stack {given.stack} is protected against deletion",
            "Lift it: `aws cloudformation update-termination-protection --no-enable-termination-protection "
            f"--stack-name {given.stack}{place(given)}`.",
        )
    resources = _resources(formation, given.stack, found["StackStatus"])
    resources += _uploads(found, account, here.region_name)
    out.say(f"{where}: delete stack {given.stack} ({found['StackStatus']})", "bold")
    rows = [("stays" if r.stays else "goes", r.logical_id, r.type, r.physical_id) for r in resources]
    out.table("what happens to each", ("", "resource", "type", "name"), sorted(rows, reverse=True))
    report = {"stack": given.stack, "account": account, "region": here.region_name}
    if given.dry_run:
        out.say("dry run: nothing was changed")
        out.answer({**report, "status": found["StackStatus"], "stays": _stays(resources)})
        return 0
    _confirm(given.yes, given.stack, where)
    status = _delete(formation, stack, str(found["StackId"]), out)
    out.say(f"stack {given.stack} is {status}", "green")
    staying = [r for r in resources if r.stays]
    if staying:
        out.say("What stays still costs what it stores. To delete it for good:")
        # Data before the keys it is encrypted with.
        for resource in sorted(staying, key=lambda r: r.type == "AWS::KMS::Key"):
            out.say(f"  {resource.logical_id}: {_by_hand(resource)}{place(given)}")
    out.answer({**report, "status": status, "stays": _stays(resources)})
    return 0


def _resources(formation: Any, stack: str, status: str) -> list[Resource]:
    """The resources of a stack. What the launch that failed has made does not stay: it holds nothing yet."""
    from scripts.core import template as templates  # noqa: PLC0415  PyYAML is behind it

    body = formation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    declared = templates.parse(body) if isinstance(body, str) else body
    policies: Mapping[str, Any] = {
        name: resource.get("DeletionPolicy", "Delete") for name, resource in declared["Resources"].items()
    }
    found = []
    for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack):
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


def _uploads(found: Mapping[str, Any], account: str, region: str) -> list[Resource]:
    """The bucket that `deploy` made for what it uploads: no stack's resource, and one for all of them.

    A bucket of another name is the user's own, and nothing is said of it.
    """
    from scripts.core.artifacts import bucket_name  # noqa: PLC0415  boto3 is behind it

    name = bucket_name(account, region)
    given = {one["ParameterKey"]: one.get("ParameterValue") for one in found.get("Parameters", [])}
    return [Resource(UPLOADS, "AWS::S3::Bucket", name, True)] if given.get(UPLOADS) == name else []


def _confirm(yes: bool, stack: str, where: str) -> None:
    """Go on by --yes or by the stack's name typed; a deletion is never implied."""
    if yes:
        return
    if sys.stdin.isatty():
        sys.stderr.write(f"type {stack} to delete it in {where}: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() == stack:
            return
    raise CommandError(
        "not confirmed: nothing was changed", "Run it again and type the stack's name, or give --yes."
    )


def _delete(formation: Any, stack: Stack, stack_id: str, out: Output) -> str:
    """Delete the stack and follow it; raises CommandError with the resource that could not go."""
    from scripts.core.stack import Stack, show_event  # noqa: PLC0415

    seen = stack.event_ids()
    formation.delete_stack(StackName=stack.name)
    # Once it is deleted, a stack is found by its id alone.
    by_id = Stack(formation, stack_id)
    status, failure = by_id.follow(seen, lambda event: show_event(event, out))
    if status != "DELETE_COMPLETE":
        what = f"{failure.logical_id} ({failure.type}): {failure.reason}" if failure else "see its events"
        raise CommandError(
            f"stack {stack.name} ended in {status}: {what}",
            "Empty or release what it names, and remove the stack again.",
            status=status,
        )
    return status


def _by_hand(resource: Resource) -> str:
    """How to delete it."""
    if resource.logical_id == UPLOADS:
        how = BY_HAND[resource.type].format(id=resource.physical_id)
        return f"what `deploy` uploaded, for all stacks of this account and Region; after the last one {how}"
    return BY_HAND.get(resource.type, "delete {id}").format(id=resource.physical_id)


def _stays(resources: Sequence[Resource]) -> list[dict[str, str]]:
    return [{"resource": r.logical_id, "type": r.type, "name": r.physical_id} for r in resources if r.stays]


if __name__ == "__main__":
    sys.exit(run(main))
