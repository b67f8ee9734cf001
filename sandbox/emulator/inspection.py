"""The resources that CloudFormation created from a template, with their resolved properties.

No AWS API returns this. Only a root user may read it (`admission`). The readback (`python -m
sandbox.readback`) compares it with each service's answer.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

PATH = "/_sandbox/stacks/"  # + account/stack

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def resolved(account: str, region: str, name: str) -> list[dict[str, Any]]:
    """The resources of a stack: logical and physical id, type, properties."""
    from ministack.services import cloudformation  # noqa: PLC0415

    stack = cloudformation._stacks.get_scoped(account, region, name) or {}
    return [
        {
            "LogicalId": logical_id,
            "PhysicalId": resource.get("PhysicalResourceId"),
            "Type": resource.get("ResourceType"),
            "Properties": resource.get("Properties") or {},
        }
        for logical_id, resource in stack.get("_resources", {}).items()
    ]


def with_inspection(app: Asgi, region: str) -> Asgi:
    """The emulator's application, with one more path."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await app(scope, receive, send)
            return
        account, _, name = scope["path"].removeprefix(PATH).partition("/")
        body = json.dumps(resolved(account, region, name), default=str).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve
