"""Checks before the emulator: it receives only requests that are addressed to it and signed correctly.

AWS fact: every API call is signed with the secret key of its access key (IAM user guide, "AWS Signature
Version 4 for API requests"). MiniStack checks the signature of users and sessions, on the paths that it
authorises, and never that of an account's root user.

- A `Host` other than this machine is rejected: a web page whose name resolves to this machine (DNS rebinding)
  sends its own name.
- MiniStack's own endpoints are closed, except health, for which the sandbox waits, and the response of a
  custom resource: like AWS's presigned ResponseURL, only the function has its address.
- All other requests must be signed (`signatures`), those to the sandbox's own paths by a root user.
- WebSockets are closed: nothing here uses them.
"""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from sandbox.accounts import PROFILES
from sandbox.emulator import inspection
from sandbox.emulator.seam import Seam
from sandbox.emulator.signatures import RefusedError, Request, Signature, verify

RESPONSE = Seam("core.iam_actions", "access_denied_response", "3cc2e315f91f45da")
SERVICE = Seam("core.router", "detect_service", "fd156fac4b5ddc67")
OWNER = Seam("core.iam_evaluator", "find_iam_access_key_account", "ffd6a830df49cc1b")
SEAMS = (RESPONSE, SERVICE, OWNER)  # called in process, not replaced

HEALTH = "/_ministack/health"
RESPONSE_PATH = "/_ministack/cfn-response/"  # + token
INTERNAL = ("/_ministack", "/_localstack")
_LOCAL = re.compile(r"(?:(?:[a-z0-9.-]+\.)?localhost|127\.0\.0\.1|\[::1\])(?::(\d+))?", re.IGNORECASE)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def secret_key(signature: Signature) -> str:
    """The secret key of a user or a session. Raises RefusedError for an unknown access key."""
    from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads MiniStack
    from ministack.core.responses import _account_from_sts_session  # noqa: PLC0415

    key = signature.access_key
    account = _account_from_sts_session(key) or iam_evaluator.find_iam_access_key_account(key) or ""
    if not account:
        raise RefusedError("InvalidClientTokenId", "The security token included in the request is invalid.")
    found = iam_evaluator.resolve_credential(key, account, signature.token)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        raise RefusedError(found.code, found.message)
    return str(found.secret_access_key)


def _is_open(scope: Scope) -> bool:
    """Whether the path is health, or the response of a custom resource for which CloudFormation waits."""
    if scope["path"] == HEALTH:
        return scope["method"] in ("GET", "HEAD")
    if scope["method"] != "PUT" or not scope["path"].startswith(RESPONSE_PATH):
        return False
    from ministack.services.cloudformation import custom_resource  # noqa: PLC0415

    return scope["path"].removeprefix(RESPONSE_PATH) in custom_resource._pending


def _is_local(scope: Scope, port: int) -> bool:
    """Whether each header with an address names this machine and the sandbox's port."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b":authority")]
    found = [_LOCAL.fullmatch(host) for host in hosts]
    return bool(found) and all(host is not None and host[1] == str(port) for host in found)


def _request(scope: Scope, body: bytes) -> Request:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("utf-8", "replace"))
    path, query = scope["raw_path"].decode("ascii", "replace"), scope["query_string"].decode("latin-1")
    return Request(scope["method"], path, query, headers, body)


def _check_caller(signature: Signature, path: str) -> None:
    """Reject a role that inspects a stack: only the account's root user may read the properties."""
    if path.startswith(inspection.PATH) and signature.access_key not in PROFILES.values():
        raise RefusedError("AccessDenied", "Only an account's root user may look into its stacks.")


def _service(request: Request, path: str) -> str:
    from ministack.core import router  # noqa: PLC0415

    query = parse_qs(request.query, keep_blank_values=True)
    return str(router.detect_service(request.method, path, _joined(request), query))


def _joined(request: Request) -> dict[str, str]:
    """The headers as MiniStack has them."""
    return {name: ", ".join(values) for name, values in request.headers.items()}


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when the client has gone."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` for the application: first the body that was already read, then the rest."""
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> dict[str, Any]:
        return first.pop() if first else await receive()

    return replay


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, request: Request, path: str, error: RefusedError) -> None:
    """The error response in the format of the addressed service."""
    from ministack.core.iam_actions import access_denied_response  # noqa: PLC0415

    status, headers, body = access_denied_response(
        _service(request, path),
        "",
        "",
        str(uuid.uuid4()),
        error_code=error.code,
        message=error.message,
        headers=_joined(request),
    )
    await _answer(send, status, headers, b"" if request.method == "HEAD" else body)


def with_admission(app: Asgi, port: int, roots: Mapping[str, str]) -> Asgi:
    """The emulator's application behind these checks.

    `port` is the port that it serves; `roots` are the secret keys of the accounts' root users.
    """

    def secret_of(signature: Signature) -> str:
        root = "" if signature.token else roots.get(signature.access_key)
        return root or secret_key(signature)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
        elif scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif not _is_local(scope, port):
            text = f"the sandbox answers at localhost:{port} only\n".encode()
            await _answer(send, 421, {"content-type": "text/plain"}, text)
        elif _is_open(scope):
            await app(scope, receive, send)
        elif scope["path"].startswith(INTERNAL):
            await _answer(send, 403, {"content-type": "text/plain"}, b"closed\n")
        elif (body := await _body(receive)) is not None:
            request = _request(scope, body)
            try:
                _check_caller(verify(request, secret_of), scope["path"])
            except RefusedError as error:
                await _refuse(send, request, scope["path"], error)
            else:
                await app(scope, _again(body, receive), send)

    return serve
