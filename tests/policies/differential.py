"""Two independent evaluators on the same random policies and requests.

The policy simulator (``simulation.py``) judges the ledger; the emulator's IAM engine
(``ministack.core.iam_evaluator``, in process and unpatched) enforces policies in the sandbox. Both judge
random policies with the constructs of the shipped policies. If they disagree, one of the explanations below
must state which is right by AWS's documentation; a disagreement without an explanation is an error.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ministack.core import iam_evaluator

from tests.policies.documents import CONSUMER, PRODUCER, REGION, STRANGER
from tests.policies.simulation import Policy, Request

_BUCKET = "arn:aws:s3:::lake"
_ROLE = f"arn:aws:iam::{PRODUCER}:role/ddb-lake-delivery"
_PRINCIPALS = [
    _ROLE,
    f"arn:aws:iam::{PRODUCER}:role/Administrator",
    f"arn:aws:iam::{CONSUMER}:role/Administrator",
    f"arn:aws:iam::{CONSUMER}:role/ddb-lake-delivery",
    f"arn:aws:iam::{STRANGER}:role/ddb-lake-delivery",
]
_SERVICES = ["firehose.amazonaws.com", "events.amazonaws.com", f"logs.{REGION}.amazonaws.com"]

# Service → actions on one kind of resource, resources of that kind, and patterns a policy might contain.
_KINDS: list[tuple[list[str], list[str], list[str]]] = [
    (
        ["s3:PutObject", "s3:GetObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload", "s3:DeleteObject"],
        [
            f"{_BUCKET}/data/dt=2026-11-20/ddb-lake-1",
            f"{_BUCKET}/errors/x/ddb-lake-1",
            f"{_BUCKET}/other/ddb-lake-1",
        ],
        [f"{_BUCKET}/data/dt=*/ddb-lake-*", f"{_BUCKET}/errors/*/ddb-lake-*", f"{_BUCKET}/*", _BUCKET, "*"],
    ),
    (
        ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads", "s3:PutBucketPolicy"],
        [_BUCKET, f"{_BUCKET}-2"],
        [_BUCKET, f"{_BUCKET}*", f"{_BUCKET}/*", "*"],
    ),
    (
        ["kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:ScheduleKeyDeletion"],
        [f"arn:aws:kms:{REGION}:{CONSUMER}:key/0aaaaaaa-0000-4000-8000-000000000001"],
        [
            f"arn:aws:kms:{REGION}:{CONSUMER}:key/0aaaaaaa-0000-4000-8000-000000000001",
            f"arn:aws:kms:{REGION}:{CONSUMER}:key/*",
            f"arn:aws:kms:{REGION}:{CONSUMER}:key/0bbbbbbb-0000-4000-8000-000000000002",
            "*",
        ],
    ),
    (
        ["kinesis:GetRecords", "kinesis:PutRecord", "kinesis:DescribeStream", "kinesis:ListShards"],
        [f"arn:aws:kinesis:{REGION}:{PRODUCER}:stream/changes"],
        [
            f"arn:aws:kinesis:{REGION}:{PRODUCER}:stream/changes",
            f"arn:aws:kinesis:*:{PRODUCER}:stream/ch*",
            "*",
        ],
    ),
    (
        ["lambda:InvokeFunction", "lambda:GetFunctionConfiguration", "lambda:UpdateFunctionCode"],
        [
            f"arn:aws:lambda:{REGION}:{PRODUCER}:function:transform",
            f"arn:aws:lambda:{REGION}:{PRODUCER}:function:transform:$LATEST",
        ],
        [
            f"arn:aws:lambda:{REGION}:{PRODUCER}:function:transform",
            f"arn:aws:lambda:{REGION}:{PRODUCER}:function:transform:*",
            "*",
        ],
    ),
    (
        ["glue:GetTable", "glue:UpdateTable", "glue:DeleteTable"],
        [
            f"arn:aws:glue:{REGION}:{CONSUMER}:table/ddb_lake/changes",
            f"arn:aws:glue:{REGION}:{CONSUMER}:table/ddb_lake/crawled_data",
        ],
        [
            f"arn:aws:glue:{REGION}:{CONSUMER}:table/ddb_lake/changes",
            f"arn:aws:glue:{REGION}:{CONSUMER}:table/ddb_lake/crawled_*",
            f"arn:aws:glue:{REGION}:{CONSUMER}:catalog",
            "*",
        ],
    ),
]

# Context key → values for requests and policies; every key can be used with the service of every kind.
_ARN_KEYS = {
    "aws:PrincipalArn": [*_PRINCIPALS, f"arn:aws:iam::{PRODUCER}:role/*", f"arn:aws:iam::{PRODUCER}:*"],
    "aws:SourceArn": [
        f"arn:aws:events:{REGION}:{CONSUMER}:rule/crawled",
        f"arn:aws:events:{REGION}:{CONSUMER}:rule/*",
        f"arn:aws:events:{REGION}:{STRANGER}:rule/crawled",
        f"arn:aws:events:{REGION}:*rule/crawled",  # a wildcard that would have to match a colon
    ],
}
_TEXT_KEYS = {
    "aws:SourceAccount": [PRODUCER, CONSUMER, STRANGER],
    "aws:PrincipalAccount": [PRODUCER, CONSUMER, STRANGER],
    "aws:RequestedRegion": [REGION, "eu-west-1"],
}
_OF_SERVICE: dict[str, dict[str, list[str]]] = {
    "kms": {"kms:ViaService": [f"s3.{REGION}.amazonaws.com", f"kinesis.{REGION}.amazonaws.com"]},
    "s3": {
        "s3:x-amz-acl": ["bucket-owner-full-control", "private"],
        "s3:authType": ["REST-HEADER", "REST-QUERY-STRING"],
    },
}
_TEXT_OPERATORS = ["StringEquals", "StringNotEquals", "StringLike", "StringEqualsIfExists"]
_ARN_OPERATORS = ["ArnEquals", "ArnLike", "ArnEqualsIfExists", "ArnNotEquals", "ArnNotLike"]
OPERATORS = {*_TEXT_OPERATORS, *_ARN_OPERATORS, "Bool", "Null"}


@dataclass(frozen=True)
class Pair:
    """One random request with the policies that apply to it."""

    principal: str
    session: bool  # whether the caller is a role session, with its STS ARN
    action: str
    resource: str
    owner_account: str
    context: dict[str, str] = field(hash=False)
    identity: list[dict[str, Any]] = field(hash=False)
    owner: dict[str, Any] | None = field(hash=False)

    @property
    def is_service(self) -> bool:
        return not self.principal.startswith("arn:")

    @property
    def signed_by(self) -> str:
        if not self.session:
            return self.principal
        account, name = self.principal.split(":")[4], self.principal.rsplit("/", 1)[-1]
        return f"arn:aws:sts::{account}:assumed-role/{name}/session"

    def request(self) -> Request:
        """The pair as the simulator takes it."""
        return Request(
            principal=self.signed_by,
            action=self.action,
            resource=self.resource,
            account=self.owner_account,
            context=self.context,
            identity=tuple(Policy(f"identity {i}", "identity", d) for i, d in enumerate(self.identity)),
            owner=Policy("owner", "resource", self.owner) if self.owner else None,
        )

    def emulator_allows(self) -> bool:
        """The verdict of the emulator's engine, put together as ``iam_evaluator.enforce`` does."""
        context = iam_evaluator.EvalContext(
            principal_arn=self.signed_by,
            principal_type="AssumedRole",
            principal_account="" if self.is_service else self.principal.split(":")[4],
            action=self.action,
            resource_arn=self.resource,
            region=self.context["aws:RequestedRegion"],
            secure_transport=self.context["aws:SecureTransport"] == "true",
            service_context={key.lower(): value for key, value in self.context.items()},
        )
        if self.is_service:
            verdict = iam_evaluator.evaluate_resource_policy(self.owner, context, service=self.principal)
            return bool(verdict.decision == "Allow")
        policies = [iam_evaluator.parse_policy_document(document) for document in self.identity]
        verdict = iam_evaluator.evaluate(context, policies)
        if self.owner is not None:
            verdict = iam_evaluator.combine_resource_policy(
                verdict, context, self.owner, self.owner_account, required=self.action.startswith("kms:")
            )
        return bool(verdict.decision == "Allow")


def pairs(number: int, seed: int) -> list[Pair]:
    chance = random.Random(seed)  # noqa: S311 - policies, not secrets
    return [_pair(chance) for _ in range(number)]


def _pair(chance: random.Random) -> Pair:
    actions, resources, patterns = chance.choice(_KINDS)
    action = chance.choice(actions)
    service = action.partition(":")[0]
    resource = chance.choice(resources)
    owner_account = resource.split(":")[4] or CONSUMER
    principal = chance.choice(_PRINCIPALS if chance.random() < 0.85 else _SERVICES)
    is_service = not principal.startswith("arn:")
    context = {"aws:SecureTransport": chance.choice(["true", "true", "false"]), "aws:RequestedRegion": REGION}
    if not is_service:
        context |= {"aws:PrincipalArn": principal, "aws:PrincipalAccount": principal.split(":")[4]}
    for key, values in {
        "aws:SourceArn": _ARN_KEYS["aws:SourceArn"][:3:2],
        "aws:SourceAccount": _TEXT_KEYS["aws:SourceAccount"],
        **_OF_SERVICE.get(service, {}),
    }.items():
        carried = key != "s3:x-amz-acl" or action in {"s3:PutObject", "s3:PutObjectAcl"}
        if carried and chance.random() < 0.6:
            context[key] = chance.choice(values)
    foreign = is_service or principal.split(":")[4] != owner_account
    has_policy = foreign or service == "kms" or chance.random() < 0.7

    def document(with_principal: bool) -> dict[str, Any]:
        count = chance.choice([1, 1, 2, 3])
        statements = [_statement(chance, action, actions, patterns, with_principal) for _ in range(count)]
        return {"Version": "2012-10-17", "Statement": statements}

    return Pair(
        principal,
        session=not is_service and chance.random() < 0.2,
        action=action,
        resource=resource,
        owner_account=owner_account,
        context=context,
        identity=[] if is_service else [document(False) for _ in range(chance.choice([0, 1, 1, 1, 2]))],
        owner=document(True) if has_policy else None,
    )


def _statement(
    chance: random.Random, action: str, actions: list[str], patterns: list[str], with_principal: bool
) -> dict[str, Any]:
    service = action.partition(":")[0]
    wide = [f"{service}:*", action[:-3] + "*", action.upper(), f"{service}:???*"]
    chosen = chance.sample([*actions, chance.choice(wide)], chance.choice([1, 2]))
    if chance.random() < 0.5 and action not in chosen:
        chosen.append(action)
    statement: dict[str, Any] = {
        "Effect": "Deny" if chance.random() < 0.2 else "Allow",
        "Action": chosen if len(chosen) > 1 else chosen[0],
        "Resource": chance.sample(patterns, chance.choice([1, 1, min(2, len(patterns))])),
    }
    if with_principal:
        statement["Principal"] = _principal(chance)
    conditions: dict[str, dict[str, Any]] = {}
    for _ in range(chance.choice([0, 0, 1, 1, 2])):
        operator, key, value = _test(chance, service)
        conditions.setdefault(operator, {})[key] = value
    return {**statement, "Condition": conditions} if conditions else statement


def _principal(chance: random.Random) -> Any:
    accounts = [PRODUCER, CONSUMER, STRANGER]
    names = [*_PRINCIPALS, *(f"arn:aws:iam::{a}:root" for a in accounts for _ in "ab"), *accounts]
    kind = chance.random()
    if kind < 0.2:
        return "*"
    if kind < 0.35:
        return {"Service": chance.choice(_SERVICES)}
    if kind < 0.45:
        return {"Service": chance.sample(_SERVICES, 2), "AWS": chance.choice(names)}
    return {"AWS": chance.choice(names) if kind < 0.8 else chance.sample(names, 2)}


def _test(chance: random.Random, service: str) -> tuple[str, str, Any]:
    kind = chance.random()
    texts = {**_TEXT_KEYS, **_OF_SERVICE.get(service, {})}
    if kind < 0.15:
        return "Bool", "aws:SecureTransport", chance.choice(["true", "false"])
    if kind < 0.25:
        return "Null", chance.choice([*texts, "aws:SourceArn"]), chance.choice(["true", "false"])
    known, operators = (_ARN_KEYS, _ARN_OPERATORS) if kind < 0.65 else (texts, _TEXT_OPERATORS)
    key = chance.choice(list(known))
    values = chance.sample(known[key], chance.choice([1, 1, 2]))
    operator = chance.choice(operators)
    if operator == "StringLike":
        values = [value[: len(value) // 2] + "*" for value in values]
    return operator, key, values if len(values) > 1 else values[0]


# Reasons for a disagreement. Each is tested: without its cause, the two evaluators must agree.

_OVER_A_COLON = f"arn:aws:events:{REGION}:*rule/crawled"


@dataclass(frozen=True)
class Explanation:
    """A cause of disagreement: whether a pair has it, the pair without it, and who is right."""

    applies: Callable[[Pair], bool]
    without: Callable[[Pair], Pair]
    text: str


def _reads(pair: Pair, *keys: str) -> bool:
    text = json.dumps([pair.identity, pair.owner])
    return any(f'"{key}"' in text for key in keys)


def _as_role(pair: Pair) -> Pair:
    return replace(pair, session=False)


def _with_parts(pair: Pair) -> Pair:
    spelled = _OVER_A_COLON.replace(":*rule", ":*:rule")
    identity, owner = json.loads(
        json.dumps([pair.identity, pair.owner])
        .replace(_OVER_A_COLON, spelled)
        .replace(f'"arn:aws:iam::{PRODUCER}:*"', f'"arn:aws:iam::{PRODUCER}:role/*"')
    )
    return replace(pair, identity=identity, owner=owner)


def _with_principal_keys(pair: Pair) -> Pair:
    named = {"aws:PrincipalArn": pair.principal, "aws:PrincipalAccount": ""}
    return replace(pair, context={**pair.context, **named})


EXPLANATIONS = {
    "session": Explanation(
        lambda pair: pair.session and _reads(pair, "aws:PrincipalArn"),
        _as_role,
        "The emulator takes aws:PrincipalArn for the session's ARN; on AWS it is the role's (IAM user guide, "
        '"AWS global condition context keys"). The simulator is right; the sandbox puts its emulator right.',
    ),
    "colon": Explanation(
        lambda pair: (
            _reads(pair, "aws:SourceArn") and _OVER_A_COLON in json.dumps([pair.identity, pair.owner])
        ),
        _with_parts,
        "The emulator lets a wildcard of an ARN condition reach over colons; AWS compares the six parts one "
        'by one (IAM user guide, "Amazon Resource Name (ARN) condition operators"). The simulator is right; '
        "no shipped policy has such a pattern.",
    ),
    "service": Explanation(
        lambda pair: pair.is_service and _reads(pair, "aws:PrincipalArn", "aws:PrincipalAccount"),
        _with_principal_keys,
        "The emulator fills in aws:PrincipalArn and aws:PrincipalAccount for a service too; AWS sends "
        "neither when a service calls in its own name (same page). The simulator is right; no shipped "
        "statement for a service reads either key.",
    ),
}


def explanations(pair: Pair) -> list[str]:
    """The names in EXPLANATIONS of the possible causes of a disagreement on this pair."""
    return [name for name, cause in EXPLANATIONS.items() if cause.applies(pair)]


def without_causes(pair: Pair) -> Pair:
    """The pair without any cause of disagreement: the two evaluators must agree on it."""
    for name in explanations(pair):
        pair = EXPLANATIONS[name].without(pair)
    return pair


def arn_patterns_of(document: dict[str, Any]) -> list[str]:
    """Every value of an ARN condition in a document, for the claim that none matches a colon."""
    statements = document["Statement"]
    return [
        value
        for statement in (statements if isinstance(statements, list) else [statements])
        for operator, keys in statement.get("Condition", {}).items()
        if re.match(r"(For(Any|All)Values?:)?Arn", operator)
        for values in keys.values()
        for value in (values if isinstance(values, list) else [values])
    ]
