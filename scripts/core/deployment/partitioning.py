"""The rule for PartitionBy: a delivery stream keeps the value that it was created with.

"You can enable dynamic partitioning only when you create a new Firehose stream", and "once you enable dynamic
partitioning on a Firehose stream, it cannot be disabled" (Amazon Data Firehose Developer Guide, "Enable
dynamic partitioning"). So another PartitionBy needs another delivery stream, and the first one keeps running:
the new one reads from its own start, and only the first one has the changes from before.
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
    """The delivery stream that the deployment would leave running beside the new one; None if there is none.

    `found` describes the existing stack, `values` are the given parameters. Raises CommandError if
    PartitionBy would change and `allowed` (the option) is not set.
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
            "the change would delete its delivery stream",
            f"Deploy once without {PARTITION_BY}, so that the stream is kept, then again with it.",
        )
    if not allowed:
        raise CommandError(
            f"{PARTITION_BY} of stack {found['StackName']} is {was}, and Firehose cannot change it for an "
            f"existing delivery stream: {wanted} takes a second delivery stream",
            f"Give {OPTION} as well. Then both streams read the changes, and the first one is billed until "
            f"you delete it. {GUIDE} explains how to lose no change.",
        )
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    return outputs.get(STREAM) or current.get(STREAM)


def next_step(left: str, region: str, profile_option: str) -> str:
    """What the operator must do with the old delivery stream."""
    return (
        f"next: delivery stream {left} still runs beside the new one. Delete it when all changes that it "
        f"read have arrived ({GUIDE}): aws firehose delete-delivery-stream --region {region}{profile_option} "
        f"--delivery-stream-name {left}"
    )
