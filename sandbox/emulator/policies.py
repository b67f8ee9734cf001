"""IAM's decisions, with AWS's callers and condition keys.

AWS facts
- `aws:PrincipalArn` of a role session is the role's ARN, not the session's (IAM user guide, "AWS global
  condition context keys"); `aws:PrincipalType` of the root user is `Account`.
- `aws:ResourceAccount` is the account that owns the resource; for a bucket, its owner (same page).
- Across accounts the resource's policy is evaluated for the principal that signed the request, and its
  identity policy must allow too (IAM user guide, "Cross-account policy evaluation logic"). MiniStack
  evaluates it for the other account's root, so a statement for one role never matches.
- A `Deny` in a bucket policy also binds the root user of the account, who can still delete or replace the
  policy (S3 user guide, "Bucket policies"). MiniStack allows root.
- A role that trusts a service can be assumed by that service only. In MiniStack every root user of every
  account acts as any service; here a caller declares its service (`sandbox.accounts.as_service`).
- A PutObject or PutObjectAcl has a condition key, `s3:` and the header's name, for each header that changes
  how the object is stored or who reads it; every request has `s3:TlsVersion` and `s3:authType` (service
  authorization reference, "Condition keys for Amazon S3"). MiniStack has some of a PutObject's.
"""

import contextvars
import dataclasses
import json
import re
from typing import Any

from sandbox.accounts import SERVICE_HEADER, SOURCE_ARN_HEADER
from sandbox.emulator.seam import Seam

CONDITION_KEY = Seam("core.iam_evaluator", "_resolve_condition_key", "15e26964cd38f32c")
RESOURCE_POLICY = Seam("core.iam_evaluator", "evaluate_resource_policy", "e49ce7161ad63e35")
ENFORCE = Seam("core.iam_evaluator", "enforce", "cf64b1ee5b099c8f")
TRUST_POLICY = Seam("core.iam_evaluator", "evaluate_trust_policy", "4b50aa29ad29fe20")
PIN_CALLER = Seam("core.iam_evaluator", "pin_request_caller", "4e5a7d52a6e65248")
OBJECT_CONTEXT = Seam("core.iam_actions", "_s3_object_context", "3a43e6ca9f518e9a")
SEAMS = (CONDITION_KEY, RESOURCE_POLICY, ENFORCE, TRUST_POLICY, PIN_CALLER, OBJECT_CONTEXT)

_SESSION_ARN = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/")
_ROOT_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")
_ROOT_KEEPS = frozenset({"s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:GetBucketPolicy"})

_GRANTS = (
    "x-amz-acl",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
)
# Action: the headers that are condition keys of it.
_HEADERS = {
    "s3:PutObject": (
        *_GRANTS,
        "x-amz-copy-source",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
    ),
    "s3:PutObjectAcl": _GRANTS,
}

_service: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar(
    "calling_service", default=("", "")
)


def role_arn(principal_arn: str) -> str:
    """The ARN of the role of a session's ARN; any other ARN unchanged."""
    session = _SESSION_ARN.match(principal_arn)
    if not session:
        return principal_arn
    from ministack.services import iam  # noqa: PLC0415  only the emulator process loads MiniStack

    partition, account, name = session.groups()
    role = iam._roles.get_scoped(account, None, name) or {}
    return str(role.get("Arn") or f"arn:{partition}:iam::{account}:role/{name}")


def _bucket_owner(resource_arn: str) -> str | None:
    from ministack.services import s3  # noqa: PLC0415

    if not resource_arn.startswith("arn:aws:s3:::"):
        return None
    owner: str | None = s3._bucket_owner_account(resource_arn.removeprefix("arn:aws:s3:::").split("/", 1)[0])
    return owner


