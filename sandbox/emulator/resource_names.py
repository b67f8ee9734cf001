"""Names that CloudFormation makes up: new with every stack, and in the form each service's names have on AWS.

AWS facts: a name is the stack's name, the logical id and a random suffix (CloudFormation user guide, "Name
type"), so a resource kept from a deleted stack is never in the way of the next one; log groups and Kinesis
streams are named the same way. MiniStack derives the suffix from the first two, names log groups
`/aws/cloudformation/…` and streams in lower case.
"""

import uuid
from typing import Any

from sandbox.emulator.resource_types import Handler, Properties, handler_seam, replace_handler
from sandbox.emulator.seam import Seam

PROVISION = Seam("services.cloudformation.stacks", "_provision_keeping_seed", "4ee168dfaf65da33")
CREATE_LOG_GROUP = handler_seam("_cwlogs_create", "6e18ae6e4373ba0e")
UPDATE_LOG_GROUP = handler_seam("_cwlogs_update", "0c65d3a8ddea45c2")
SEAMS = (PROVISION, CREATE_LOG_GROUP, UPDATE_LOG_GROUP)


def generated_name(stack_name: str, logical_id: str, longest: int) -> str:
    """The name CloudFormation gives a resource that its template does not name."""
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    return str(provisioners._physical_name(stack_name, logical_id, max_len=longest))


def install() -> None:
    """Draw a new suffix for every resource of every stack; an update keeps it."""
    PROVISION.check()
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    def provision(*arguments: Any) -> Any:
        token = provisioners._NAME_SEED.set(uuid.uuid4().hex[:8])
        try:
            return provisioners._provision_resource(*arguments), provisioners._NAME_SEED.get()
        finally:
            provisioners._NAME_SEED.reset(token)

    PROVISION.replace(provision)
    create, update = CREATE_LOG_GROUP.check(), UPDATE_LOG_GROUP.check()

    def named(properties: Properties, stack_name: str, logical_id: str) -> Properties:
        return {"LogGroupName": generated_name(stack_name, logical_id, 512), **properties}

    def create_log_group(logical_id: str, properties: Properties, stack_name: str) -> Any:
        return create(logical_id, named(properties, stack_name, logical_id), stack_name)

    def update_log_group(
        physical_id: str, had: Properties, wanted: Properties, stack_name: str, logical_id: str
    ) -> Any:
        before, after = (named(one, stack_name, logical_id) for one in (had, wanted))
        return update(physical_id, before, after, stack_name, logical_id)

    _replace_log_group("create", CREATE_LOG_GROUP, create_log_group)
    _replace_log_group("update", UPDATE_LOG_GROUP, update_log_group)


def _replace_log_group(verb: str, seam: Seam, replacement: Handler) -> None:
    replace_handler(seam, "AWS::Logs::LogGroup", verb, replacement)
