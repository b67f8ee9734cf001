"""Drive the policy simulator: a separate Node program, started once for a whole batch of requests.

The simulator is ``@cloud-copilot/iam-simulate`` (npm, AGPL-3.0), pinned in ``simulator/package-lock.json``
and installed by ``make test-policies``; no part of it is imported or shipped.

The module handles two of its defects:

* It drops context keys whose variable part follows a colon (``kms:EncryptionContext:aws:s3:arn``).
  They are renamed, the same way in every policy and every request, to a key that it keeps.
* It refuses any principal but ``*`` in an endpoint policy. Ours use ``*`` with ``aws:PrincipalArn``, as
  gateway endpoints need, so a refusal is reported, not worked around.

If it ignores a context key that a policy uses, its verdict is worthless: that is an error.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.policies import toolbox

PolicyKind = Literal["identity", "resource", "trust", "endpoint"]

_DROPPED_KEY = re.compile(r"^kms:EncryptionContext:(?P<name>.+)$", re.IGNORECASE)


class SimulationError(RuntimeError):
    """The simulator refused a policy or a request, or ignored a key that a policy uses."""


@dataclass(frozen=True)
class Policy:
    """A concrete policy document. ``name`` states its owner: ``producer/DeliveryRole``."""

    name: str
    kind: PolicyKind
    document: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Request:
    """One authorisation decision, as AWS would take it.

    ``principal`` is an ARN, a service (``firehose.amazonaws.com``) or None for an unsigned request;
    ``account`` owns the resource; ``owner`` is the resource's own policy (bucket, key, trust, function).
    """

    principal: str | None
    action: str
    resource: str
    account: str
    context: Mapping[str, str | list[str]] = field(hash=False)
    identity: tuple[Policy, ...] = ()
    owner: Policy | None = None
    endpoints: tuple[Policy, ...] = ()

    @property
    def policies(self) -> tuple[Policy, ...]:
        return (*self.identity, *([self.owner] if self.owner else []), *self.endpoints)


@dataclass(frozen=True)
class Decision:
    """``decided`` names the deciding statements as ``policy: Sid``; empty if no statement allows it."""

    allowed: bool
    decided: tuple[str, ...]
    granted: tuple[bool, bool, bool]  # by identity, by the resource's owner, by the endpoint

    def why(self, request: Request) -> str:
        """The deciding statement, or the side that grants nothing."""
        if self.decided:
            return ", ".join(self.decided)
        layers = (
            (bool(request.identity) or request.owner is None, "identity policy"),
            (request.owner is not None, "resource policy"),
            (bool(request.endpoints), "endpoint policy"),
        )
        silent = [
            name
            for (present, name), granted in zip(layers, self.granted, strict=True)
            if present and not granted
        ]
        return "no statement allows it: " + " and ".join(silent or ["neither side"])


def _renamed(key: str) -> str:
    match = _DROPPED_KEY.match(key)
    return (
        f"aws:PrincipalTag/kms.EncryptionContext.{match['name'].replace(':', '.').lower()}" if match else key
    )


def _renamed_document(document: Mapping[str, Any]) -> dict[str, Any]:
    statements = document["Statement"]
    renamed = []
    for statement in statements if isinstance(statements, list) else [statements]:
        statement = dict(statement)  # noqa: PLW2901 - the caller's document stays as it is
        if "Condition" in statement:
            statement["Condition"] = {
                operator: {_renamed(key): value for key, value in keys.items()}
                for operator, keys in statement["Condition"].items()
            }
        renamed.append(statement)
    return {**document, "Statement": renamed}


def condition_keys(document: Mapping[str, Any]) -> set[str]:
    """Every context key that the document's conditions read, in lower case."""
    statements = document["Statement"]
    return {
        key.lower()
        for statement in (statements if isinstance(statements, list) else [statements])
        for keys in statement.get("Condition", {}).values()
        for key in keys
    }


def judge(requests: Sequence[Request] | Iterable[Request]) -> list[Decision]:
    """The simulator's decision on each request, in order. One process start for any number."""
    requests = list(requests)
    names: dict[int, str] = {}
    lines: list[str] = []
    used: set[str] = set()
    kept: list[Policy] = []  # a policy must stay alive while its id() is a key of names

    def name(policy: Policy) -> str:
        if id(policy) not in names:
            names[id(policy)] = f"{len(names)}|{policy.name}"
            kept.append(policy)
            document = _renamed_document(policy.document)
            used.update(condition_keys(document))
            message = {"policy": names[id(policy)], "kind": policy.kind, "document": document}
            lines.append(json.dumps(message))
        return names[id(policy)]

    for index, request in enumerate(requests):
        message = {
            "id": index,
            "principal": request.principal,
            "action": request.action,
            "resource": request.resource,
            "account": request.account,
            "context": {_renamed(key): value for key, value in request.context.items()},
            "identity": [name(policy) for policy in request.identity],
            "owner": name(request.owner) if request.owner else None,
            "endpoints": [name(policy) for policy in request.endpoints],
        }
        lines.append(json.dumps(message))
    try:
        answers = _run(lines)
    except SimulationError as error:
        match = re.search(r"request (\d+): ", str(error))
        refused = requests[int(match[1])] if match else None
        where = f"{refused.action} on {refused.resource} by {refused.principal}: " if refused else ""
        raise SimulationError(f"{where}{error}") from None
    decisions = []
    for request, answer in zip(requests, answers, strict=True):
        blind = sorted(key for key in answer["ignored"] if key.lower() in used)
        if blind:
            raise SimulationError(
                f"the simulator ignored {', '.join(blind)} on {request.action}, which a policy reads: "
                "rename the key in tests/policies/simulation.py, or send it only where AWS does"
            )
        decisions.append(
            Decision(
                allowed=answer["verdict"] == "Allowed",
                decided=tuple(f"{d['policy'].split('|', 1)[1]}: {d['statement']}" for d in answer["decided"]),
                granted=tuple(answer["granted"]),
            )
        )
    return decisions


def _run(lines: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [toolbox.node(), str(toolbox.SIMULATOR / "evaluate.mjs")],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=900,  # only for a hanging process: the work takes ten seconds, more on a slow machine
    )
    if done.returncode != 0:
        message = [line for line in done.stderr.splitlines() if "Error:" in line]
        raise SimulationError("\n".join(message) or done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line]
