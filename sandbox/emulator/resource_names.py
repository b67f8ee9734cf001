"""Names that CloudFormation generates are new with every stack.

AWS fact: such a name is the stack's name, the logical id and a random suffix (CloudFormation user guide,
"Name type"), so a retained resource of a deleted stack never conflicts with the next stack. MiniStack derives
the suffix from the first two.
"""

import uuid
from typing import Any

from sandbox.emulator.seam import Seam

PROVISION = Seam("services.cloudformation.stacks", "_provision_keeping_seed", "4ee168dfaf65da33")
SEAMS = (PROVISION,)


def generated_name(stack_name: str, logical_id: str, longest: int) -> str:
    """The name that CloudFormation generates for a resource without a name in its template."""
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
