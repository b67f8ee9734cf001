"""What `deploy` knows of PartitionBy: a delivery stream keeps the one it was made with.

"You can enable dynamic partitioning only when you create a new Firehose stream", and "once you enable dynamic
partitioning on a Firehose stream, it cannot be disabled" (Amazon Data Firehose Developer Guide, "Enable
dynamic partitioning"). So another PartitionBy is another delivery stream, beside which the first one goes on:
the new one reads from its own start, and only the first has what was under way until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.core.console import CommandError
from scripts.core.template import Template

PARTITION_BY, STREAM = "PartitionBy", "DeliveryStreamName"  # the second is parameter and output
EVENT_SUFFIX = "-event"  # of the delivery stream's name with PartitionBy event, as in the template
OPTION = "--second-delivery-stream"
GUIDE = "docs/operations/change-partition-by.md"


def succeeded(
    found: Mapping[str, Any] | None, template: Template, values: Mapping[str, str], *, allowed: bool
) -> str | None:
    """The delivery stream that the deployment would leave behind, reading on; None when there is none.

    `found` describes the stack as it is, `values` are the parameters that are given. Raises CommandError when
    PartitionBy would change and `allowed` (the option) does not say that this is meant.
    """
    if found is None or PARTITION_BY not in template.parameters:
        return None
    current = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    was = current.get(PARTITION_BY, str(template.parameters[PARTITION_BY].get("Default", "")))
    wanted = values.get(PARTITION_BY, was)
    if wanted == was:
        return None
    if PARTITION_BY not in current:
        raise CommandError(
            f"stack {found['StackName']} was launched by a template without {PARTITION_BY}: "
            "its delivery stream would not outlive the change",
            f"Deploy once without {PARTITION_BY}, which changes that, then again with it.",
        )
    if not allowed:
        raise CommandError(
            f"{PARTITION_BY} of stack {found['StackName']} is {was}, and its delivery stream keeps that for "
            f"life: {wanted} takes a second delivery stream",
            f"Give {OPTION} as well: the new one reads the changes beside the first, which stays, and is "
            f"billed, until you delete it. How no change is lost: {GUIDE}.",
        )
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    return outputs.get(STREAM) or current.get(STREAM)


def next_step(left: str, region: str, profile_option: str) -> str:
    """What the operator has to do about the delivery stream that was left behind."""
    return (
        f"next: delivery stream {left} reads on beside its successor. Delete it once all it read before has "
        f"arrived ({GUIDE}): aws firehose delete-delivery-stream --region {region}{profile_option} "
        f"--delivery-stream-name {left}"
    )
