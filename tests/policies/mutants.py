"""Policy documents changed on purpose: mutants that widen or remove one part, and edits without effect.

If the access ledger cannot distinguish a mutant from the original, the ledger has a hole or nobody needs the
permission. Mutants that AWS itself could not distinguish are not created:

* a wildcard that adds no existing action, or only actions whose requests never carry a key that the
  statement needs;
* in a bucket's, key's or function's own policy, a resource beyond that bucket, key or function;
* ``aws:PrincipalArn`` and the resource's account only if sent: AWS sends them with every signed request;
* a wider principal beside ``ArnEquals aws:PrincipalArn``, which already names a single role (a mutant with
  another principal replaces it);
* a key ID with a wildcard after it: all IDs have the same length.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.policies import toolbox
from tests.policies.simulation import Policy

_LIKE = {
    "StringEquals": "StringLike",
    "StringLike": "StringLike",
    "ArnEquals": "ArnLike",
    "ArnLike": "ArnLike",
}
_ALWAYS_SENT = {"aws:PrincipalArn", "aws:ResourceAccount", "s3:ResourceAccount"}
_ANY = {"StringLike": "*", "ArnLike": "arn:*:*:*:*:*"}


@dataclass(frozen=True)
class Mutant:
    """One change to one policy. ``sid`` is its statement, ``change`` describes it."""

    policy: Policy
    sid: str
    change: str
    removed_action: str | None = None  # of an Allow: the action that was removed
    touched: tuple[str, ...] = ("*",)  # action patterns: the change affects no other request
    reached: tuple[str, ...] = ("*",)  # and resource patterns

    @property
    def name(self) -> str:
        return f"{self.policy.name} / {self.sid}: {self.change}"

    def touches(self, action: str, resource: str) -> bool:
        """Whether the statement applies to such a request, before or after the change."""
        return _is_among(action, self.touched) and _is_among(resource, self.reached)


@lru_cache(maxsize=65536)
def _is_among(name: str, patterns: tuple[str, ...]) -> bool:
    return any(_expression(pattern).match(name.lower()) for pattern in patterns)


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".") + "$")


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@lru_cache(maxsize=64)
def service_actions(service: str) -> dict[str, Any]:
    """Every action AWS knows of a service, by its name in lower case, from the simulator's own data."""
    folder = toolbox.SIMULATOR / "node_modules" / "@cloud-copilot" / "iam-data" / "data" / "actions"
    known: dict[str, Any] = json.loads((folder / f"{service}.json").read_text(encoding="utf-8"))
    return known


def granted(actions: list[str]) -> set[str]:
    """The actions that match a list of patterns."""
    found: set[str] = set()
    for pattern in actions:
        service, _, name = pattern.lower().partition(":")
        found |= {
            f"{service}:{action}" for action in service_actions(service) if _expression(name).match(action)
        }
    return found


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Every statement, action, principal, resource and condition, in turn removed or widened."""
    for index, statement in enumerate(statements(policy.document)):
        sid = statement.get("Sid", f"statement {index + 1}")

        actions = listed(statement["Action"])
        only = actions[0] if len(actions) == 1 else None
        gone: Change = ("the statement removed", None, only)
        for change, replaced, action in (gone, *_changes(statement, policy.kind)):
            kept = list(statements(policy.document))
            kept[index : index + 1] = [] if replaced is None else [replaced]
            document = {**policy.document, "Statement": kept or [_INERT[policy.kind]]}
            grant = action if statement["Effect"] == "Allow" else None
            touched = (*actions, *(listed(replaced["Action"]) if replaced else ()))
            versions = [statement, *([replaced] if replaced else [])]
            reached = tuple(arn for one in versions for arn in listed(one.get("Resource", "*")))
            yield Mutant(Policy(policy.name, policy.kind, document), sid, change, grant, touched, reached)


# Replaces a policy whose only statement was removed: it grants nothing that any request needs.
_NOTHING = {"Sid": "Inert", "Effect": "Allow", "Action": "sts:GetFederationToken"}
_INERT: dict[str, dict[str, Any]] = {
    "identity": {**_NOTHING, "Resource": "*"},
    "resource": {**_NOTHING, "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Resource": "*"},
    "trust": {**_NOTHING, "Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
    "endpoint": {**_NOTHING, "Principal": "*", "Resource": "*"},
}

# The change, the resulting statement (None: removed), the action that was removed.
Change = tuple[str, dict[str, Any] | None, str | None]


def _changes(statement: dict[str, Any], kind: str) -> Iterator[Change]:
    opposite = "Deny" if statement["Effect"] == "Allow" else "Allow"
    yield f"Effect changed to {opposite}", {**statement, "Effect": opposite}, None
    yield from _action_changes(statement, kind)
    if (
        "Principal" in statement and kind != "endpoint"
    ):  # "*" is the only principal allowed in an endpoint policy
        yield from _principal_changes(statement)
    if "Resource" in statement:
        yield from _resource_changes(statement, kind)
    yield from _condition_changes(statement)


def _action_changes(statement: dict[str, Any], kind: str) -> Iterator[Change]:
    actions = listed(statement["Action"])
    if len(actions) > 1:
        for action in actions:
            yield f"{action} removed", {**statement, "Action": [a for a in actions if a != action]}, action
    now = granted(actions)
    wider = [f"{action}*" for action in actions if not action.endswith("*")]
    wider += sorted({action.partition(":")[0] + ":*" for action in actions})
    for pattern in wider:
        if any(_can_match(action, statement) for action in granted([pattern]) - now):
            yield f"{pattern} added", {**statement, "Action": [*actions, pattern]}, None
    if kind in {"identity", "endpoint"}:  # other resource policies apply only to their own service
        yield "every action", {**statement, "Action": "*"}, None


def _can_match(action: str, statement: dict[str, Any]) -> bool:
    """Whether a request for the action can carry every service key that the statement's conditions need."""
    sent = {key.lower().split("${")[0].split("/")[0] for key in _keys_of(action)}
    for operator, keys in statement.get("Condition", {}).items():
        absent_will_do = operator.endswith("IfExists") or operator.startswith("StringNot")
        for key in keys:
            if key.lower().startswith("aws:") or absent_will_do:
                continue
            if not any(key.lower().startswith(known) for known in sent):
                return False
    return True


@lru_cache(maxsize=1024)
def _keys_of(action: str) -> frozenset[str]:
    service, _, name = action.partition(":")
    entry = service_actions(service)[name]
    return frozenset(entry["conditionKeys"]).union(
        *(kind["conditionKeys"] for kind in entry["resourceTypes"])
    )


def _principal_changes(statement: dict[str, Any]) -> Iterator[Change]:
    principal = statement["Principal"]
    if principal == "*":
        yield "principal * changed to an account", {**statement, "Principal": {"AWS": _STRANGER}}, None
        return
    pinned = "aws:PrincipalArn" in statement.get("Condition", {}).get("ArnEquals", {})
    if not pinned:
        yield "every principal", {**statement, "Principal": "*"}, None
    for kind, values in principal.items():
        other = "ec2.amazonaws.com" if kind == "Service" else _STRANGER
        for value in listed(values):
            kept = [one for one in listed(values) if one != value]
            for change, changed in (
                (f"principal {value} changed to {other}", [*kept, other]),
                (f"principal {value} removed", kept),
                (f"principal {other} added", [*listed(values), other]),
            ):
                if changed and not (pinned and value in changed):
                    yield change, {**statement, "Principal": {**principal, kind: changed}}, None


_STRANGER = "arn:aws:iam::333333333333:root"


def _resource_changes(statement: dict[str, Any], kind: str) -> Iterator[Change]:
    resources = listed(statement["Resource"])
    for resource in resources:
        if len(resources) > 1:
            kept = [other for other in resources if other != resource]
            yield f"resource {resource} removed", {**statement, "Resource": kept}, None
        for wider in _wider_arns(resource):
            inside = kind != "resource" or re.match(r"arn:aws:s3:::[^/*]+/", wider)
            if inside and wider not in resources:
                changed = [wider if other == resource else other for other in resources]
                yield f"resource {resource} widened to {wider}", {**statement, "Resource": changed}, None


def _wider_arns(arn: str) -> list[str]:
    """Ever wider patterns: ``…:table/db/changes`` → ``…:table/db/*`` → ``…:table/*`` → ``*``."""
    if arn == "*":
        return []
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return ["*"]
    name = parts[5]
    cuts = [match.end() for match in re.finditer(r"[/:]", name.rstrip("*").rstrip("/:"))]
    wider = [":".join(parts[:5]) + ":" + name[:cut] + "*" for cut in reversed(cuts)]
    if not name.endswith("*") and parts[2] != "kms":
        wider.insert(0, arn + "*")
    return [pattern for pattern in dict.fromkeys([*wider, "*"]) if pattern != arn]


def _condition_changes(statement: dict[str, Any]) -> Iterator[Change]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            for change, changed, value in _test_changes(operator, key, listed(values)):
                yield change, _with_test(statement, (operator, key), changed, value), None


def _test_changes(operator: str, key: str, values: list[Any]) -> Iterator[tuple[str, str | None, Any]]:
    """The change of one condition test, its new operator (None: removed) and its new values."""
    yield f"condition {operator} {key} removed", None, None
    if operator in {"Bool", "Null"}:
        flipped = "true" if str(values[0]).lower() == "false" else "false"
        yield f"condition {operator} {key} changed to {flipped}", operator, flipped
    if operator not in _LIKE:
        return
    if key not in _ALWAYS_SENT:
        yield f"condition {key} only if it is sent", f"{operator}IfExists", values
    for value in values:
        if len(values) > 1:
            yield f"condition {key} without {value}", operator, [v for v in values if v != value]
        for wider in _wider_values(str(value), _LIKE[operator]):
            if wider not in values:
                widened = [wider if other == value else other for other in values]
                yield f"condition {key} {value} widened to {wider}", _LIKE[operator], widened


def _with_test(
    statement: dict[str, Any], test: tuple[str, str], operator: str | None, value: Any
) -> dict[str, Any]:
    condition = copy.deepcopy(statement["Condition"])
    old, key = test
    del condition[old][key]
    if operator is not None:
        condition.setdefault(operator, {})[key] = value
    condition = {name: keys for name, keys in condition.items() if keys}
    rest = {name: item for name, item in statement.items() if name != "Condition"}
    return {**rest, "Condition": condition} if condition else rest


def _wider_values(value: str, like: str) -> list[str]:
    if value.startswith("arn:"):
        return [*(arn for arn in _wider_arns(value) if arn != "*"), _ANY[like]]
    if value.endswith(".amazonaws.com"):
        return ["*." + value.partition(".")[2], _ANY[like]]
    return [_ANY[like]]


# Edits without effect


def harmless(policy: Policy) -> Iterator[Mutant]:
    """Reorderings and equal spellings: no verdict may depend on any of them."""
    document = policy.document

    def edit(change: str, changed: list[dict[str, Any]]) -> Mutant:
        return Mutant(Policy(policy.name, policy.kind, {**document, "Statement": changed}), "all", change)

    originals = statements(document)
    if len(originals) > 1:
        yield edit("statements in reverse order", originals[::-1])
    yield edit(
        "every statement twice", [*originals, *({**s, "Sid": f"{s.get('Sid', 'S')}Again"} for s in originals)]
    )
    yield edit("other Sids", [{**s, "Sid": f"Renamed{i}"} for i, s in enumerate(originals)])
    yield edit("lists in reverse order", [_reversed(s) for s in originals])
    yield edit("lists for single values", [_as_lists(s) for s in originals])
    yield edit("single values for lists of one", [_as_scalars(s) for s in originals])
    yield edit(
        "actions in capitals", [{**s, "Action": [a.upper() for a in listed(s["Action"])]} for s in originals]
    )
    yield edit(
        "one statement per action",
        [
            {**s, "Action": a, "Sid": f"A{i}{j}"}
            for i, s in enumerate(originals)
            for j, a in enumerate(listed(s["Action"]))
        ],
    )
    yield edit("condition keys in lower case", [_conditions(s, key=str.lower) for s in originals])
    yield edit(
        "ArnLike for ArnEquals", [_conditions(s, operator={"ArnEquals": "ArnLike"}.get) for s in originals]
    )
    if policy.kind in {"resource", "trust"}:
        yield edit("account ids for root ARNs", [_account_ids(s) for s in originals])


def _reversed(statement: dict[str, Any]) -> dict[str, Any]:
    return {key: value[::-1] if isinstance(value, list) else value for key, value in statement.items()}


def _as_lists(statement: dict[str, Any]) -> dict[str, Any]:
    changed = {
        key: listed(value) if key in {"Action", "Resource"} else value for key, value in statement.items()
    }
    if "Condition" in statement:
        changed["Condition"] = {
            operator: {key: listed(value) for key, value in keys.items()}
            for operator, keys in statement["Condition"].items()
        }
    return changed


def _as_scalars(statement: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in statement.items()
    }


def _conditions(statement: dict[str, Any], key: Any = None, operator: Any = None) -> dict[str, Any]:
    if "Condition" not in statement:
        return statement
    changed: dict[str, dict[str, Any]] = {}
    for name, keys in statement["Condition"].items():
        block = changed.setdefault((operator(name) if operator else None) or name, {})
        block.update({(key(k) if key else k): value for k, value in keys.items()})
    return {**statement, "Condition": changed}


def _account_ids(statement: dict[str, Any]) -> dict[str, Any]:
    principal = statement.get("Principal")
    if not isinstance(principal, dict) or "AWS" not in principal:
        return statement
    ids = [re.sub(r"^arn:aws:iam::(\d{12}):root$", r"\1", value) for value in listed(principal["AWS"])]
    return {**statement, "Principal": {**principal, "AWS": ids}}
