"""AWS::LakeFormation::PrincipalPermissions, a type that MiniStack lacks, and ListPermissions.

AWS facts: every property is create-only, creation grants and deletion revokes; the database or table must
exist (CloudFormation template reference, "AWS::LakeFormation::PrincipalPermissions"; Lake Formation API
reference, "GrantPermissions", "ListPermissions"). Grants are stored but never evaluated: in the sandbox only
IAM decides on the Data Catalog, as in an account with IAMAllowedPrincipals.
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.emulator.resource_types import Properties, add_type

KIND = "AWS::LakeFormation::PrincipalPermissions"
REQUIRED = ("Principal", "Resource", "Permissions", "PermissionsWithGrantOption")
PATH = "/ListPermissions"
_ACCOUNT = re.compile(rb"Credential=(\d{12})/")

_granted: dict[str, dict[str, Properties]] = {}  # account → physical id → the grant

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def _check_catalog(resource: Properties) -> None:
    """Reject a database or table that is not in the catalog."""
    from ministack.services import glue  # noqa: PLC0415

    table = resource.get("Table", {})
    database = resource.get("Database", {}).get("Name") or table.get("DatabaseName")
    name = table.get("Name")
    if database not in glue._databases or (name and f"{database}/{name}" not in glue._tables):
        raise ValueError(f"{KIND}: Entity Not Found: {database}{f'.{name}' if name else ''}")


def permission_id(properties: Properties) -> str:
    """The physical id of a grant: its principal, resource and permissions."""
    principal = properties.get("Principal", {}).get("DataLakePrincipalIdentifier")
    permissions = ",".join(sorted(properties.get("Permissions", ())))
    return f"{principal}|{json.dumps(properties.get('Resource'), sort_keys=True)}|{permissions}"


def granted(physical_id: str) -> str | None:
    """The grant's id, if a stack of the account has created it."""
    from ministack.core.responses import get_account_id  # noqa: PLC0415

    return physical_id if physical_id in _granted.get(get_account_id(), {}) else None


def _create(_: str, properties: Properties, __: str) -> Any:
    from ministack.core.responses import get_account_id  # noqa: PLC0415

    missing = [name for name in REQUIRED if name not in properties]
    if missing:
        raise ValueError(f"{KIND}: the property {missing[0]} is required")
    _check_catalog(properties["Resource"])
    physical_id = permission_id(properties)
    _granted.setdefault(get_account_id(), {})[physical_id] = properties
    return physical_id, {}


def _delete(physical_id: str, _: Properties) -> None:
    from ministack.core.responses import get_account_id  # noqa: PLC0415

    _granted.get(get_account_id(), {}).pop(physical_id, None)


def with_list_permissions(app: Asgi) -> Asgi:
    """The emulator's application, answering ListPermissions with the grants of the account's stacks."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await app(scope, receive, send)
            return
        signed = _ACCOUNT.search(dict(scope["headers"]).get(b"authorization", b""))
        account = signed[1].decode() if signed else ""
        body = {"PrincipalResourcePermissions": list(_granted.get(account, {}).values())}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    return serve


def install() -> None:
    """Add the type to CloudFormation."""
    create_only = ("Catalog", *REQUIRED)
    add_type(KIND, {"create": _create, "delete": _delete}, create_only=create_only)
