"""What of a stack could not be deleted, and what to do about the usual reasons.

Sources: CloudFormation user guide, "Troubleshooting CloudFormation" (delete stack fails); template reference,
AWS::Lambda::Function VpcConfig (CloudFormation waits for Lambda to delete the interfaces, where it may
describe them) and AWS::S3::Bucket ("You can only delete empty buckets"); IAM API reference, DeleteRole. That
interfaces take up to 40 minutes: cloudformation-coverage-roadmap, issue 392.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INTERFACES = (
    "network interfaces of Lambda may still be attached, up to 40 minutes after the function is gone; wait "
    "for that, and see what is attached with "
    "`aws ec2 describe-network-interfaces --filters Name={filter},Values={{id}}{{options}}`"
)
# What keeps each kind of resource, and the way out.
HINTS = {
    "AWS::EC2::SecurityGroup": INTERFACES.format(filter="group-id"),
    "AWS::EC2::Subnet": INTERFACES.format(filter="subnet-id"),
    "AWS::EC2::VPC": INTERFACES.format(filter="vpc-id"),
    "AWS::IAM::Role": (
        "take off the policies that the stack did not put on it; see them with "
        "`aws iam list-attached-role-policies --role-name {id}{options}` and "
        "`aws iam list-role-policies --role-name {id}{options}`"
    ),
    "AWS::S3::Bucket": "empty it with all its versions (S3 console: Empty)",
}
DENIED = ("AccessDenied", "not authorized", "UnauthorizedOperation")


@dataclass(frozen=True)
class Failure:
    """A resource that could not go, and what CloudFormation says of it."""

    logical_id: str
    type: str
    physical_id: str
    reason: str


def failures_of(formation: Any, stack: str) -> list[Failure]:
    """The resources of a stack in DELETE_FAILED that could not go."""
    return [
        Failure(
            entry["LogicalResourceId"],
            entry["ResourceType"],
            entry.get("PhysicalResourceId", ""),
            entry.get("ResourceStatusReason", ""),
        )
        for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for entry in page["StackResourceSummaries"]
        if entry["ResourceStatus"] == "DELETE_FAILED"
    ]


def way_out(stack: str, failures: Sequence[Failure], options: str) -> str:
    """What to do about each, then the command to run again, and the one that leaves them.

    `options` lead a command to where the stack is.
    """
    aws = f"aws cloudformation {{}} --stack-name {stack}{options}"
    if not failures:
        said = [f"See what could not go with `{aws.format('describe-stack-events')}`."]
    else:
        hints = ((one.logical_id, _hint(one, options)) for one in failures)
        said = [f"{name}: {hint}." for name, hint in hints if hint] or ["Release what is named."]
    said.append(f"Then run `python -m scripts.remove {stack}{options}` again.")
    if failures:
        names = " ".join(one.logical_id for one in failures)
        leave = f"{aws.format('delete-stack')} --retain-resources {names}"
        said.append(f"To have the stack gone and leave these where they are: `{leave}`.")
    return " ".join(said)


def _hint(failure: Failure, options: str) -> str:
    if any(word in failure.reason for word in DENIED):
        return "have the action that its reason names granted to the profile, or to the stack's service role"
    return HINTS.get(failure.type, "").format(id=failure.physical_id, options=options)
