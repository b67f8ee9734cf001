"""AWS::IAM::Role with its permissions boundary, which MiniStack's CloudFormation drops.

AWS fact: PermissionsBoundary is the ARN of the policy that bounds the role, and an update changes it
without interruption (CloudFormation template reference, "AWS::IAM::Role"); a policy that does not exist is
rejected (IAM API reference, PutRolePermissionsBoundary, NoSuchEntity). MiniStack's IAM stores
and applies a role's boundary.
"""

from typing import Any

from sandbox.emulator.resource_types import Properties, handler_seam, replace_handler

KIND = "AWS::IAM::Role"
CREATE = handler_seam("_iam_role_create", "2d7e3d8ec507d448")
UPDATE = handler_seam("_iam_role_update", "4f4039080dc14d49")
SEAMS = (CREATE, UPDATE)


def install() -> None:
    """Keep the permissions boundary of a template's role."""
    create, update = CREATE.check(), UPDATE.check()

    def check(properties: Properties) -> None:
        from ministack.services import iam  # noqa: PLC0415  only the emulator loads it

        boundary = properties.get("PermissionsBoundary")
        if boundary and (refused := iam._boundary_policy_error(boundary)):
            raise ValueError(f"{KIND}: {refused[2].decode()}")

    def bound(name: str, properties: Properties) -> None:
        from ministack.services import iam  # noqa: PLC0415

        iam._roles[name]["PermissionsBoundary"] = properties.get("PermissionsBoundary")

    def created(logical_id: str, properties: Properties, stack: str) -> Any:
        check(properties)
        name, attributes = create(logical_id, properties, stack)
        bound(name, properties)
        return name, attributes

    def updated(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
    ) -> Any:
        check(new)
        name, attributes, *more = update(physical_id, old, new, stack, logical_id)
        bound(name, new)
        return name, attributes, *more

    replace_handler(CREATE, KIND, "create", created)
    replace_handler(UPDATE, KIND, "update", updated)
