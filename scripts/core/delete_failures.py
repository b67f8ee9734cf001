"""Resources that a stack's deletion could not delete, and what to do about the usual reasons.

Sources: CloudFormation user guide, "Troubleshooting CloudFormation" (delete stack fails); template reference,
AWS::Lambda::Function VpcConfig (CloudFormation waits for Lambda to delete the interfaces, if it may describe
them) and AWS::S3::Bucket ("You can only delete empty buckets"); IAM API reference, DeleteRole. Interfaces
take up to 40 minutes: cloudformation-coverage-roadmap, issue 392.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INTERFACES = (
    "Lambda's network interfaces may stay attached for up to 40 minutes after the function is deleted. Wait, "
    "and list them with "
    "`aws ec2 describe-network-interfaces --filters Name={filter},Values={{id}}{{options}}`"
)
# Why each type of resource cannot be deleted, and what to do.
HINTS = {
    "AWS::EC2::SecurityGroup": INTERFACES.format(filter="group-id"),
    "AWS::EC2::Subnet": INTERFACES.format(filter="subnet-id"),
    "AWS::EC2::VPC": INTERFACES.format(filter="vpc-id"),
    "AWS::IAM::Role": (
        "detach the policies that the stack did not attach. List them with "
        "`aws iam list-attached-role-policies --role-name {id}{options}` and "
        "`aws iam list-role-policies --role-name {id}{options}`"
    ),
    "AWS::S3::Bucket": "empty it with all its versions (S3 console: Empty)",
}
DENIED = ("AccessDenied", "not authorized", "UnauthorizedOperation")


@dataclass(frozen=True)
class Failure:
    """A resource that could not be deleted, and CloudFormation's reason."""

    logical_id: str
    type: str
    physical_id: str
    reason: str


def failures_of(formation: Any, stack: str) -> list[Failure]:
    """The resources that keep a stack in DELETE_FAILED."""
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
    """What to do about each failure, the command to run again, and the command that keeps these resources.

    `options` are the --profile and --region of the stack.
    """
    aws = f"aws cloudformation {{}} --stack-name {stack}{options}"
    if not failures:
        steps = [f"List the reasons with `{aws.format('describe-stack-events')}`."]
    else:
        hints = ((failure.logical_id, _hint(failure, options)) for failure in failures)
        steps = [f"{name}: {hint}." for name, hint in hints if hint] or [
            "Correct the reasons in the message."
        ]
    steps.append(f"Then run `python -m scripts.remove {stack}{options}` again.")
    if failures:
        names = " ".join(failure.logical_id for failure in failures)
        leave = f"{aws.format('delete-stack')} --retain-resources {names}"
        steps.append(f"To delete the stack and keep these resources: `{leave}`.")
    return " ".join(steps)


def _hint(failure: Failure, options: str) -> str:
    if any(word in failure.reason for word in DENIED):
        return "grant the action in its reason to the profile, or to the stack's service role"
    return HINTS.get(failure.type, "").format(id=failure.physical_id, options=options)