def _install_condition_keys() -> None:
    resolve = CONDITION_KEY.check()

    def resolve_condition_key(key: str, context: Any) -> Any:
        name = key.lower()
        if name == "aws:principalarn":
            return None if context.principal_arn == "*" else role_arn(context.principal_arn)
        if name == "aws:principaltype" and context.principal_type == "Root":
            return "Account"
        if name in {"aws:resourceaccount", "s3:resourceaccount"} and (
            owner := _bucket_owner(context.resource_arn)
        ):
            return owner
        return resolve(key, context)

    CONDITION_KEY.replace(resolve_condition_key)
    object_context = OBJECT_CONTEXT.check()

    def s3_object_context(action: str, query: Any, path: str, headers: dict[str, str]) -> dict[str, Any]:
        context: dict[str, Any] = object_context(action, query, path, headers)
        for name in _HEADERS.get(action, ()):
            if headers.get(name):
                context[f"s3:{name}"] = headers[name]
        return {**context, "s3:TlsVersion": "1.3", "s3:authType": "REST-HEADER"}

    OBJECT_CONTEXT.replace(s3_object_context)


def _install_callers() -> None:
    from ministack.core import iam_evaluator  # noqa: PLC0415
    from ministack.core.responses import get_account_id  # noqa: PLC0415

    pin, evaluate, enforce = PIN_CALLER.check(), RESOURCE_POLICY.check(), ENFORCE.check()

    def pin_request_caller(headers: dict[str, str], query: Any = None) -> None:
        pin(headers, query)
        _service.set((headers.get(SERVICE_HEADER, ""), headers.get(SOURCE_ARN_HEADER, "")))

    def evaluate_resource_policy(document: Any, context: Any, *options: Any, **named: Any) -> Any:
        account = _ROOT_ARN.fullmatch(context.principal_arn)
        caller = iam_evaluator._request_caller_arn.get()
        if account and caller and not caller.endswith(":root") and caller.split(":")[4] == account[1]:
            kind = "AssumedRole" if ":assumed-role/" in caller else "User"
            context = dataclasses.replace(context, principal_arn=caller, principal_type=kind)
        return evaluate(document, context, *options, **named)

    def enforce_root_too(access_key: str, action: str, service: str, *where: str, **request: Any) -> Any:
        denied = enforce(access_key, action, service, *where, **request)
        if denied is not None or service != "s3" or action in _ROOT_KEEPS:
            return denied
        account = get_account_id()
        if iam_evaluator.caller_arn() != f"arn:aws:iam::{account}:root":
            return None
        resource_arn, service_context = request.get("resource_arn", "*"), request.get("service_context") or {}
        found = iam_evaluator._resource_policy(service, resource_arn)
        if found is None:
            return None
        keys = {name.lower(): value for name, value in service_context.items()}
        context = iam_evaluator.EvalContext(
            f"arn:aws:iam::{account}:root",
            "Root",
            account,
            action,
            resource_arn,
            where[0],
            service_context=keys,
        )
        verdict = evaluate(found[0], context)
        return verdict if verdict.decision == "Deny" else None

    PIN_CALLER.replace(pin_request_caller)
    RESOURCE_POLICY.replace(evaluate_resource_policy)
    ENFORCE.replace(enforce_root_too)


def trust_for(document: dict[str, Any] | str, service: str) -> dict[str, Any]:
    """A trust policy for one caller: `service`, or, when empty, a caller that is not a service."""
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    kept = []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        if not isinstance(principal, dict):
            kept.append(statement)
            continue
        trusted = principal.get("Service", [])
        if service and service in ([trusted] if isinstance(trusted, str) else trusted):
            kept.append({**statement, "Principal": {"Service": service}})
        elif not service and (
            others := {kind: named for kind, named in principal.items() if kind != "Service"}
        ):
            kept.append({**statement, "Principal": others})
    return {**document, "Statement": kept}


def _install_trust() -> None:
    evaluate = TRUST_POLICY.check()

    def evaluate_trust_policy(document: Any, caller: str, context: Any = None) -> bool:
        service, source_arn = _service.get()
        if service and context is not None:
            account = context.resource_arn.split(":")[4]
            if caller != f"arn:aws:iam::{account}:root":
                return False  # a service acts in its caller's account
            keys = {"aws:sourceaccount": account, "aws:principalisawsservice": "true"}
            if source_arn:
                keys["aws:sourcearn"] = source_arn
            context = dataclasses.replace(context, service_context={**context.service_context, **keys})
        return bool(evaluate(trust_for(document, service), caller, context))

    TRUST_POLICY.replace(evaluate_trust_policy)


def install() -> None:
    """Give the evaluator the callers and condition keys that our policies use."""
    _install_condition_keys()
    _install_callers()
    _install_trust()
