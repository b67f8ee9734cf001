"""A stack never takes over an existing resource: its creation fails, and the rollback keeps the resource.

AWS facts
- A create handler that finds an existing resource fails with the error code AlreadyExists (CloudFormation CLI
  user guide, "Resource type handler error codes"; `contract_create_create` in "Contract tests for resource
  types"). Nothing was created, so a rollback deletes nothing. An update that needs a new resource creates it
  the same way. The reason has the wording that users report, as in widdix/mastodon-on-aws, issue 27.
- The rollback removes the resources of a failed creation (CloudFormation user guide, "Stack failure
  options").

On AWS pre-deployment validation finds some of the names before anything is created (CloudFormation user
guide, "Validate stack deployments"); MiniStack's finds a bucket's. It takes over most other types, and on
rollback deletes another stack's resources.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.emulator.resource_identities import IDENTITIES
from sandbox.emulator.resource_types import Properties
from sandbox.emulator.seam import Seam

PROVISION = Seam("services.cloudformation.stacks", "_provision_keeping_seed", "4ee168dfaf65da33")
UPDATE = Seam("services.cloudformation.stacks", "_update_resource", "21b9b1207f59a864")
SEAMS = (PROVISION, UPDATE)


@contextmanager
def _claimed(kind: str, wanted: Properties, had: Properties | None = None) -> Iterator[None]:
    """Reject a name that exists; when the creation fails, remove what it created under that name."""
    identity = IDENTITIES.get(kind)
    name = identity.name(wanted) if identity else None
    if identity is None or name is None or (had is not None and identity.name(had) == name):
        yield
        return
    if identity.find(name) is not None:
        message = identity.message.format(kind=kind, name=name)
        raise ValueError(
            f'Resource handler returned message: "{message}" '
            f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: AlreadyExists)"
        )
    try:
        yield
    except Exception:
        if (created_id := identity.find(name)) is not None:
            from ministack.services.cloudformation import provisioners  # noqa: PLC0415  only the emulator loads it

            provisioners._delete_resource(kind, created_id, wanted)
        raise


def install() -> None:
    """Check for an existing resource before a stack creates or renames one."""
    provision, update = PROVISION.check(), UPDATE.check()

    def provision_resource(kind: str, logical_id: str, properties: Properties, stack_name: str) -> Any:
        with _claimed(kind, properties):
            return provision(kind, logical_id, properties, stack_name)

    def update_resource(
        kind: str, physical_id: str, had: Properties, wanted: Properties, *context: Any
    ) -> Any:
        with _claimed(kind, wanted, had):
            return update(kind, physical_id, had, wanted, *context)

    PROVISION.replace(provision_resource)
    UPDATE.replace(update_resource)
