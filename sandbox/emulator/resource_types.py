"""CloudFormation's resource handlers in MiniStack, which create, update and delete a resource type."""

import json
from collections.abc import Callable
from typing import Any

from sandbox.emulator.seam import Seam

Properties = dict[str, Any]
Handler = Callable[..., Any]
_MODULE = "services.cloudformation.provisioners"


def handler_seam(name: str, digest: str) -> Seam:
    """A seam for one of MiniStack's handlers."""
    return Seam(_MODULE, name, digest)


def replace_handler(seam: Seam, kind: str, verb: str, replacement: Handler) -> None:
    """Replace a handler in its module and in the table of resource types."""
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415  only the emulator loads it

    seam.replace(replacement)
    provisioners._RESOURCE_HANDLERS[kind][verb] = replacement


def add_type(
    kind: str, handlers: dict[str, Handler], *, create_only: tuple[str, ...], name: str | None = None
) -> None:
    """Add a resource type that MiniStack lacks; raise an error when a release of it has the type.

    A change of a property in `create_only` creates another resource; the previous one is deleted when the
    update is complete. If a template sets the property `name`, the update is rejected unless the name changes
    too (CloudFormation template reference, "Name type").
    """
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    if kind in provisioners._RESOURCE_HANDLERS:
        raise RuntimeError(f"MiniStack now has the type {kind}: remove ours from sandbox/emulator/")
    provisioners._RESOURCE_HANDLERS[kind] = handlers
    provisioners._REPLACING_PROPERTIES[kind] = create_only
    if name:
        provisioners._CUSTOM_NAME_REPLACEMENT[kind] = {"name": name}


def call(operation: Handler, request: Properties, kind: str) -> Any:
    """Call a service's operation in process; its error fails the resource, as on AWS."""
    status, _, body = operation(request)
    answer = json.loads(body or b"{}")
    if status >= 400:
        raise ValueError(f"{kind}: {answer.get('message') or answer.get('Message') or answer}")
    return answer
